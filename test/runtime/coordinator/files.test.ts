import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { BundleHash, JobId } from "../../../runtime/cluster-ids.ts";
import { BundleStore } from "../../../runtime/coordinator/bundle-store.ts";
import { JobLogFiles } from "../../../runtime/coordinator/job-log-files.ts";
import { bundleFile, jobFolder, sinkFile } from "../../../runtime/coordinator/job-paths.ts";
import { JobResultFiles } from "../../../runtime/coordinator/job-result-files.ts";
import type { JobLogLine } from "../../../runtime/coordinator/job-store.ts";

const job = "job1" as JobId;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-files-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe("paths", () => {
  test.each(["", "..", "../x", "a/b", "a\\b", "/etc", ".x", "a".repeat(65), "a\0b", "a%2f"])(
    "%j is no job's folder",
    (id) => {
      expect(() => jobFolder(folder, id as JobId)).toThrow(expect.objectContaining({ code: "NOT_FOUND" }));
    },
  );

  test.each(["", "..", "../../etc/passwd", `${"a".repeat(63)}G`, "A".repeat(64), "a".repeat(65)])(
    "%j is no bundle",
    (hash) => {
      expect(() => bundleFile(folder, hash as BundleHash)).toThrow(expect.objectContaining({ code: "NOT_FOUND" }));
    },
  );

  test("a sink's name never leaves its folder, and two names never share a file", () => {
    const names = ["out", "..", "../out", "a/b", "a_b", "ä", "~x", "a".repeat(300), ""];
    const files = names.map((name) => sinkFile("/results", name));
    expect(new Set(files).size).toBe(names.length);
    for (const file of files) expect(file).toMatch(/^\/results\/[~A-Za-z0-9_-]+\.jsonl$/);
  });
});

describe("logs", () => {
  const line = (message: string): JobLogLine => ({ time: 1, level: "info", message, fields: {} });
  const open = (bytesMax?: number): JobLogFiles =>
    new JobLogFiles({
      folder,
      ...(bytesMax === undefined ? {} : { bytesMax }),
      failed: (cause) => {
        throw cause;
      },
    });

  async function readAll(logs: JobLogFiles, from = 0): Promise<{ messages: string[]; next: number }> {
    const messages: string[] = [];
    let next = from;
    for (;;) {
      const slice = await logs.read(job, next);
      messages.push(...slice.lines.map(({ message }) => message));
      if (slice.lines.length === 0) return { messages, next: slice.next };
      next = slice.next;
    }
  }

  test("lines come back in order, and an offset goes on where it was", async () => {
    const logs = open();
    logs.append(job, line("one"));
    logs.append(job, line("two"));
    await logs.flushed(job);
    const first = await readAll(logs);
    expect(first.messages).toEqual(["one", "two"]);
    logs.append(job, line("three"));
    await logs.close();
    expect((await readAll(logs, first.next)).messages).toEqual(["three"]);
  });

  test("another process goes on with the same log", async () => {
    const before = open();
    before.append(job, line("one"));
    await before.close();
    const { next } = await readAll(before);
    const after = open();
    after.append(job, line("two"));
    await after.close();
    expect((await readAll(after)).messages).toEqual(["one", "two"]);
    expect((await readAll(after, next)).messages).toEqual(["two"]);
  });

  test("the newest lines stay within the cap, and old offsets lead to the oldest that is left", async () => {
    const logs = open(8_000);
    for (let at = 0; at < 500; at++) {
      logs.append(job, line(`line ${at}`));
      if (at % 10 === 0) await logs.flushed(job);
    }
    await logs.close();
    const { messages } = await readAll(logs);
    expect(messages.at(-1)).toBe("line 499");
    expect(messages.length).toBeLessThan(200);
    expect(messages).toEqual(Array.from({ length: messages.length }, (_, at) => `line ${500 - messages.length + at}`));
    const names = await readdir(join(folder, job));
    const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, job, name))).size));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(8_000);
  });

  test("what comes faster than it can be written is dropped, and the log says how much", async () => {
    const logs = open();
    const large = "x".repeat(60_000);
    for (let at = 0; at < 200; at++) logs.append(job, line(large));
    await logs.close();
    const { messages } = await readAll(logs);
    const kept = messages.filter((message) => message === large).length;
    const dropped = messages.map((message) => /^(\d+) lines were dropped/.exec(message)?.[1]).filter(Boolean);
    expect(kept + Number(dropped[0])).toBe(200);
    expect(kept).toBeLessThan(100);
  });

  test("a line that is too long is cut, and what JSON lacks is text", async () => {
    const logs = open();
    logs.append(job, line("y".repeat(200_000)));
    logs.append(job, { ...line("big"), fields: { count: 12n } });
    await logs.close();
    const { lines } = await logs.read(job, 0);
    expect(lines[0]?.message).toMatch(/^y+ … \(cut\)$/);
    expect(lines[1]?.fields).toEqual({ count: "12" });
  });

  test("a line that a crash has cut is passed over", async () => {
    const before = open();
    before.append(job, line("one"));
    await before.close();
    const path = join(folder, job, "0000000000000000.jsonl");
    await writeFile(path, `${await readFile(path, "utf8")}{"time":1,"mess`);
    const after = open();
    after.append(job, line("two"));
    after.append(job, line("three"));
    await after.close();
    expect((await readAll(after)).messages).toEqual(["one", "three"]);
  });

  test("a deleted job leaves nothing", async () => {
    const logs = open();
    logs.append(job, line("one"));
    await logs.remove(job);
    expect(await readdir(folder)).toEqual([]);
  });
});

describe("results", () => {
  const open = (options: { rowsMax?: number; bytesMax?: number } = {}): JobResultFiles =>
    new JobResultFiles({ folder, ...options });

  test("rows are counted and read from any row on", async () => {
    const results = open();
    const rows = Array.from({ length: 2_500 }, (_, id) => ({ id }));
    expect(await results.append(job, "out", rows.slice(0, 1_500))).toBe(1_500);
    expect(await results.append(job, "out", rows.slice(1_500))).toBe(2_500);
    for (const [from, max] of [
      [0, 3],
      [999, 3],
      [1_499, 2],
      [2_000, 1_000],
      [2_499, 10],
    ] as const) {
      expect(await results.read(job, "out", from, max)).toEqual(rows.slice(from, from + max));
    }
    expect(await results.read(job, "out", 2_500, 1)).toEqual([]);
    expect(await results.read(job, "other", 0, 1)).toEqual([]);
  });

  test("another process reads what is there", async () => {
    const rows = Array.from({ length: 1_200 }, (_, id) => ({ id }));
    await open().append(job, "out", rows);
    expect(await open().read(job, "out", 1_100, 5)).toEqual(rows.slice(1_100, 1_105));
    expect(await open().append(job, "out", [{ id: 1_200 }])).toBe(1_201);
  });

  test("rows of an earlier attempt go before those of the next come", async () => {
    const results = open();
    const [, , count] = await Promise.all([
      results.append(job, "out", [1, 2, 3]),
      results.clear(job, ["out", "nothing"]),
      results.append(job, "out", [4]),
    ]);
    expect(count).toBe(1);
    expect(await results.read(job, "out", 0, 10)).toEqual([4]);
  });

  test("dates, bigints, bytes and what JSON lacks are told", async () => {
    const results = open();
    const row = { at: new Date(0), big: 2n ** 70n, bytes: new Uint8Array([1, 2]), mean: Number.NaN };
    await results.append(job, "out", [row, undefined, "text"]);
    expect(await results.read(job, "out", 0, 10)).toEqual([
      { at: "1970-01-01T00:00:00.000Z", big: "1180591620717411303424", bytes: "AQI=", mean: null },
      null,
      "text",
    ]);
  });

  test("too many rows or bytes are refused, and what was there stays", async () => {
    const results = open({ rowsMax: 3, bytesMax: 100 });
    await results.append(job, "out", [1, 2]);
    await expect(results.append(job, "out", [3, 4])).rejects.toMatchObject({ code: "BAD_OPTION", operator: "out" });
    await expect(results.append(job, "long", ["x".repeat(200)])).rejects.toMatchObject({ code: "BAD_OPTION" });
    expect(await results.append(job, "out", [3])).toBe(3);
    expect(await results.read(job, "out", 0, 10)).toEqual([1, 2, 3]);
  });

  test("a deleted job leaves nothing", async () => {
    const results = open();
    await results.append(job, "out", [1]);
    await results.remove(job);
    expect(await readdir(folder)).toEqual([]);
  });
});

describe("bundles", () => {
  const code = Buffer.from("export default 1;");
  const hash = createHash("sha256").update(code).digest("hex") as BundleHash;

  async function open(): Promise<BundleStore> {
    const bundles = new BundleStore(join(folder, "bundles"));
    await bundles.open();
    return bundles;
  }

  test("are stored under their hash, once", async () => {
    const bundles = await open();
    const stored = await bundles.put(hash, code);
    expect(stored).toMatchObject({ hash, bytes: code.length });
    expect(await bundles.put(hash, code)).toEqual(stored);
    expect(await bundles.list()).toEqual([stored]);
    expect(Buffer.from((await bundles.read(hash)) ?? [])).toEqual(code);
    expect(await readFile(bundles.path(hash))).toEqual(code);
  });

  test("of another hash are refused, and leave nothing", async () => {
    const bundles = await open();
    const other = "0".repeat(64) as BundleHash;
    await expect(bundles.put(other, code)).rejects.toMatchObject({ code: "BAD_OPTION" });
    expect(await readdir(join(folder, "bundles"))).toEqual([]);
    expect(await bundles.read(other)).toBeUndefined();
  });

  test("that a crash left half written are cleared away", async () => {
    await open();
    await writeFile(join(folder, "bundles", `${hash}.mjs.1.part`), "export def");
    const bundles = await open();
    expect(await readdir(join(folder, "bundles"))).toEqual([]);
    expect(await bundles.has(hash)).toBe(false);
  });

  test("are deleted", async () => {
    const bundles = await open();
    await bundles.put(hash, code);
    expect(await bundles.delete(hash)).toBe(true);
    expect(await bundles.delete(hash)).toBe(false);
  });
});
