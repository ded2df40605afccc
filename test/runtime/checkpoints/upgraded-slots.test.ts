/** What slots are told of an upgrade, and what becomes of the positions of sources. */

import { expect, test } from "vitest";
import type { OperatorId } from "../../../core/ids.ts";
import type { Job } from "../../../core/job.ts";
import type { Key } from "../../../core/key.ts";
import type { ValueSchema } from "../../../core/types.ts";
import { collectTo, types } from "../../../index.ts";
import { decideUpgrade, stateKey } from "../../../runtime/checkpoints/upgrade.ts";
import { planJob } from "../../../runtime/graph/plan.ts";
import { savedBy } from "./fixtures/saved-by.ts";
import { program, type Row, type Rows, v, visit, visits } from "./fixtures/shop-programs.ts";

test("positions are kept by sources of the same kind only", () => {
  const build = (rows: Rows) => rows.to(collectTo("out"));
  const decide = (to: Job) => decideUpgrade(savedBy(program(build)), planJob(to).jobGraph).decisions;
  expect(decide(program(build))).toMatchObject([{ operator: "rows", state: "position", outcome: "kept" }]);
  expect(decide(program(build, "generate"))).toMatchObject([
    { outcome: "refused", changes: ['the source was "array" and is "generate", which does not know its positions'] },
  ]);
});

test("a slot hears of each operator where its state is, what is left behind, and what values become", () => {
  const from = savedBy(visits({ a: v(types.int32), b: v(types.string) }));
  const to = planJob(visits({ a: v(types.bigint), b: v(types.string) }, "seen", ["visits"])).jobGraph;
  const seen = decideUpgrade(from, to, { drop: ["seen/b"] }).of("seen" as OperatorId);
  const { was, conversions, keys } = seen;
  expect(was).toBe("visits");
  expect(["a", "b"].map((name) => seen.isDropped("value", name))).toEqual([false, true]);
  expect(conversions.get(stateKey("value", "a"))?.(7)).toBe(7n);
  expect(keys).toBeUndefined();
  expect(decideUpgrade(from, to).of("out" as OperatorId)).toMatchObject({ was: "out" });
});

test("keys are held to those that were saved where another function makes them and nobody says what it gives", () => {
  const of = (key: ((row: Row) => string) | "user", type?: ValueSchema<Key>) =>
    program((rows) =>
      rows
        .keyBy(key as "user", type === undefined ? {} : { type })
        .process("visits", { state: { a: v(visit) }, process: () => [] })
        .to(collectTo("out")),
    );
  const saved = savedBy(of((row) => row.user));
  const keysOf = (to: Job) => decideUpgrade(saved, planJob(to).jobGraph).of("visits" as OperatorId).keys;
  expect(keysOf(of((row) => row.user))).toBeUndefined();
  expect(keysOf(of((row) => row.item))).toEqual(["string"]);
  expect(keysOf(of("user", types.string))).toBeUndefined();
});
