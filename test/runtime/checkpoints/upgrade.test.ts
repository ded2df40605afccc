/** What becomes of each state when another version of a program goes on from a savepoint: a table of versions. */

import { expect, test } from "vitest";
import type { Job } from "../../../core/job.ts";
import type { Key } from "../../../core/key.ts";
import type { ValueSchema } from "../../../core/types.ts";
import { collectTo, listState, mapState, sliding, summing, tumbling, types } from "../../../index.ts";
import { decideUpgrade, type UpgradeOptions } from "../../../runtime/checkpoints/upgrade.ts";
import { planJob } from "../../../runtime/graph/plan.ts";
import { MemoryStore } from "../../../runtime/state/memory-store.ts";
import { changesOf } from "../../../runtime/state-processor/savepoint-changes.ts";
import { type SavedOptions, savedBy } from "./fixtures/saved-by.ts";
import { program, type Row, v, visit, visits, windowed } from "./fixtures/shop-programs.ts";

function lines(from: Job, to: Job, options?: UpgradeOptions, saved?: SavedOptions): readonly string[] {
  const { decisions } = decideUpgrade(savedBy(from, saved), planJob(to).jobGraph, options);
  return decisions
    .filter(({ state }) => state !== "position")
    .map(({ operator, was, state, outcome, changes }) =>
      [`${outcome} ${operator}/${state}`, ...(was === undefined ? [] : [`was ${was}`]), ...changes].join("; "),
    );
}

type Case = readonly [
  what: string,
  from: Job,
  to: Job,
  lines: readonly string[],
  options?: UpgradeOptions,
  saved?: SavedOptions,
];

const gone = 'the program has no operator "visits"';
const asked = "it begins anew, as was asked for";

const table: readonly Case[] = [
  ["the same program", visits({ last: v(visit) }), visits({ last: v(visit) }), ["kept visits/last"]],
  [
    "a field with a default",
    visits({ last: v(visit) }),
    visits({ last: v(types.object({ count: types.int32, at: types.withDefault(types.string, "?") })) }),
    ['converted visits/last; its values.at is added with the default "?"'],
  ],
  [
    "a widened number",
    visits({ last: v(types.int32) }),
    visits({ last: v(types.number) }),
    ["converted visits/last; its values: int32 is widened to number"],
  ],
  [
    "another type",
    visits({ last: v(types.string) }),
    visits({ last: v(types.number) }),
    ["refused visits/last; its values: string became number"],
  ],
  [
    "a required field",
    visits({ last: v(visit) }),
    visits({ last: v(types.object({ count: types.int32, at: types.string })) }),
    ["refused visits/last; its values.at is added as a required string without a default"],
  ],
  [
    "no schema before",
    visits({ last: v() }),
    visits({ last: v(visit) }),
    ["kept visits/last; its values had no schema: they are kept as they are"],
  ],
  [
    "no schema now",
    visits({ last: v(visit) }),
    visits({ last: v() }),
    ["kept visits/last; it has no schema any more: its values are kept as they are"],
  ],
  [
    "an older format",
    visits({ last: v(types.string) }),
    visits({ last: v(types.number) }),
    ["kept visits/last; its values had no schema: they are kept as they are"],
    {},
    { undeclared: true },
  ],
  [
    "a state of another kind",
    visits({ last: v(visit) }),
    program((rows) =>
      rows
        .keyBy("user")
        .process("visits", { state: { last: listState(visit) }, process: () => [] })
        .to(collectTo("out")),
    ),
    ["refused visits/last; it was a value state and is a list state"],
  ],
  [
    "other keys of a map",
    program((rows) =>
      rows
        .keyBy("user")
        .process("visits", { state: { m: mapState(types.string, types.int32) }, process: () => [] })
        .to(collectTo("out")),
    ),
    program((rows) =>
      rows
        .keyBy("user")
        .process("visits", { state: { m: mapState(types.int32, types.number) }, process: () => [] })
        .to(collectTo("out")),
    ),
    ["refused visits/m; its keys: string became int32"],
  ],
  [
    "a state more and one less",
    visits({ a: v(visit) }),
    visits({ b: v(visit) }),
    [
      "kept visits/a; the program does not declare it any more: it is carried along unread",
      "added visits/b; it begins empty",
    ],
  ],
  [
    "an operator more",
    visits({ a: v(visit) }),
    program((rows) => {
      rows
        .keyBy("user")
        .process("visits", { state: { a: v(visit) }, process: () => [] })
        .to(collectTo("out"));
      rows
        .keyBy("item")
        .process("items", { state: { n: v(types.int32) }, process: () => [] })
        .to(collectTo("more"));
    }),
    ["kept visits/a", "added items/n; it begins empty"],
  ],
  [
    "an operator less",
    visits({ a: v(visit) }),
    program((rows) => rows.to(collectTo("out"))),
    [`refused visits/a; ${gone}`],
  ],
  [
    "an operator less, allowed",
    visits({ a: v(visit) }),
    program((rows) => rows.to(collectTo("out"))),
    [`dropped visits/a; ${gone}`],
    { allowDropped: true },
  ],
  [
    "an operator less, named",
    visits({ a: v(visit) }),
    program((rows) => rows.to(collectTo("out"))),
    [`dropped visits/a; ${gone}`],
    { drop: ["visits"] },
  ],
  [
    "an operator less, of which one state is named",
    visits({ a: v(visit), b: v(visit) }),
    program((rows) => rows.to(collectTo("out"))),
    [`dropped visits/a; ${gone}`, `refused visits/b; ${gone}`],
    { drop: ["visits/a"] },
  ],
  [
    "an operator without state less",
    program((rows) => rows.map((row) => row, { name: "gone" }).to(collectTo("out"))),
    program((rows) => rows.to(collectTo("out"))),
    [],
  ],
  [
    "another name, by option",
    visits({ a: v(visit) }),
    visits({ a: v(visit) }, "seen"),
    ["kept seen/a; was visits"],
    { rename: { visits: "seen" } },
  ],
  [
    "another name, by the program",
    visits({ a: v(types.int32) }),
    visits({ a: v(types.bigint) }, "seen", ["x", "visits"]),
    ["converted seen/a; was visits; its values: int32 is widened to bigint"],
  ],
  [
    "a former name that nothing has",
    visits({ a: v(visit) }),
    visits({ a: v(visit) }, "visits", ["before"]),
    ["kept visits/a"],
  ],
  [
    "its own name comes before former ones",
    program((rows) => {
      for (const name of ["old", "new"])
        rows
          .keyBy("user")
          .process(name, { state: { a: v(visit) }, process: () => [] })
          .to(collectTo(`${name} out`));
    }),
    visits({ a: v(visit) }, "new", ["old"]),
    ["kept new/a", 'refused old/a; the program has no operator "old"'],
  ],
  [
    "names that are exchanged",
    program((rows) => {
      rows
        .keyBy("user")
        .process("a", { state: { x: v(types.int32) }, process: () => [] })
        .to(collectTo("a out"));
      rows
        .keyBy("user")
        .process("b", { state: { x: v(types.string) }, process: () => [] })
        .to(collectTo("b out"));
    }),
    program((rows) => {
      rows
        .keyBy("user")
        .process("a", { state: { x: v(types.string) }, process: () => [] })
        .to(collectTo("a out"));
      rows
        .keyBy("user")
        .process("b", { state: { x: v(types.int32) }, process: () => [] })
        .to(collectTo("b out"));
    }),
    ["kept a/x; was b", "kept b/x; was a"],
    { rename: { a: "b", b: "a" } },
  ],
  [
    "what is refused begins anew when asked to",
    visits({ a: v(types.string), b: v(visit) }),
    visits({ a: v(types.number), b: v(visit) }),
    [`dropped visits/a; ${asked}`, "kept visits/b"],
    { drop: ["visits/a"] },
  ],
  [
    "a renamed one is dropped by its new name",
    visits({ a: v(types.string) }),
    visits({ a: v(types.number) }, "seen", ["visits"]),
    [`dropped seen/a; was visits; ${asked}`],
    { drop: ["seen"] },
  ],
  [
    "another kind of operator",
    windowed((keyed) => keyed.window(tumbling("1m")).aggregate("visits", summing<Row>("amount"))),
    visits({ a: v(visit) }),
    [
      "refused visits/panes; the operator was a window and is a process",
      "refused visits/fired; the operator was a window and is a process",
      "added visits/a; it begins empty",
    ],
  ],
  [
    "other windows",
    windowed((keyed) => keyed.window(tumbling("1m")).aggregate("sum", summing<Row>("amount"))),
    windowed((keyed) => keyed.window(sliding("1m", "10s")).aggregate("sum", summing<Row>("amount"))),
    [
      "refused sum/panes; windows were tumbling by 60000 ms and are sliding by 60000 ms every 10000 ms",
      "kept sum/fired",
    ],
  ],
  [
    "windows of another time zone",
    windowed((keyed) => keyed.window(tumbling("1d")).aggregate("sum", summing<Row>("amount"))),
    windowed((keyed) =>
      keyed.window(tumbling("1d", { timeZone: "Asia/Tokyo" })).aggregate("sum", summing<Row>("amount")),
    ),
    [
      "refused sum/panes; windows were tumbling by 86400000 ms and are tumbling by 86400000 ms in Asia/Tokyo",
      "kept sum/fired",
    ],
  ],
  [
    "the lateness alone",
    windowed((keyed) => keyed.window(tumbling("1m")).aggregate("sum", summing<Row>("amount"))),
    windowed((keyed) =>
      keyed.window(tumbling("1m"), { allowedLateness: "1h" }).aggregate("sum", summing<Row>("amount")),
    ),
    ["kept sum/panes", "kept sum/fired"],
  ],
  [
    "another column aggregate",
    windowed((keyed) => keyed.window(tumbling("1m")).aggregate("sum", summing<Row>("amount"))),
    windowed((keyed) =>
      keyed
        .window(tumbling("1m"))
        .aggregate("sum", { columns: [{ op: "max", of: () => 1 }], result: () => 1, fields: undefined }),
    ),
    ["refused sum/panes; it kept sum and keeps max", "kept sum/fired"],
  ],
  [
    "an accumulator with a field more",
    windowed((keyed) => keyed.window(tumbling("1m")).aggregate("sum", list, { schema: visit as never })),
    windowed((keyed) =>
      keyed.window(tumbling("1m")).aggregate("sum", list, {
        schema: types.object({ count: types.int32, x: types.optional(types.string) }) as never,
      }),
    ),
    ["converted sum/panes; its values.x is added, optional", "kept sum/fired"],
  ],
  [
    "another accumulator",
    windowed((keyed) => keyed.reduce("sum", (sum) => sum, { schema: types.object({ a: types.int32 }) as never })),
    windowed((keyed) => keyed.reduce("sum", (sum) => sum, { schema: types.object({ a: types.string }) as never })),
    ["refused sum/reduce; its values.a: int32 became string"],
  ],
  [
    "a table of another size, of an older format",
    windowed((keyed) => keyed.window(tumbling("1m")).aggregate("sum", summing<Row>("amount"))),
    windowed((keyed) => keyed.window(tumbling("1m")).aggregate("sum", list)),
    ["refused sum/panes; it kept 1 numbers and keeps 0 numbers and a value", "kept sum/fired"],
    {},
    { undeclared: true },
  ],
  [
    "keys of another field",
    keyedBy("user"),
    keyedBy("item"),
    [
      "refused visits/a; keys were made of user and are made of item; if it is the same key under another name, say so by its type: keyBy(…, { type })",
      "refused visits/timers; keys were made of user and are made of item; if it is the same key under another name, say so by its type: keyBy(…, { type })",
    ],
    {},
    { timers: ["visits"] },
  ],
  [
    "keys of another field, of a type that says they are the same",
    keyedBy("user"),
    keyedBy("item", types.string),
    ["kept visits/a"],
  ],
  [
    "keys of more fields",
    keyedBy(["user"]),
    keyedBy(["user", "item"]),
    ["refused visits/a; keys were made of user and are made of user, item"],
  ],
  [
    "keys of another declared type",
    keyedBy("user", types.string),
    keyedBy("user", types.int32),
    ["refused visits/a; keys were string and are int32"],
  ],
  [
    "a declared type that saved keys are not of",
    keyedBy("user"),
    keyedBy("user", types.union(types.int32, types.bigint)),
    ["refused visits/a; keys are string in the checkpoint and (bigint|int32) now"],
  ],
  [
    "a declared type that saved keys are of",
    keyedBy("user"),
    keyedBy("user", types.union(types.int32, types.string)),
    ["kept visits/a"],
  ],
  [
    "output that was prepared, of a sink that is gone",
    program((rows) => rows.to(collectTo("a"))),
    program((rows) => rows.to(collectTo("b"))),
    ['refused a/prepared output; the program has no operator "a"'],
    {},
    { prepared: ["a"] },
  ],
  [
    "lists of an operator",
    custom("keeps"),
    custom("keeps"),
    ["kept keeps/list"],
    {},
    { lists: { keeps: { list: [1], empty: [] } } },
  ],
  [
    "lists of an operator that is gone",
    custom("keeps"),
    custom("other"),
    ['refused keeps/list; the program has no operator "keeps"'],
    {},
    { lists: { keeps: { list: [1] } } },
  ],
];

const list = {
  create: (): unknown => ({}),
  add: (sum: unknown): unknown => sum,
  merge: (sum: unknown): unknown => sum,
  result: (): number => 1,
};

function keyedBy(by: "user" | "item" | ("user" | "item")[], type?: ValueSchema<Key>): Job {
  return program((rows) => {
    const keyed = rows.keyBy(by as "user", type === undefined ? {} : { type });
    keyed.process("visits", { state: { a: v(visit) }, process: () => [] }).to(collectTo("out"));
  });
}

function custom(name: string): Job {
  return program((rows) => rows.transform(name, () => ({ process: () => undefined }) as never).to(collectTo("out")));
}

const cases = table.map(([what, from, to, expected, options = {}, saved = {}]) => ({
  ...{ what, from, to, expected, options, saved },
}));

test.each(cases)("$what", ({ from, to, expected, options, saved }) => {
  expect(lines(from, to, options, saved)).toEqual(expected);
});

test("records on their way, of an unaligned checkpoint, go to their operator under its new name, or are refused with it", () => {
  const from = visits({ a: v(visit) });
  const renamed = visits({ a: v(visit) }, "seen", ["visits"]);
  const saved = { inFlight: ["visits"] };
  expect(lines(from, renamed, {}, saved)).toEqual([
    "kept seen/a; was visits",
    "kept seen/records in flight; was visits",
  ]);
  const without = program((rows) => rows.to(collectTo("out")));
  expect(lines(from, without, {}, saved)).toEqual([
    `refused visits/a; ${gone}`,
    `refused visits/records in flight; ${gone}`,
  ]);
  const opened = savedBy(from, saved);
  expect(() => changesOf({ opened, store: new MemoryStore() }, undefined)).toThrow(/as it is unaligned/);
});
