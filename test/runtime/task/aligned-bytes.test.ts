/** How much comes to a subtask between the first barrier of a checkpoint and the last, as people see it in `processed_data`. */

import { expect, test } from "vitest";
import type { OperatorId } from "../../../core/ids.ts";
import type { InputChannel } from "../../../runtime/exchange/channel.ts";
import type { Chain } from "../../../runtime/task/chain.ts";
import type { SubtaskGate } from "../../../runtime/task/subtask-gate.ts";
import { ChannelInput } from "../../../runtime/task/subtask-input.ts";

/** A batch of so many bytes, or "b1": the barrier of checkpoint 1. */
type Element = number | `b${number}` | "end";

/** A channel on which that comes; undefined: nothing for once. */
function channelOf(elements: readonly (Element | undefined)[]): InputChannel {
  const left = [...elements];
  const channel = {
    batch: { rows: 1, frame: new Uint8Array(0), deliver: () => true },
    ...{ watermarkRead: 0, barrierRead: 0, release: () => {} },
    poll() {
      const element = left.shift();
      if (typeof element === "number") channel.batch.frame = new Uint8Array(element);
      else if (element !== "end" && element !== undefined) channel.barrierRead = Number(element.slice(1));
      return typeof element === "number" ? "batch" : element === "end" ? "end" : element && "barrier";
    },
  };
  return channel as unknown as InputChannel; // only what is above is used
}

function inputOf(channels: readonly (readonly (Element | undefined)[])[]): ChannelInput {
  const chain = {
    entryOf: () => ({ pushOf: () => () => {} }),
    ...{ pushFrame: undefined, batchEnd: () => {}, watermark: () => {}, head: { markIdle: () => {} } },
  };
  const inputs = channels.map((elements) => {
    const origin = { channel: channelOf(elements), input: 0, port: undefined, fields: undefined };
    return { ...origin, wanted: "hash" as const, settled: "hash" as const };
  });
  const by = { operator: "counted" as OperatorId, subtask: 0, about: { first: 0, last: 127 } };
  return new ChannelInput(inputs, chain as unknown as Chain, { blocked: false } as SubtaskGate, by);
}

/** The bytes of each cut, by checkpoint, until nothing comes any more. */
function cutsOf(input: ChannelInput): readonly (readonly [checkpoint: number, bytes: number])[] {
  const cuts: (readonly [number, number])[] = [];
  for (let quiet = 0; quiet < 3; ) {
    const step = input.step();
    quiet = step === "empty" || step === "ended" ? quiet + 1 : 0;
    if (step === "barrier") cuts.push([input.barrier, input.alignedBytes]);
  }
  return cuts;
}

test("what comes on channels whose barrier is missing counts, and nothing before the first or behind the last", () => {
  const input = inputOf([
    [100, "b1", 8, "b2"],
    [1, 2, 4, "b1", "b2"],
  ]);
  // 100 and 1 come before the first barrier; 8 is held behind it.
  expect(cutsOf(input)).toEqual([
    [1, 6],
    [2, 0],
  ]);
  expect(input.bytes).toBe(115);
});

test("a single channel has nothing to align", () => {
  expect(cutsOf(inputOf([[1, "b1", 2, "b2", 4]]))).toEqual([
    [1, 0],
    [2, 0],
  ]);
});

test("a newer barrier begins anew, and one that is over counts for nothing", () => {
  const input = inputOf([
    ["b1", undefined, undefined],
    [1, 2, "b2", 4, 8],
    [16, 32, 64, 128, "b1", "b2"],
  ]);
  const first = inputOf([["b2"], [1, "b1", 2, "b2"]]);
  expect(cutsOf(first)).toEqual([[2, 3]]);
  expect(cutsOf(input)).toEqual([]);
});

test("the end of the last channel that lacks the barrier is the end of it", () => {
  expect(cutsOf(inputOf([["b1"], [3, 5, "end"]]))).toEqual([[1, 8]]);
});
