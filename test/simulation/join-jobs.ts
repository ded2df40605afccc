/**
 * Joins, patterns and calls that wait, for clusters in which things go wrong. How two inputs are read beside each other is
 * not known, so that what is compared does not depend on it: pairs, and of changelogs what stands in the end.
 */

import {
  addsRow,
  type Change,
  type DataStream,
  type Environment,
  listState,
  mapState,
  pattern,
  session,
  tumbling,
  valueState,
} from "millrace";

export interface Item {
  readonly key: string;
  readonly i: number;
  readonly x: number;
}

/** A stream of its own by each name, in order. */
export type Items = (env: Environment, name?: string) => DataStream<Item>;

interface Pair {
  readonly left: number | null;
  readonly right: number | null;
}

const pair = (left: Item | undefined, right: Item | undefined): Pair => ({
  left: left?.i ?? null,
  right: right?.i ?? null,
});

function two(env: Environment, items: Items) {
  const odd = items(env, "right").filter(({ i }) => i % 2 === 1);
  return items(env, "left").keyBy("key").connect(odd.keyBy("key"));
}

/** The last item of each of a few ids, as a table that changes. */
function latest(env: Environment, items: Items, name: string) {
  const few = items(env, name).filter(({ i }) => i < 120, { name: `few ${name}`, parallelism: 1 });
  return few
    .keyBy(({ i }) => i % 17)
    .toChangelog(`${name} rows`)
    .keyBy(({ value }) => value.key);
}

const threeSteps = pattern<Item>("three steps")
  .begin("low")
  .where(({ x }) => x < 8)
  .followedBy("more")
  .where(({ x }, taken) => x > (taken.of("low")[0]?.x ?? 0))
  .oneOrMore()
  .followedBy("high")
  .where(({ x }) => x > 16)
  .within("60ms");

/** What stands when all changes have come, of each left row that has any: whether one ever stood alone depends on who came first. */
function inTheEnd(changes: DataStream<Change<Pair>>): DataStream<unknown> {
  return changes
    .keyBy(({ value: { left } }) => left ?? -1)
    .process("in the end", {
      state: { counts: mapState<number, number>() },
      process(change, { state: { counts }, timers }) {
        const right = change.value.right ?? -1;
        const count = (counts.get(right) ?? 0) + (addsRow(change) ? 1 : -1);
        if (count === 0) counts.remove(right);
        else counts.put(right, count);
        timers.register("event", Number.POSITIVE_INFINITY);
      },
      onTimer(_, { key, state: { counts } }) {
        const rights = [...counts.entries()].toSorted(([a], [b]) => a - b);
        return rights.length === 0 ? [] : [{ left: key, rights }];
      },
    });
}

/** An answer that comes later, after as many turns as the number says. */
async function later<T>(turns: number, answer: T): Promise<T> {
  for (let turn = 0; turn < turns; turn++) await null;
  return answer;
}

export const ofJoins: Readonly<Record<string, (env: Environment, items: Items) => DataStream<unknown>>> = {
  "interval joins": (env, items) => two(env, items).intervalJoin("pairs", { lower: "-12ms", upper: "7ms", join: pair }),
  "full interval joins": (env, items) =>
    two(env, items).intervalJoin("pairs", {
      ...{ type: "full", lower: "-12ms", upper: "7ms" },
      on: (left, right) => left.x > right.x,
      join: pair,
    }),
  "window joins": (env, items) => two(env, items).window(tumbling("20ms")).join("pairs", { type: "full", join: pair }),
  "joins of rows that are kept": (env, items) =>
    two(env, items).join("pairs", { keep: "forever", on: (left, right) => left.x === right.x, join: pair }),
  "left joins of rows that are kept": (env, items) =>
    inTheEnd(
      two(env, items).join("pairs", {
        ...{ type: "left", keep: "forever" },
        on: (left, right) => left.x === right.x,
        join: pair,
      }),
    ),
  "right joins of rows that are kept": (env, items) =>
    inTheEnd(
      two(env, items).join("pairs", {
        type: "right",
        keep: "forever",
        on: (left, right) => left?.x === right?.x,
        join: pair,
      }),
    ),
  "full joins of changelogs": (env, items) =>
    inTheEnd(
      latest(env, items, "left")
        .connect(latest(env, items, "right"))
        .joinChanges("pairs", {
          type: "full",
          keep: "forever",
          on: (left, right) => (left?.x ?? 0) % 5 === (right?.x ?? 0) % 5,
          join: pair,
        }),
    ),
  "co-groups of sessions": (env, items) =>
    two(env, items)
      .window(session("4ms"))
      .coGroup("groups", {
        state: { groups: valueState(0) },
        process(key, { start, end }, left, right, { state: { groups } }) {
          groups.update((n) => n + 1);
          return [{ key, start, end, left: left.length, right: right.length, nth: groups.get() }];
        },
      }),
  "rows that every subtask holds": (env, items) => {
    const rows = items(env, "right").filter(({ i }) => i < 23);
    // Whether its row has come before a record is not known.
    return items(env, "left")
      .connect(rows.broadcast())
      .join("rows", { type: "left", left: ({ x }) => x, right: ({ x }) => x, join: ({ i }) => ({ i }) });
  },
  "temporal joins": (env, items) => two(env, items).temporalJoin("versions", { type: "left", join: pair }),
  "asynchronous calls, in order": (env, items) =>
    items(env)
      .keyBy("key")
      .process("numbered", {
        state: { seen: listState<number>() },
        process: ({ i, x }, { state: { seen } }) => {
          seen.add(x);
          return [{ i, x, n: seen.get().length }];
        },
      })
      .asyncMap("called", ({ i, x, n }) => later(x % 5, { i, x, n }), { capacity: 7 }),
  "asynchronous calls, as they come": (env, items) =>
    items(env).asyncMap("called", ({ i, x }) => later(x % 5, { i, x }), { capacity: 7, ordered: false }),
  "lookups with a cache": (env, items) =>
    items(env).lookup("looked up", {
      key: ({ x }) => x,
      load: (x) => later(x % 3, x % 4 === 0 ? undefined : { twice: 2 * x }),
      join: ({ i }, { twice }) => ({ i, twice }),
      cache: { entries: 5, ttl: "1m" },
    }),
  "patterns, each match": (env, items) => items(env).keyBy("key").match(threeSteps),
  "patterns, one behind the other": (env, items) =>
    items(env).keyBy("key").match(threeSteps, { afterMatch: "skipPastLastEvent" }),
};
