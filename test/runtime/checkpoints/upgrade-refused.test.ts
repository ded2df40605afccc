/** Upgrades that are refused by name, and what is said of them. */

import { expect, test } from "vitest";
import { defineJob, type Job } from "../../../core/job.ts";
import { collectTo, fromArray, types } from "../../../index.ts";
import { checkUpgrade, decideUpgrade, type UpgradeOptions } from "../../../runtime/checkpoints/upgrade.ts";
import { upgradeText } from "../../../runtime/checkpoints/upgrade-text.ts";
import { planJob } from "../../../runtime/graph/plan.ts";
import { savedBy } from "./fixtures/saved-by.ts";
import { program, v, visit, visits } from "./fixtures/shop-programs.ts";

const refusals: readonly (readonly [what: string, to: Job, options: UpgradeOptions, code: string, message: string])[] =
  [
    [
      "another job's savepoint",
      defineJob({ url: "test:other" }, "other", (env) =>
        env.from(fromArray([1]), { name: "rows" }).to(collectTo("out")),
      ),
      {},
      "CHECKPOINT_FOREIGN",
      'is of job "shop", not of "other"',
    ],
    [
      "other key groups",
      defineJob(
        { url: "test:groups" },
        "shop",
        (env) => env.from(fromArray([1]), { name: "rows" }).to(collectTo("out")),
        { keyGroups: 7 },
      ),
      {},
      "CHECKPOINT_FOREIGN",
      'has 128 key groups, job "shop" has 7',
    ],
    [
      "a renaming of what is not there",
      visits({ a: v(visit) }),
      { rename: { gone: "visits" } },
      "BAD_OPTION",
      'has no operator "gone" to be renamed; it has: rows, visits, out',
    ],
    [
      "a renaming to what is not there",
      visits({ a: v(visit) }),
      { rename: { visits: "gone" } },
      "BAD_OPTION",
      'the program has no operator "gone"',
    ],
    [
      "two renamings to one",
      visits({ a: v(visit) }),
      { rename: { visits: "out", rows: "out" } },
      "BAD_OPTION",
      '"visits" and "rows" are both renamed to "out"',
    ],
    [
      "dropping what is not there",
      visits({ a: v(visit) }),
      { drop: ["gone"] },
      "BAD_OPTION",
      'has no "gone" to be dropped',
    ],
    ["a state that does not fit", visits({ a: v(types.string) }), {}, "UPGRADE_REFUSED", "1 of 2 states does not fit"],
  ];

test.each(refusals)("is refused by name: %s", (_, to, options, code, message) => {
  const check = (): unknown => checkUpgrade(savedBy(visits({ a: v(visit) })), planJob(to).jobGraph, options);
  expect(check).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }));
});

test("another job's savepoint is taken when that is asked for", () => {
  const other = defineJob({ url: "test:asked" }, "asked", (env) =>
    env.from(fromArray([1]), { name: "rows" }).to(collectTo("out")),
  );
  const { decisions } = checkUpgrade(savedBy(program((rows) => rows.to(collectTo("out")))), planJob(other).jobGraph, {
    otherJob: true,
  });
  expect(decisions).toMatchObject([{ operator: "rows", outcome: "kept" }]);
});

test("a refusal says of every state what becomes of it, what has changed and what to do", () => {
  const to = planJob(visits({ a: v(types.string), b: v(visit) })).jobGraph;
  const saved = savedBy(visits({ a: v(types.int32) }));
  const { decisions } = decideUpgrade(saved, to);
  const text = upgradeText(decisions);
  expect(text).toBe(`  kept       rows/position  position
  refused    visits/a       value state
      its values: int32 became string
      → declare it as it was, bring the savepoint to the new form with the state processor, or let it begin anew (--drop visits/a)
  added      visits/b       value state
      it begins empty`);
  expect(() => checkUpgrade(saved, to)).toThrow(text);
});
