import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync, symlinkSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import type { BundleHash } from "../../../runtime/cluster-ids.ts";
import { BundleCache, type BundleCacheOptions } from "../../../runtime/worker/bundle-cache.ts";
import { tempFolder } from "../../connectors/temp-folder.ts";

const temp = tempFolder();
let folders = 0;

const codeOf = (name: string): Buffer => Buffer.from(`export default ${JSON.stringify(name)};`);
const hashOf = (name: string): BundleHash => createHash("sha256").update(codeOf(name)).digest("hex") as BundleHash;

interface Made {
  readonly cache: BundleCache;
  readonly folder: string;
  readonly requested: BundleHash[];
  /** Gets a bundle that the coordinator has. */
  fetch(name: string): Promise<string>;
}

function cacheOf(options: Partial<BundleCacheOptions> = {}): Made {
  const folder = join(temp.path, String(folders++));
  const requested: BundleHash[] = [];
  const cache = new BundleCache({ folder, request: (hash) => requested.push(hash), ...options });
  return {
    cache,
    folder: options.folder ?? folder,
    requested,
    async fetch(name) {
      const asked = requested.length;
      const got = cache.get(hashOf(name));
      while (requested.length === asked) await setTimeout(1);
      cache.received(hashOf(name), codeOf(name));
      return await got;
    },
  };
}

describe("a bundle", () => {
  test("is asked for once, whoever wants it, and stays", async () => {
    const { cache, requested } = cacheOf();
    const both = [cache.get(hashOf("a")), cache.get(hashOf("a"))];
    await expect.poll(() => requested).toEqual([hashOf("a")]);
    cache.received(hashOf("a"), codeOf("a"));
    const [one, two] = await Promise.all(both);
    expect(one).toBe(two);
    expect(readFileSync(fileURLToPath(one as string))).toEqual(codeOf("a"));
    expect(await cache.get(hashOf("a"))).toBe(one);
    expect(requested).toHaveLength(1);
  });

  test("is found again by another process, and its URL has no symbolic link", async () => {
    const first = cacheOf();
    await first.fetch("a");
    const link = join(temp.path, "link");
    symlinkSync(first.folder, link);
    const second = cacheOf({ folder: link });
    expect(await second.cache.get(hashOf("a"))).toBe(await first.cache.get(hashOf("a")));
    expect(second.requested).toEqual([]);
  });

  test("that was damaged on disk is asked for again", async () => {
    const first = cacheOf();
    await first.fetch("a");
    temp.write(`${first.folder.slice(temp.path.length)}/${hashOf("a")}.mjs`, "export default 666;");
    const second = cacheOf({ folder: first.folder });
    const url = await second.fetch("a");
    expect(readFileSync(fileURLToPath(url))).toEqual(codeOf("a"));
  });

  test("is readable by its owner only, and nothing else is left behind", async () => {
    const { folder, fetch } = cacheOf();
    await fetch("a");
    expect(readdirSync(folder)).toEqual([`${hashOf("a")}.mjs`]);
    expect(statSync(join(folder, `${hashOf("a")}.mjs`)).mode & 0o777).toBe(0o600);
  });
});

describe("BUNDLE_UNAVAILABLE", () => {
  test.each<[string, (cache: BundleCache) => void, RegExp]>([
    ["the coordinator has none", (cache) => cache.received(hashOf("a"), undefined), /does not have it any more/],
    ["what came has another content", (cache) => cache.received(hashOf("a"), codeOf("b")), /another content/],
    ["the connection is lost", (cache) => cache.connectionLost(), /coordinator is gone/],
  ])("when %s, and the next try asks again", async (_, answer, message) => {
    const { cache, requested, fetch } = cacheOf();
    const got = cache.get(hashOf("a"));
    await expect.poll(() => requested.length).toBe(1);
    answer(cache);
    await expect(got).rejects.toMatchObject({ code: "BUNDLE_UNAVAILABLE", message: expect.stringMatching(message) });
    await fetch("a");
    expect(requested).toHaveLength(2);
  });

  test("when it cannot be written", async () => {
    const { cache, requested } = cacheOf({ folder: temp.write("file", "") });
    const got = cache.get(hashOf("a"));
    await expect.poll(() => requested.length).toBe(1);
    cache.received(hashOf("a"), codeOf("a"));
    await expect(got).rejects.toMatchObject({ code: "BUNDLE_UNAVAILABLE", message: /cannot be written/ });
  });
});

describe("of too many bundles", () => {
  const age = (folder: string, name: string, seconds: number): void =>
    utimesSync(join(folder, `${hashOf(name)}.mjs`), seconds, seconds);

  test("the ones that were not used for longest go, but none that is in use", async () => {
    const { cache, folder, fetch } = cacheOf({ kept: 2, keptMsMin: 1000 });
    for (const [at, name] of ["a", "b", "c"].entries()) {
      await fetch(name);
      age(folder, name, at + 1);
    }
    cache.release(hashOf("b"));
    cache.release(hashOf("c"));
    await fetch("d");
    const left = readdirSync(folder).sort();
    expect(left).toEqual(["a", "c", "d"].map((name) => `${hashOf(name)}.mjs`).sort());
  });

  test("none goes that another process may be about to use", async () => {
    const { cache, folder, fetch } = cacheOf({ kept: 1, keptMsMin: 60_000 });
    for (const name of ["a", "b", "c"]) {
      await fetch(name);
      cache.release(hashOf(name));
    }
    expect(readdirSync(folder)).toHaveLength(3);
  });
});
