/** Operator state: what one subtask keeps beside its keys, for sources, sinks and operators alike. */

import { expect, test } from "vitest";
import type { Sink } from "../../index.ts";
import { openHarness } from "../../runtime/testing/index.ts";

/** A sink that remembers how many records it has written, as a file sink remembers its open files. */
function countingSink(written: number[]): Sink<number> {
  return {
    name: "out",
    writer: ({ operatorState }) => {
      let count = 0;
      for (const part of operatorState.list<number>("count", "split", () => [count])) count += part;
      return {
        write() {
          written.push(++count);
        },
      };
    },
  };
}

test("a sink's list is what it had at the snapshot", async () => {
  const written: number[] = [];
  const before = await openHarness<number>((input) => input.to(countingSink(written)));
  before.push(1);
  before.push(2);
  const snapshot = before.snapshot();
  before.push(3);
  const after = await openHarness<number>((input) => input.to(countingSink(written)), { restore: [snapshot] });
  after.push(4);
  expect(written).toEqual([1, 2, 3, 3]);
});

test("without a snapshot the list is empty", async () => {
  const written: number[] = [];
  const harness = await openHarness<number>((input) => input.to(countingSink(written)));
  harness.push(1);
  expect(written).toEqual([1]);
});
