/** What nodes of a program say of their state. */

import { expect, test } from "vitest";
import {
  averaging,
  collectTo,
  defineJob,
  fromArray,
  mapState,
  sliding,
  tumbling,
  types,
  valueState,
} from "../../../index.ts";
import { planJob } from "../../../runtime/graph/plan.ts";

const visit = types.object({ page: types.string });

test("the job graph says of each operator what it keeps", () => {
  const job = defineJob(import.meta, "declares", (env) => {
    const rows = env.from(fromArray([{ user: "a", page: "p", time: 1 }]), { name: "rows" });
    const keyed = rows.withTimestamps(({ time }) => time).keyBy("user", { type: types.string });
    keyed
      .process("visits", {
        state: { last: valueState(visit), pages: mapState(types.string, types.int32), plain: valueState(0) },
        process: () => [],
      })
      .to(collectTo("out"));
    keyed.reduce("sum", (sum) => sum).to(collectTo("sums"));
    keyed
      .window(sliding("10s", "5s"))
      .aggregate("mean", averaging<{ time: number }>("time"), { previously: ["average", "mean-time"] })
      .to(collectTo("means"));
    keyed
      .window(tumbling("1m", { timeZone: "Europe/Berlin" }))
      .aggregate(
        "list",
        { create: () => [0], add: (list) => list, merge: (list) => list, result: () => 1 },
        { schema: types.list(types.number) as never },
      )
      .to(collectTo("lists"));
  });
  const { vertices } = planJob(job).jobGraph;
  const operators = vertices.flatMap((vertex) => vertex.operators);
  const declared = Object.fromEntries(operators.map(({ id, declared: of }) => [id, of]));
  const key = { fields: ["user"], type: { kind: "string" }, code: expect.stringMatching(/^[0-9a-f]{16}$/) };
  expect(declared["rows"]).toEqual({ kind: "source", connector: "array" });
  expect(declared["withTimestamps"]).toBeUndefined();
  expect(declared["out"]).toEqual({ kind: "sink", connector: "out" });
  expect(declared["visits"]).toEqual({
    kind: "process",
    key,
    states: [
      { name: "last", section: "value", type: visit.description },
      { name: "pages", section: "map", keyType: { kind: "string" }, type: { kind: "int32" } },
      { name: "plain", section: "value" },
    ],
  });
  expect(declared["sum"]).toEqual({
    kind: "reduce",
    key,
    states: [{ name: "reduce", section: "table", columns: [], values: true }],
  });
  const fired = { name: "fired", section: "table", columns: ["watermark"], values: false };
  expect(declared["mean"]).toEqual({
    kind: "window",
    key,
    window: { kind: "sliding", sizeMs: 10_000, slideMs: 5000, offsetMs: 0 },
    states: [{ name: "panes", section: "table", columns: ["sum", "count"], values: false }, fired],
  });
  expect(declared["list"]).toMatchObject({
    window: { kind: "tumbling", timeZone: "Europe/Berlin" },
    states: [{ name: "panes", values: true, type: { kind: "list", of: { kind: "number" } } }, fired],
  });
  expect(operators.find(({ id }) => id === "mean")?.previously).toEqual(["average", "mean-time"]);
});

test("an operator's own or an empty name among its former ones is refused", () => {
  for (const previously of ["count", "", ["a", ""]]) {
    const job = defineJob(import.meta, `former-${JSON.stringify(previously)}`, (env) => {
      env.from(fromArray([1]), { name: "count", previously }).to(collectTo("out"));
    });
    expect(() => planJob(job)).toThrow(expect.objectContaining({ code: "BAD_OPTION", operator: "count" }));
  }
});
