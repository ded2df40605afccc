/** Values held to the schema of their state, as tests have it. */

import { expect, test } from "vitest";
import { listState, mapState, reducingState, valueState } from "../../../core/state.ts";
import { type Type, types } from "../../../core/types.ts";
import { faultOf } from "../../../runtime/state/check-type.ts";
import { createMemoryBackend } from "../../../runtime/state/memory-backend.ts";

const { int32, integer, number, bigint, string, boolean, date, bytes } = types;
const visit = types.object({ item: string, times: types.list(int32), from: types.optional(string) });

type Case = readonly [what: string, type: Type<unknown>, value: unknown];

const right: readonly Case[] = [
  ["int32", int32, -5],
  ["integer", integer, 2 ** 40],
  ["number", number, Number.NaN],
  ["bigint", bigint, 5n],
  ["string", string, ""],
  ["boolean", boolean, false],
  ["date", date, new Date(0)],
  ["bytes", bytes, Uint8Array.of(1)],
  ["null where it may be", types.nullable(string), null],
  ["any", types.any, { whatever: [] }],
  ["a literal", types.literal("a", 1), 1],
  ["a part of a union", types.union(string, types.list(int32)), [1]],
  ["a tuple", types.tuple(string, int32), ["a", 1]],
  ["a set", types.set(string), new Set(["a"])],
  ["a map", types.map(string, int32), new Map([["a", 1]])],
  ["a record", types.record(int32), { a: 1 }],
  ["an object without what is optional", visit, { item: "a", times: [] }],
  ["an object with a field beside its type", visit, { item: "a", times: [1], from: "b", more: 1 }],
];

test.each(right)("nothing is wrong with %s", (_, { description }, value) => {
  expect(faultOf(description, value, "it")).toBeUndefined();
});

const wrong: readonly (readonly [...Case, fault: string])[] = [
  ["a fraction for an int32", int32, 0.5, "it should be int32, but is the number 0.5"],
  ["what int32 cannot hold", int32, 2 ** 31, "it should be int32, but is the number 2147483648"],
  ["what is no safe integer", integer, 2 ** 60, "it should be integer, but is the number 1152921504606847000"],
  ["a text for a number", number, "1", "it should be number, but is a string"],
  ["a number for a bigint", bigint, 1, "it should be bigint, but is the number 1"],
  ["null where none may be", string, null, "it should be string, but is null"],
  ["another literal", types.literal("a", "b"), "c", 'it should be "a"|"b", but is a string'],
  ["no part of a union", types.union(string, int32), true, "it should be (int32|string), but is a boolean"],
  ["a tuple that is too long", types.tuple(string), ["a", "b"], "it should be [string], but is a list"],
  ["an element of a list", types.list(int32), [1, "2"], "it[1] should be int32, but is a string"],
  ["an element of a set", types.set(int32), new Set([1, 2.5]), "it[1] should be int32, but is the number 2.5"],
  ["a key of a map", types.map(string, int32), new Map([[1, 1]]), "it[key] should be string, but is the number 1"],
  ["a value of a map", types.map(string, int32), new Map([["a", "b"]]), "it[a] should be int32, but is a string"],
  ["a value of a record", types.record(int32), { a: null }, "it[a] should be int32, but is null"],
  ["a field that is missing", visit, { times: [] }, "it.item should be string, but is missing"],
  ["a field deep within", visit, { item: "a", times: [null] }, "it.times[0] should be int32, but is null"],
  [
    "an optional field of another type",
    visit,
    { item: "a", times: [], from: 1 },
    "it.from should be string, but is the number 1",
  ],
  ["a list for an object", visit, [], 'it should be {"from"?:string,"item":string,"times":list<int32>}, but is a list'],
];

test.each(wrong)("told is %s", (_, { description }, value, fault) => {
  expect(faultOf(description, value, "it")).toBe(fault);
});

function backendOf(freezeValues: boolean) {
  const backend = createMemoryBackend({
    operator: "visits",
    keyGroups: { first: 0, last: 7 },
    keyGroupCount: 8,
    freezeValues,
  });
  backend.setCurrentKey("a");
  const sum = reducingState<number>((total, value) => total + value, int32);
  return {
    value: backend.state("value", valueState(visit)),
    list: backend.state("list", listState(int32)),
    map: backend.state("map", mapState(string, int32)),
    sum: backend.state("sum", sum),
  };
}

test("where values are frozen every write of every state is held to its schema", () => {
  const { value, list, map, sum } = backendOf(true);
  const misfit = expect.objectContaining({ code: "STATE_MISFIT" });
  value.set({ item: "a", times: [1] });
  list.set([1]);
  list.add(2);
  map.put("a", 1);
  sum.add(1);
  const writes = [
    () => value.set({ item: "a", times: [0.5] }),
    () => value.update((was) => ({ ...was, item: 5 }) as never),
    () => list.add("b" as never),
    () => list.set([1, null as never]),
    () => map.put("b", 0.5),
    () => sum.add(2 ** 31),
  ];
  for (const write of writes) expect(write).toThrow(misfit);
  expect([value.get(), list.get(), [...map.entries()], sum.get()]).toEqual([
    { item: "a", times: [1] },
    [1, 2],
    [["a", 1]],
    1,
  ]);
});

test("a running job is not", () => {
  const { value } = backendOf(false);
  value.set({ item: 5 } as never);
  expect(value.get()).toEqual({ item: 5 });
});
