/** Packed rows come back as they were, whatever they are and whichever go, and their memory with them. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PackedRows } from "../../../runtime/state/packed-rows.ts";

const numbers = fc.oneof(
  fc.integer(),
  fc.integer({ min: 0, max: 300 }),
  fc.maxSafeInteger(),
  fc.double(),
  fc.constantFrom(0, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2 ** 31, 2 ** 53, 2 ** 70),
);
const texts = fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.constantFrom("", "\ud800", "x".repeat(3000)));
const scalars = fc.oneof(numbers, texts, fc.boolean(), fc.constantFrom(null, undefined), fc.bigInt());
const any = fc.oneof(scalars, fc.date(), fc.array(scalars), fc.record({ a: scalars, b: scalars }), fc.constant({}));

/** Of one kind, so that columns are made of it, now and then with a hole. */
const kinds = [
  fc.integer({ min: 1_700_000_000_000, max: 1_700_000_100_000 }),
  fc.integer({ min: -100, max: 100 }),
  fc.integer({ min: 0, max: 60_000 }),
  fc.constantFrom(-0, 0, 1, 2),
  numbers,
  texts,
  fc.boolean(),
  fc.oneof(fc.constantFrom(null, undefined), fc.integer()),
  fc.oneof(fc.constantFrom(null, true, false), fc.string()),
  fc.record({ x: fc.integer(), y: fc.oneof(fc.constant(undefined), fc.string()) }),
  fc.oneof(fc.constant(null), fc.record({ x: fc.integer() })),
  fc.array(fc.integer()),
  fc.array(fc.oneof(texts, fc.record({ x: fc.integer(), y: fc.array(fc.string()) })), { maxLength: 4 }),
  fc.date({ noInvalidDate: true }),
  any,
];

const fieldNames = fc.uniqueArray(fc.oneof(fc.string(), fc.constantFrom("__proto__", "constructor", "0", "id", "ü")), {
  minLength: 1,
  maxLength: 6,
});

/** Rows with the same fields of the same kinds each; now and then one of another shape. */
const rowLists = fc
  .tuple(fieldNames, fc.array(fc.constantFrom(...kinds), { minLength: 6, maxLength: 6 }), fc.constantFrom(0, 0, 1))
  .chain(([names, of, weight]) => {
    const usual = fc
      .tuple(...names.map((_, at) => of[at] as fc.Arbitrary<unknown>))
      .map((values) => row(names, values));
    const other = fc.oneof(any, fc.record({ id: numbers }), fc.record({ id: numbers, more: texts }));
    return fc.array(fc.oneof({ weight: 8, arbitrary: usual }, { weight, arbitrary: other as fc.Arbitrary<unknown> }), {
      minLength: 1,
      maxLength: 40,
    });
  });

function row(names: readonly string[], values: readonly unknown[]): unknown {
  const made = {};
  for (const [at, name] of names.entries())
    Object.defineProperty(made, name, { value: values[at], enumerable: true, writable: true, configurable: true });
  return made;
}

describe("packed rows", () => {
  test("are what was given, however many come and whichever go", () => {
    fc.assert(
      fc.property(rowLists, fc.integer({ min: 2000, max: 7000 }), fc.nat(), (rows, count, seed) => {
        const store = new PackedRows(true);
        const kept: (readonly [handle: number, row: unknown, link: number])[] = [];
        let draw = seed;
        for (let i = 0; i < count; i++) {
          const row = rows[i % rows.length];
          kept.push([store.add(row, i * 3 - 1), row, i * 3 - 1]);
          // Behind the first rows as many go as come; which of them, the seed says.
          draw = (Math.imul(draw, 1_664_525) + 1_013_904_223) >>> 0;
          if (i < 1500) continue;
          const [gone] = kept.splice((draw >>> 8) % kept.length, 1);
          if (gone !== undefined) store.free(gone[0]);
        }
        expect(new Set(kept.map(([handle]) => handle)).size).toBe(kept.length);
        expect(store.size).toBe(kept.length);
        expect(kept.map(([handle]) => store.linkOf(handle))).toEqual(kept.map(([, , link]) => link));
        // What is the very same is not compared: a field "constructor" that is NaN makes a thing differ from itself there.
        const anew = kept.filter(([handle, row]) => !Object.is(store.at(handle), row));
        expect(anew.map(([handle]) => store.at(handle))).toStrictEqual(anew.map(([, row]) => row));
      }),
      { numRuns: 40 },
    );
  });

  test("that are read are others each time, so that whoever changes one changes no state", () => {
    const store = new PackedRows(false);
    const handles = Array.from({ length: 4000 }, (_, id) => store.add({ id, name: `row ${id}` }));
    (store.at(handles[3] as number) as { id: number }).id = -1;
    expect(store.at(handles[3] as number)).toStrictEqual({ id: 3, name: "row 3" });
    expect(store.at(handles[3999] as number)).toStrictEqual({ id: 3999, name: "row 3999" });
  });

  test("give their chunks back where all rows of one go, in any order", () => {
    const store = new PackedRows(true);
    const order = (i: number) => (i * 7919) % 10_000;
    for (let round = 0; round < 5; round++) {
      const handles = Array.from({ length: 10_000 }, (_, id) => store.add({ id, name: `row ${id}` }));
      for (let i = 0; i < handles.length; i++) store.free(handles[order(i)] as number);
      expect(store.size).toBe(0);
    }
    expect(store.chunks.used).toBeLessThanOrEqual(2);
    expect(store.chunks.most).toBeLessThanOrEqual(10_000 / 2048 + 3);
  });

  test("keep few columns for few rows: a chunk whose rows go is packed anew", () => {
    const store = new PackedRows(true);
    const handles = Array.from({ length: 100_000 }, (_, id) => store.add({ id, name: "x".repeat(100) + id }));
    for (const [id, handle] of handles.entries()) if (id % 16 !== 0) store.free(handle);
    for (let id = 0; id < handles.length; id += 16)
      expect(store.at(handles[id] as number)).toStrictEqual({ id, name: "x".repeat(100) + id });
    expect(store.packedPlaces).toBeLessThanOrEqual(store.size * 4 + 512);
  });

  test("that go while they are among the newest are never packed", () => {
    const store = new PackedRows(false);
    const handles = Array.from({ length: 20_000 }, (_, id) => store.add({ id }));
    expect(handles.filter((handle) => store.isPacked(handle)).length).toBeGreaterThan(15_000);
    const before = store.packed;
    let last = store.add({ id: -1 });
    for (let id = 0; id < 20_000; id++) {
      store.free(last);
      last = store.add({ id });
    }
    expect(store.packed - before).toBeLessThan(4096);
    expect(store.packedPlaces).toBe(store.packed);
    expect(store.at(last)).toStrictEqual({ id: 19_999 });
  });

  test("that are lists fill a chunk by their elements, and are packed", () => {
    const store = new PackedRows(false);
    const list = (id: number) => Array.from({ length: 3000 }, (_, at) => ({ id, name: `element ${at} of ${id}` }));
    const handles = Array.from({ length: 40 }, (_, id) => store.add(list(id)));
    expect(handles.filter((handle) => store.isPacked(handle)).length).toBeGreaterThan(10);
    for (const [id, handle] of handles.entries()) if (id % 3 !== 0) store.free(handle);
    for (const [id, handle] of handles.entries()) if (id % 3 === 0) expect(store.at(handle)).toStrictEqual(list(id));
  });

  test("that are arrays of other kinds are what was given", () => {
    class Own extends Array<number> {}
    const holes: unknown[] = [1, undefined, 3];
    delete holes[1];
    const rows = [
      [],
      [[]],
      [undefined],
      holes,
      Own.of(1, 2),
      [
        [1, ["a", null]],
        [{ a: [] }, 2n],
      ],
      null,
      { list: [1] },
    ];
    for (const alike of [rows, ...rows.map((row) => [row])]) {
      const store = new PackedRows(false);
      const handles = Array.from({ length: 8000 }, (_, i) => store.add(alike[i % alike.length]));
      expect(handles.filter((handle) => store.isPacked(handle)).length).toBeGreaterThan(4000);
      const read = handles.slice(0, 10).map((handle) => store.at(handle));
      expect(read).toStrictEqual(Array.from({ length: 10 }, (_, i) => alike[i % alike.length]));
    }
  });
});
