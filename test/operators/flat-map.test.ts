import fc from "fast-check";
import { expect, test } from "vitest";
import { openHarness } from "../../runtime/testing/index.ts";
import { driveInEveryWay } from "./drive.ts";

function* countTo(n: number): Generator<number> {
  for (let i = 1; i <= n; i++) yield i;
}

test.each([
  ["an array", (n: number) => [...countTo(n)]],
  ["a generator", countTo],
  ["a set", (n: number) => new Set(countTo(n))],
])("flatMap makes any number of records, as %s", async (_, fn) => {
  const { records, timestamps } = await driveInEveryWay<number, number>(
    (input) => input.flatMap(fn),
    [
      [0, 5],
      [3, 6],
      [1, 7],
    ],
  );
  expect(records).toEqual([1, 2, 3, 1]);
  expect(timestamps).toEqual([6, 6, 6, 7]);
});

test("a generator is not asked for more while consumers have no room", async () => {
  let made = 0;
  let atFirstBlock = 0;
  const harness = await openHarness<number, number>(
    (input) =>
      input
        .flatMap(function* (n) {
          for (let i = 0; i < n; i++) {
            made++;
            yield i;
          }
        })
        .map((i) => {
          if (i === 0) atFirstBlock = made;
          return i;
        }),
    { blockEvery: 1 },
  );
  harness.push(1000);
  expect(atFirstBlock).toBe(1);
  expect(harness.records).toHaveLength(1000);
});

test("nothing overtakes a suspended operator: not further records of an array, not a watermark behind them", async () => {
  const build = (kind: "array" | "generator") => {
    return driveInEveryWay<number, string>(
      (input) =>
        input
          .flatMap((n) => (kind === "array" ? [...countTo(n)] : countTo(n)))
          .flatMap(function* (n) {
            for (const letter of "ab") yield `${n}${letter}`;
          })
          .flatMap((text) => [text, `${text}'`]),
      [[2, 1], { watermark: 1 }, [1, 2], { watermark: 2 }],
    );
  };
  const expected = ["1a", "1a'", "1b", "1b'", "2a", "2a'", "2b", "2b'", "wm 1", "1a", "1a'", "1b", "1b'", "wm 2"];
  for (const kind of ["array", "generator"] as const) {
    const { elements } = await build(kind);
    const seen = elements.map((element) =>
      element.kind === "record" ? element.value : `wm ${"timestamp" in element ? element.timestamp : ""}`,
    );
    expect(seen).toEqual(expected);
  }
});

test("records come in the order of nested loops, whatever is suspended when", async () => {
  const fanOut = fc.record({ width: fc.integer({ min: 0, max: 4 }), lazy: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fanOut, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 5 }),
      async (stages, blockEvery) => {
        const spread =
          ({ width, lazy }: { width: number; lazy: boolean }) =>
          (path: string) => {
            const all = [...countTo(width)].map((i) => `${path}/${i}`);
            return lazy ? all.values() : all;
          };
        const harness = await openHarness<string, string>(
          (input) => stages.reduce((stream, stage, i) => stream.flatMap(spread(stage), { name: `stage ${i}` }), input),
          { blockEvery },
        );
        const roots = ["a", "b", "c"];
        harness.pushBatch(roots.map((root) => [root, 0]));
        const expected = stages.reduce<string[]>(
          (paths, stage) => paths.flatMap((path) => [...spread(stage)(path)]),
          roots,
        );
        expect(harness.records).toEqual(expected);
      },
    ),
  );
});
