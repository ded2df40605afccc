import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeKey, type Key } from "../../../core/key.ts";
import { KeyBatch } from "../../../core/key-batch.ts";
import { KeyIndex } from "../../../runtime/state/key-index.ts";

/** Inserts keys, expects dense slots, and finds all of them again. */
function expectDense(keys: readonly Key[]): void {
  const index = new KeyIndex("op");
  keys.forEach((key, slot) => {
    if (index.slotOf(key) !== slot) expect.fail(`${String(key)} did not get slot ${slot}`);
  });
  keys.forEach((key, slot) => {
    if (index.slotOf(key) !== slot || index.find(key) !== slot || index.keyAt(slot) !== key)
      expect.fail(`${String(key)} was not found again`);
  });
  expect(index.size).toBe(keys.length);
}

const range = (count: number) => Array.from({ length: count }, (_, i) => i);

describe("slots are dense and in order of insertion for", () => {
  test.each<[string, (i: number) => Key]>([
    ["sequential integers", (i) => i],
    ["integers at a stride of a power of two", (i) => i * 4096],
    ["negative integers", (i) => -i - 1],
    ["fractions", (i) => i / 8 + 0.0625],
    ["timestamps", (i) => 1_700_000_000_000 + i * 1000],
    ["huge numbers", (i) => (i + 1) * 2 ** 80],
    ["strings", (i) => `user-${i}`],
    ["bigints", (i) => BigInt(i)],
  ])("%s", (_, keyOf) => {
    expectDense(range(20_000).map(keyOf));
  });
});

test('1, "1", 1n, true and [1] are different keys, and -0 is 0', () => {
  const index = new KeyIndex("op");
  expect([1, "1", 1n, true, [1], "i1", "n1"].map((key) => index.slotOf(key))).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(index.slotOf(-0)).toBe(7);
  expect(index.find(0)).toBe(7);
  expect(Object.is(index.keyAt(7), 0)).toBe(true);
});

test("NaN is refused in finding and inserting, and leaves nothing behind", () => {
  const index = new KeyIndex("op");
  expect(() => index.slotOf(Number.NaN)).toThrow(expect.objectContaining({ code: "BAD_KEY" }));
  expect(() => index.find(Number.NaN)).toThrow(expect.objectContaining({ code: "BAD_KEY" }));
  expect([index.size, index.slots]).toEqual([0, 0]);
});

test("a removed key's slot goes to the next new key, so keys that come and go take no more slots", () => {
  const index = new KeyIndex("op");
  for (let i = 0; i < 10_000; i++) {
    for (const key of [i, `key-${i}`, BigInt(i)]) index.slotOf(key);
    if (i >= 10) for (const key of [i - 10, `key-${i - 10}`, BigInt(i - 10)]) index.remove(index.find(key));
  }
  expect(index.size).toBe(30);
  expect(index.slots).toBeLessThanOrEqual(33);
});

test("pairs of whole numbers are told from each other and from all that looks like them", () => {
  const index = new KeyIndex("op");
  const top = 2 ** 26;
  const keys: Key[] = [
    ...[
      [0, 1],
      [1, 0],
      [1, 1],
      [0, top - 1],
      [top - 1, 0],
      [top - 1, top - 1],
    ],
    ...[[top, 0], [0, top], [-1, 1], [1, -1], [1, 0.5], [1, "1"], ["1", 1], [1, true], [1], [1, 1, 1], 1, top, top + 1],
  ];
  expect(keys.map((key) => index.slotOf(key))).toEqual(keys.map((_, slot) => slot));
  expect(keys.map((key) => index.find(key))).toEqual(keys.map((_, slot) => slot));
  expect(keys.map((_, slot) => index.keyAt(slot))).toEqual(keys);
  expect([index.find([-0, 1]), index.find([1, -0]), index.find([0, 0])]).toEqual([0, 1, -1]);
  const zeros = index.slotOf([-0, -0]);
  expect([index.find([0, 0]), Object.is((index.keyAt(zeros) as number[])[0], 0)]).toEqual([zeros, true]);
});

test("pairs of a text and a whole number are told from each other and from all that looks like them", () => {
  const index = new KeyIndex("op");
  const keys: Key[] = [
    ...[
      ["a", 1],
      ["a", 2],
      ["b", 1],
      ["", 0],
      ["a", -1],
      ["a", 2 ** 31 - 1],
      ["a", -(2 ** 31)],
    ],
    ...[[1, "a"], ["a", "1"], ["a", 1n], ["a", 1.5], ["a", 2 ** 31], ["a"], ["a", 1, 1], "a", "ta1"],
  ];
  expect(keys.map((key) => index.slotOf(key))).toEqual(keys.map((_, slot) => slot));
  expect(keys.map((key) => index.find(key))).toEqual(keys.map((_, slot) => slot));
  expect(keys.map((_, slot) => index.keyAt(slot))).toEqual(keys);
  expect([index.find(["", -0]), index.find(["b", 2])]).toEqual([3, -1]);
  const zero = index.slotOf(["b", -0]);
  expect([index.find(["b", 0]), Object.is((index.keyAt(zero) as number[])[1], 0)]).toEqual([zero, true]);
  index.remove(index.find(["a", 2]));
  expect([index.find(["a", 2]), index.find(["a", 1]), index.slotOf(["c", 7])]).toEqual([-1, 0, 1]);
});

test("any inserting and removing gives what a Map gives", () => {
  const part = fc.constantFrom<number>(0, -0, 1, 2, -1, 2 ** 26 - 1, 2 ** 26, 0.5);
  const key = fc.oneof(
    fc.integer({ min: -20, max: 20 }),
    fc.tuple(part, part),
    fc.tuple(fc.constantFrom("", "a", "b"), part),
    fc.constantFrom<Key[]>(0.5, 1e12, "a", "b", "1", 1n, true, [1, 2], new Date(3)),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), key), { maxLength: 200, size: "max" }), (steps) => {
      const index = new KeyIndex("op");
      const model = new Map<string, number>();
      for (const [insert, each] of steps) {
        const encoding = encodeKey(each, "op");
        expect(index.find(each)).toBe(model.get(encoding) ?? -1);
        if (insert) model.set(encoding, index.slotOf(each));
        else if (model.delete(encoding)) index.remove(index.find(each));
      }
      expect(index.size).toBe(model.size);
      expect(new Set(model.values()).size).toBe(model.size);
      for (const [encoding, slot] of model) expect(encodeKey(index.keyAt(slot), "op")).toBe(encoding);
    }),
  );
});

test("many keys are found at once where each is found by itself, or none where they are of several kinds", () => {
  const kinds: Readonly<Record<string, fc.Arbitrary<Key>>> = {
    integers: fc.integer({ min: -20, max: 20 }),
    texts: fc.constantFrom("", "a", "b", "c"),
    pairs: fc.tuple(fc.integer({ min: 0, max: 4 }), fc.constantFrom(0, -0, 1, 2 ** 26 - 1)),
    "pairs with a text": fc.tuple(fc.constantFrom("", "a", "b"), fc.integer({ min: -2, max: 2 })),
  };
  const lot = fc.oneof(...Object.values(kinds).map((kind) => fc.array(kind, { minLength: 1, maxLength: 40 })));
  fc.assert(
    fc.property(fc.array(lot, { maxLength: 5 }), fc.array(lot, { minLength: 1, maxLength: 5 }), (kept, sought) => {
      const index = new KeyIndex("op");
      for (const key of kept.flat()) index.slotOf(key);
      for (const keys of sought) {
        const slots = new Int32Array(keys.length);
        expect(index.findAll(batchOf(keys), slots)).toBe(true);
        expect([...slots]).toEqual(keys.map((key) => index.find(key)));
      }
    }),
  );
  for (const mixed of [
    ["a", 1],
    [[1, 2], "a"],
    [
      ["a", 1],
      [1, 2],
    ],
    [0.5],
    [1n],
    [[1, 2, 3]],
    [Number.NaN],
  ] as Key[][])
    expect(new KeyIndex("op").findAll(batchOf(mixed), new Int32Array(2))).toBe(false);
});

test("many keys are found at once among so many that no cache holds them", () => {
  const index = new KeyIndex("op");
  for (let i = 0; i < 70_000; i++) index.slotOf(Math.imul(i, 0x9e3779b1));
  for (let from = -500; from < 71_000; from += 1000) {
    const keys = Array.from({ length: 1000 }, (_, i) => Math.imul(from + i, 0x9e3779b1));
    const slots = new Int32Array(1000);
    expect(index.findAll(batchOf(keys), slots)).toBe(true);
    expect([...slots]).toEqual(keys.map((_, i) => (from + i >= 0 && from + i < 70_000 ? from + i : -1)));
  }
});

test("what is done to a key that was given out does not reach the index", () => {
  const index = new KeyIndex("op");
  for (const key of [
    [1, 2],
    ["a", 1],
    [1, new Date(5)],
  ] as Key[]) {
    const slot = index.slotOf(key);
    const given = index.keyAt(slot) as (number | string)[];
    given[0] = 9;
    expect([index.keyAt(slot), index.find(key)]).toEqual([key, slot]);
  }
});

function batchOf(keys: readonly Key[]): KeyBatch {
  const batch = new KeyBatch(keys.length);
  for (const key of keys) batch.add(key);
  return batch;
}
