import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openSpillDatabase } from "../../../runtime/state/spill-database.ts";

let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-log-"));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const SLOTS = 400;
const KILO = 1024;

/** A value of about a hundred kilobytes that says whose and which it is. */
function valueAt(slot: number, version: number): Uint8Array {
  const value = new Uint8Array(100 * KILO + slot).fill(version);
  value[0] = slot & 255;
  return value;
}

test("what is written again and again keeps its last value, and the disk does not fill up with the others", async () => {
  const location = join(folder, "rewritten");
  const database = await openSpillDatabase(location);
  const space = database.newSpace();
  const versions = new Map<number, number>();
  let most = 0;
  for (let round = 1; round <= 12; round++) {
    for (let slot = 0; slot < SLOTS; slot++) {
      // Each tenth stays as it is written now, among those that are written again.
      const place = slot % 10 === 0 ? SLOTS + round * SLOTS + slot : slot;
      database.put(space, place, valueAt(place, round));
      versions.set(place, round);
      if (database.overdue !== undefined) await database.overdue;
    }
    await database.settled();
    most = Math.max(most, database.diskBytes);
    for (const [slot, version] of versions) {
      const found = database.get(space, slot);
      expect([found.length, found[0], found[1], found.at(-1)]).toEqual([
        100 * KILO + slot,
        slot & 255,
        version,
        version,
      ]);
    }
  }
  // In the end 90 MB are of use, and 520 were written; half of what lies there may be waste, and three segments.
  expect(most).toBeLessThan(280 * KILO * KILO);
  expect((await readdir(location)).length).toBeLessThan(8);
  expect(database.diskReads).toBeGreaterThan(1000);
  await database.close();
  expect(await readdir(folder)).not.toContain("rewritten");
});

test("what is of no use any more gives its room back, by value and by space", async () => {
  const database = await openSpillDatabase(join(folder, "forgotten"));
  const [first, second] = [database.newSpace(), database.newSpace()];
  for (let slot = 0; slot < SLOTS * 2; slot++) database.put(first, slot, valueAt(slot, 1));
  database.put(second, 7, valueAt(7, 2));
  await database.settled();
  expect(database.diskBytes).toBeGreaterThan(70 * KILO * KILO);
  for (let slot = 1; slot < SLOTS; slot++) database.forget(first, slot);
  database.forgetAll(first);
  database.put(second, 8, valueAt(8, 2));
  await database.settled();
  expect(database.diskBytes).toBeLessThan(70 * KILO * KILO);
  expect([database.get(second, 7)[1], database.get(second, 8)[1]]).toEqual([2, 2]);
  expect(() => database.get(first, 0)).toThrow(expect.objectContaining({ code: "STATE_SPILL" }));
  await database.close();
});

test("a value that is larger than a buffer and a segment is one as any other", async () => {
  const database = await openSpillDatabase(join(folder, "large"));
  const space = database.newSpace();
  const large = new Uint8Array(40 * KILO * KILO).fill(3);
  database.put(space, 0, large);
  database.put(space, 1, Uint8Array.of(1));
  for (let times = 0; times < 2; times++) {
    expect(Buffer.compare(database.get(space, 0), large)).toBe(0);
    expect([...database.get(space, 1)]).toEqual([1]);
    await database.settled();
  }
  await database.close();
});

test("what cannot be written is said at the next write and to those who wait, and what there is can be read", async () => {
  const location = join(folder, "gone");
  const database = await openSpillDatabase(location);
  const space = database.newSpace();
  await rm(location, { recursive: true });
  database.put(space, 0, Uint8Array.of(1, 2));
  const failed = expect.objectContaining({ code: "STATE_SPILL", message: expect.stringContaining(location) });
  await expect(database.settled()).rejects.toThrow(failed);
  expect(() => database.put(space, 1, Uint8Array.of(1))).toThrow(failed);
  expect([...database.get(space, 0)]).toEqual([1, 2]);
  await database.close();
});
