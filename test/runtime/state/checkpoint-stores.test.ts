import { spawnSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { type CheckpointStore, checkpointName } from "../../../runtime/state/checkpoint-store.ts";
import { openDirectoryStore } from "../../../runtime/state/directory-store.ts";
import { isLocked, LevelDatabase, openLevelStore } from "../../../runtime/state/level-store.ts";
import { MemoryStore } from "../../../runtime/state/memory-store.ts";
import { checkpointNotesSuite, checkpointStoreSuite } from "../../conformance/checkpoint-store.ts";

const folders: string[] = [];

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), "millrace-store-"));
  folders.push(made);
  return made;
}

afterEach(async () => {
  for (const each of folders.splice(0)) await rm(each, { recursive: true, force: true });
});

const name = checkpointName(1);
const failed = expect.objectContaining({ code: "CHECKPOINT_STORE" });

async function blocksOf(store: CheckpointStore, count: number): Promise<(Uint8Array | undefined)[]> {
  const places = Array.from({ length: count }, (_, number) => ({ checkpoint: name, worker: "a", number }));
  const found: (Uint8Array | undefined)[] = [];
  for await (const block of store.readBlocks(places)) found.push(block);
  return found;
}

/** A store on disk in a folder of its own. */
function onDisk(openIn: (location: string) => Promise<CheckpointStore>) {
  let location = "";
  return {
    open: async () => {
      location = await folder();
      return openIn(location);
    },
    reopen: async (store: CheckpointStore) => {
      await store.close();
      return openIn(location);
    },
  };
}

checkpointStoreSuite("LevelDB", onDisk(openLevelStore));
checkpointStoreSuite("directory", onDisk(openDirectoryStore));
checkpointNotesSuite("LevelDB", onDisk(openLevelStore));
checkpointNotesSuite("directory", onDisk(openDirectoryStore));

const databases = new Map<CheckpointStore, { readonly database: LevelDatabase; readonly location: string }>();

/** One place of a database that has others, whose names begin alike. */
async function placeIn(location: string): Promise<CheckpointStore> {
  const database = await LevelDatabase.open(location);
  for (const place of ["job/10", "job/0", "jo/1", "job-/1"]) {
    const other = database.store(place);
    await other.writeBlocks({ checkpoint: checkpointName(7), worker: "a", first: 0, blocks: [Uint8Array.of(7)] });
    await other.writeManifest(checkpointName(7), Uint8Array.of(7));
  }
  const store = database.store("job/1");
  databases.set(store, { database, location });
  return store;
}

checkpointStoreSuite("a place in LevelDB", {
  open: async () => placeIn(await folder()),
  reopen: async (store) => {
    const { database, location } = databases.get(store) as { database: LevelDatabase; location: string };
    await database.close();
    return placeIn(location);
  },
});

test("the places of a database are listed, and removed by a job alone or one by one", async () => {
  const database = await LevelDatabase.open(await folder());
  for (const place of ["job/0", "job/1", "job/10", "job2/0", "jo/0"])
    await database.store(place).writeManifest(name, Uint8Array.of(1));
  await database.remove("job/1");
  expect(await database.places()).toEqual(["jo/0", "job/0", "job/10", "job2/0"]);
  await database.remove("job");
  expect(await database.places()).toEqual(["jo/0", "job2/0"]);
  expect(await database.store("job2/0").manifests()).toEqual([name]);
  expect(() => database.store("job")).toThrow(/no place/);
  expect(() => database.store("../x/y")).toThrow(/no place/);
  await database.close();
});

checkpointStoreSuite("memory", {
  open: async () => new MemoryStore(),
  reopen: async (store) => {
    (store as MemoryStore).crash();
    return store;
  },
});

describe.each([
  ["LevelDB", openLevelStore],
  ["directory", openDirectoryStore],
])("%s", (_, openIn) => {
  test("a place that is no folder is refused by name", async () => {
    const place = join(await folder(), "file");
    await writeFile(place, "x");
    await expect(openIn(place)).rejects.toThrow(failed);
    await expect(openIn(place)).rejects.toThrow(place);
  });
});

test("a LevelDB store is open once at a time", async () => {
  const location = await folder();
  const store = await openLevelStore(location);
  const second = await openLevelStore(location).catch((error: unknown) => error);
  expect([second, isLocked(second)]).toEqual([failed, true]);
  const elsewhere = await openLevelStore(join(location, "CURRENT")).catch((error: unknown) => error);
  expect([elsewhere, isLocked(elsewhere)]).toEqual([failed, false]);
  await store.close();
  await (await openLevelStore(location)).close();
});

/** What runs `fill-store.ts` in `$2` where there is little room, and leaves behind what it has written. */
const fullDisks = [
  {
    disk: "limit of files",
    // A soft limit, in blocks of 1 KiB; without the signal a write fails as on a full disk.
    script: 'trap "" XFSZ; ulimit -S -f 400; exec "$0" "$1" "$2" "prlimit --pid \\$FILLING --fsize=unlimited"',
  },
  {
    disk: "disk",
    // One of memory, in a namespace of its own, in which nobody needs to be root.
    script: [
      'full=$(mktemp -d); mount -t tmpfs -o size=600k tmpfs "$full"',
      '"$0" "$1" "$full" "mount -o remount,size=16m $full"; cp -a "$full"/. "$2"; umount "$full"; rmdir "$full"; kill -9 $$',
    ].join("; "),
    namespace: ["-Urm"],
  },
];
/** Not every system lets its users have namespaces. */
const mayMount = spawnSync("unshare", ["-Urm", "mount", "-t", "tmpfs", "tmpfs", tmpdir()]).status === 0;

test.each(fullDisks.filter(({ namespace }) => namespace === undefined || mayMount))(
  "what LevelDB has taken after a write failed on a full $disk survives the end of its process",
  async ({ script, namespace }) => {
    const location = await folder();
    const fixture = join(import.meta.dirname, "fixtures/fill-store.ts");
    const bash = ["bash", "-c", script, process.execPath, fixture, location];
    const [command = "", ...args] = namespace === undefined ? bash : ["unshare", ...namespace, ...bash];
    const process_ = spawnSync(command, args, { encoding: "utf8" });
    expect(process_.signal, process_.stderr).toBe("SIGKILL");
    const lines = process_.stdout.trim().split("\n");
    const failures = lines.filter((line) => line.startsWith("failed: "));
    expect(failures[0]).toMatch(/the checkpoint store .* could not write blocks/);
    const written = lines.filter((line) => !line.startsWith("failed: ")).map(Number);
    expect(written.at(-1)).toBe(written.length + failures.length - 1);
    const store = await openLevelStore(location);
    const places = written.flatMap((batch) =>
      [0, 1, 2].map((part) => ({ checkpoint: name, worker: "a", number: 3 * batch + part })),
    );
    const found: (number | undefined)[] = [];
    for await (const block of store.readBlocks(places.map((place) => ({ ...place, worker: "w" }))))
      found.push(block?.[0]);
    expect(found).toEqual(written.flatMap((batch) => [batch, batch + 1, batch + 2]));
    await store.close();
  },
);

test("a directory store that may not be written says so, and what it holds can be read", async () => {
  const location = await folder();
  const store = await openDirectoryStore(location);
  await store.writeBlocks({ checkpoint: name, worker: "a", first: 0, blocks: [Uint8Array.of(1)] });
  // Where a folder should go stands a file: refused to every user, unlike missing permissions.
  await writeFile(join(location, "blocks", checkpointName(2)), "in the way");
  const write = store.writeBlocks({ checkpoint: checkpointName(2), worker: "a", first: 0, blocks: [] });
  await expect(write).rejects.toThrow(failed);
  expect(await blocksOf(store, 1)).toEqual([Uint8Array.of(1)]);
});

test("what a write that failed has left behind is no block and no manifest", async () => {
  const location = await folder();
  const store = await openDirectoryStore(location);
  await mkdir(join(location, "manifests", name)); // renaming onto it fails
  await expect(store.writeManifest(name, Uint8Array.of(1))).rejects.toThrow(failed);
  await rm(join(location, "manifests", name), { recursive: true });
  expect(await readdir(join(location, "manifests"))).toEqual([]);
  expect(await store.manifests()).toEqual([]);
});

test("every cut of a file of blocks, and every flipped byte of its head, leaves blocks missing or short, never others", async () => {
  const location = await folder();
  const store = await openDirectoryStore(location);
  const blocks = [Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5)];
  await store.writeBlocks({ checkpoint: name, worker: "a", first: 0, blocks });
  const path = join(location, "blocks", name, "a@0");
  const whole = await readFile(path);
  const headBytes = whole.length - 5;
  for (let length = 0; length < whole.length; length++) {
    await writeFile(path, whole);
    await truncate(path, length);
    const found = await blocksOf(store, 2);
    expect(found.filter((block, i) => block?.length === blocks[i]?.length).length).toBeLessThan(2);
  }
  for (let at = 0; at < headBytes; at++) {
    const damaged = Buffer.from(whole);
    damaged[at] = (damaged[at] as number) ^ 1;
    await writeFile(path, damaged);
    expect(await blocksOf(store, 2)).toEqual([undefined, undefined]);
  }
});

test("the folder of a directory store is its owner's alone where it writes", async () => {
  const location = await folder();
  await chmod(location, 0o700);
  const store = await openDirectoryStore(location);
  await store.writeManifest(name, Uint8Array.of(1));
  expect(await store.manifests()).toEqual([name]);
});

describe("the disk in memory", () => {
  const batch = (store: CheckpointStore) =>
    store.writeBlocks({
      checkpoint: name,
      worker: "a",
      first: 0,
      blocks: Array.from({ length: 4 }, (_, i) => new Uint8Array(10).fill(i)),
    });

  test("that is full keeps a part and refuses", async () => {
    const store = new MemoryStore();
    store.failNext("full");
    await expect(batch(store)).rejects.toThrow(failed);
    expect((await blocksOf(store, 4)).map((block) => block?.length)).toEqual([10, 10, undefined, undefined]);
    await batch(store);
    expect((await blocksOf(store, 4)).map((block) => block?.length)).toEqual([10, 10, 10, 10]);
  });

  test("that is torn keeps a cut block, but no part of a manifest", async () => {
    const store = new MemoryStore();
    store.failNext("torn");
    await expect(batch(store)).rejects.toThrow(failed);
    expect((await blocksOf(store, 4)).map((block) => block?.length)).toEqual([10, 10, 5, undefined]);
    store.failNext("torn");
    await expect(store.writeManifest(name, new Uint8Array(10))).rejects.toThrow(failed);
    expect(await store.manifests()).toEqual([]);
  });

  test("that does not sync loses at the crash what it had shown", async () => {
    const store = new MemoryStore();
    await batch(store);
    store.failNext("unsynced");
    await store.writeManifest(name, Uint8Array.of(1));
    expect(await store.manifests()).toEqual([name]);
    store.crash();
    expect(await store.manifests()).toEqual([]);
    expect((await blocksOf(store, 4)).every((block) => block?.length === 10)).toBe(true);
  });
});
