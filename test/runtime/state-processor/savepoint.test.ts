/** Savepoints that programs make and read: what is written is what is read, whatever it is, and what is wrong has a name. */

import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeKey, type Key } from "../../../core/key.ts";
import { listState, mapState, reducingState, types, valueState, withTtl } from "../../../index.ts";
import { newSavepoint, openSavepoint, type SavepointTimer } from "../../../runtime/state-processor/index.ts";

let folder = "";
let folders = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-state-"));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

function fresh(): string {
  return join(folder, String(folders++));
}

async function all<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const row of rows) found.push(row);
  return found;
}

const textOf = (key: Key): string => encodeKey(key, "test");

/** By key, so that order does not matter. */
function byKey<T extends { readonly key: Key }>(rows: readonly T[]): Map<string, T> {
  return new Map(rows.map((row) => [textOf(row.key), row]));
}

const key: fc.Arbitrary<Key> = fc.oneof(
  fc.string({ maxLength: 8 }),
  fc.integer(),
  fc.bigInt(),
  fc.boolean(),
  fc.tuple(fc.string({ maxLength: 4 }), fc.integer()),
);
const value = fc.oneof(
  fc.string(),
  fc.double({ noNaN: true }),
  fc.record({ a: fc.integer(), b: fc.option(fc.string()) }),
);

const sum = reducingState((a: unknown) => a);

test("what states are filled with is what is read of them", async () => {
  const entries = <T>(of: fc.Arbitrary<T>) => fc.array(fc.record({ key, value: of }), { maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(
      entries(value),
      entries(fc.array(value, { minLength: 1, maxLength: 5 })),
      entries(fc.array(fc.tuple(fc.string(), value), { minLength: 1, maxLength: 5 }).map((parts) => new Map(parts))),
      fc.integer({ min: 1, max: 40 }),
      async (values, lists, maps, keyGroups) => {
        const to = fresh();
        await newSavepoint({ job: "made", keyGroups })
          .fill("op", "value", valueState<unknown>(), values)
          .fill("op", "sum", sum, values)
          .fill("op", "list", listState<unknown>(), lists)
          .fill("other", "map", mapState<string, unknown>(), maps)
          .write(to);
        const savepoint = await openSavepoint(to);
        expect([savepoint.job, savepoint.keyGroups]).toEqual(["made", keyGroups]);
        const read = async (operator: string, state: string, descriptor: ReturnType<typeof valueState>) =>
          savepoint.operators.some(({ name }) => name === operator)
            ? byKey(await all(savepoint.operator(operator).read(state, descriptor)).catch(() => []))
            : new Map();
        expect(await read("op", "value", valueState<unknown>() as never)).toEqual(byKey(values));
        expect(await read("op", "sum", sum as never)).toEqual(byKey(values));
        expect(await read("op", "list", listState() as never)).toEqual(byKey(lists));
        expect(await read("other", "map", mapState() as never)).toEqual(byKey(maps));
      },
    ),
    { numRuns: 25 },
  );
});

test("more entries than are held at a time, from an asynchronous source; the later of two values of a key holds", async () => {
  const to = fresh();
  async function* entries() {
    for (let i = 0; i < 25_000; i++) yield { key: i % 24_000, value: i };
  }
  await newSavepoint({ job: "made" }).fill("op", "n", valueState(types.int32), entries()).write(to);
  const savepoint = await openSavepoint(to);
  const rows = await all(savepoint.operator("op").read("n", valueState(types.int32)));
  expect(rows).toHaveLength(24_000);
  expect(rows.every(({ key: of, value: n }) => n === ((of as number) < 1000 ? (of as number) + 24_000 : of))).toBe(
    true,
  );
  expect(await all(savepoint.operator("op").keys("n"))).toHaveLength(24_000);
  expect(savepoint.operator("op").states).toEqual([{ name: "n", kind: "value", type: { kind: "int32" } }]);
});

test("timers are read as they were filled in, in both domains", async () => {
  const to = fresh();
  const timers: SavepointTimer[] = [
    { key: "a", domain: "event", timestamp: 5 },
    { key: "b", domain: "event", timestamp: -1 },
    { key: "a", domain: "processing", timestamp: 5 },
  ];
  await newSavepoint({ job: "made" }).fillTimers("op", timers).write(to);
  const read = await all((await openSavepoint(to)).operator("op").timers());
  expect(new Set(read.map((timer) => JSON.stringify(timer)))).toEqual(
    new Set(timers.map((timer) => JSON.stringify(timer))),
  );
});

/** A savepoint of an operator with three states, timers, and one without. */
async function sample(): Promise<string> {
  const to = fresh();
  const keys = ["a", "b", "c"];
  await newSavepoint({ job: "sample" })
    .fill(
      "op",
      "n",
      valueState(types.int32),
      keys.map((each, at) => ({ key: each, value: at })),
    )
    .fill(
      "op",
      "list",
      listState(types.string),
      keys.map((each) => ({ key: each, value: [each] })),
    )
    .fill(
      "other",
      "map",
      mapState(types.string, types.int32),
      keys.map((each) => ({ key: each, value: new Map([["x", 1]]) })),
    )
    .fillTimers(
      "op",
      keys.map((each) => ({ key: each, domain: "event", timestamp: 1 })),
    )
    .write(to);
  return to;
}

test("values are mapped, also to another type, and go where nothing is returned", async () => {
  const to = fresh();
  const savepoint = await openSavepoint(await sample());
  await savepoint
    .change()
    .map(
      "op",
      "n",
      valueState(types.int32),
      (n, of) => (of === "b" ? undefined : `${of}${n}`),
      valueState(types.string),
    )
    .map("other", "map", mapState(types.string, types.int32), (map) => new Map([...map, ["y", 2]]))
    .write(to);
  const changed = await openSavepoint(to);
  const op = changed.operator("op");
  expect(byKey(await all(op.read("n", valueState(types.string))))).toEqual(
    byKey([
      { key: "a", value: "a0" },
      { key: "c", value: "c2" },
    ]),
  );
  expect(op.states.find(({ name }) => name === "n")?.type).toEqual({ kind: "string" });
  expect(await all(op.read("list", listState(types.string)))).toHaveLength(3);
  expect(await all(op.timers())).toHaveLength(3);
  const maps = await all(changed.operator("other").read("map", mapState<string, number>()));
  expect(maps.map(({ value: map }) => [...map])).toEqual(
    Array.from({ length: 3 }, () => [
      ["x", 1],
      ["y", 2],
    ]),
  );
});

test("states and operators are left out, renamed and added", async () => {
  const to = fresh();
  const savepoint = await openSavepoint(await sample());
  await savepoint
    .change({ job: "next" })
    .remove("op", "list")
    .remove("op", "timers")
    .rename("op", "renamed")
    .removeOperator("other")
    .fill("op", "n", valueState(types.int32), [{ key: "d", value: 9 }])
    .fill("new", "flag", valueState(types.boolean), [{ key: 1, value: true }])
    .write(to);
  const changed = await openSavepoint(to);
  expect(changed.job).toBe("next");
  expect(changed.operators.map(({ name, states }) => [name, states.map((state) => state.name)])).toEqual([
    ["renamed", ["n"]],
    ["new", ["flag"]],
  ]);
  expect(await all(changed.operator("renamed").read("n", valueState(types.int32)))).toHaveLength(4);
});

test("a state is read with a schema to which its values can be converted", async () => {
  const op = (await openSavepoint(await sample())).operator("op");
  const rows = await all(op.read("n", valueState(types.bigint)));
  expect(rows.map(({ value: n }) => n).sort()).toEqual([0n, 1n, 2n]);
});

const misuses: readonly (readonly [what: string, code: string, use: (from: string) => Promise<unknown>])[] = [
  ["a folder without a savepoint", "NOT_FOUND", () => openSavepoint(folder)],
  ["an operator that is not there", "NOT_FOUND", async (from) => (await openSavepoint(from)).operator("gone")],
  [
    "a state that is not there",
    "NOT_FOUND",
    async (from) => all((await openSavepoint(from)).operator("op").read("gone", valueState())),
  ],
  [
    "changing one that is not there",
    "NOT_FOUND",
    async (from) => (await openSavepoint(from)).change().remove("op", "gone"),
  ],
  [
    "a state of another kind",
    "STATE_MISUSE",
    async (from) => all((await openSavepoint(from)).operator("op").read("n", listState())),
  ],
  [
    "a schema that does not fit",
    "UPGRADE_REFUSED",
    async (from) => all((await openSavepoint(from)).operator("op").read("n", valueState(types.string))),
  ],
  [
    "filling what is of another kind",
    "STATE_MISUSE",
    async (from) => (await openSavepoint(from)).change().fill("op", "n", listState<number>(), []).write(fresh()),
  ],
  [
    "filling with another schema",
    "BAD_OPTION",
    async (from) => (await openSavepoint(from)).change().fill("op", "n", valueState(types.number), []).write(fresh()),
  ],
  [
    "mapping twice",
    "BAD_OPTION",
    async (from) => {
      const keep = (n: number) => n;
      (await openSavepoint(from))
        .change()
        .map("op", "n", valueState(types.int32), keep)
        .map("op", "n", valueState(types.int32), keep);
    },
  ],
  [
    "two operators of one name",
    "BAD_OPTION",
    async (from) => (await openSavepoint(from)).change().rename("op", "other").write(fresh()),
  ],
  ["a folder that has a savepoint", "SAVEPOINT_FAILED", (from) => newSavepoint({ job: "made" }).write(from)],
  [
    "a key that is none",
    "BAD_KEY",
    () =>
      newSavepoint({ job: "made" })
        .fill("op", "n", valueState<number>(), [{ key: Number.NaN, value: 1 }])
        .write(fresh()),
  ],
  [
    "a value that cannot be saved",
    "BAD_RECORD",
    () =>
      newSavepoint({ job: "made" })
        .fill("op", "n", valueState<unknown>(), [{ key: 1, value: () => 1 }])
        .write(fresh()),
  ],
  ["no job", "BAD_OPTION", async () => newSavepoint({ job: "" })],
];

test.each(misuses)("is refused by name: %s", async (_, code, use) => {
  await expect(use(await sample())).rejects.toThrow(expect.objectContaining({ code }));
});

test("every byte that is flipped and every length to which a file is cut is found when it is opened", async () => {
  const from = await sample();
  const files = (await readdir(from, { recursive: true, withFileTypes: true })).filter((each) => each.isFile());
  expect(files.length).toBeGreaterThan(1);
  for (const { parentPath, name } of files) {
    const path = join(parentPath, name);
    const bytes = await readFile(path);
    const opens = (): Promise<unknown> =>
      expect(openSavepoint(from)).rejects.toThrow(expect.objectContaining({ code: "STATE_CORRUPT" }));
    for (let at = 0; at < bytes.length; at += 7) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] as number) ^ 0x10;
      await writeFile(path, damaged);
      await opens();
      await writeFile(path, bytes.subarray(0, at));
      await opens();
    }
    await writeFile(path, bytes);
  }
  await openSavepoint(from);
});

test("a block's file that is gone, and a newer format, are named", async () => {
  const from = await sample();
  const [manifest] = await readdir(join(from, "manifests"));
  const path = join(from, "manifests", manifest as string);
  const bytes = await readFile(path);
  const newer = Buffer.from(bytes);
  newer.writeUInt8(99, 4);
  newer.writeUInt32LE(crc32(newer.subarray(16), crc32(newer.subarray(0, 12))), 12);
  await writeFile(path, newer);
  await expect(openSavepoint(from)).rejects.toThrow(expect.objectContaining({ code: "CHECKPOINT_FORMAT" }));
  await writeFile(path, bytes);
  await rm(join(from, "blocks"), { recursive: true });
  await expect(openSavepoint(from)).rejects.toThrow(expect.objectContaining({ code: "STATE_CORRUPT" }));
});

test("a savepoint in LevelDB is written, read and changed as one in a folder", async () => {
  const [from, to] = [`level:${fresh()}`, `level:${fresh()}`];
  await newSavepoint({ job: "made" })
    .fill("op", "n", valueState(types.int32), [{ key: "a", value: 1 }])
    .write(from);
  {
    await using savepoint = await openSavepoint(from);
    await savepoint.change().rename("op", "other").write(to);
  }
  await using changed = await openSavepoint(to);
  expect(await all(changed.operator("other").read("n", valueState(types.int32)))).toEqual([{ key: "a", value: 1 }]);
  await expect(openSavepoint(`level:${fresh()}`)).rejects.toThrow(expect.objectContaining({ code: "NOT_FOUND" }));
});

test("a state that ages is filled as one that does not: its life begins when a job goes on with it", async () => {
  const to = fresh();
  await newSavepoint({ job: "made" })
    .fill("op", "n", withTtl(valueState(types.int32), "1h"), [{ key: 1, value: 1 }])
    .write(to);
  expect(await all((await openSavepoint(to)).operator("op").read("n", valueState(types.int32)))).toEqual([
    { key: 1, value: 1 },
  ]);
});
