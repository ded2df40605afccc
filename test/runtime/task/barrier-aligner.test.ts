import fc from "fast-check";
import { expect, test } from "vitest";
import { BarrierAligner } from "../../../runtime/task/barrier-aligner.ts";
import { SeededRandom } from "../../../runtime/testing/seeded-random.ts";

test("a single input's barrier is a cut at once, and holds nothing", () => {
  const aligner = new BarrierAligner(1);
  expect(aligner.barrier(0, 1)).toBe(1);
  expect([aligner.isHeld(0), aligner.aligning]).toEqual([false, 0]);
});

test("an input is held from its barrier until the last one has come", () => {
  const aligner = new BarrierAligner(3);
  expect(aligner.barrier(1, 5)).toBe(0);
  expect(aligner.barrier(0, 5)).toBe(0);
  expect([0, 1, 2].map((input) => aligner.isHeld(input))).toEqual([true, true, false]);
  expect(aligner.barrier(2, 5)).toBe(5);
  expect([0, 1, 2].map((input) => aligner.isHeld(input))).toEqual([false, false, false]);
});

test("an input that has ended counts as aligned, whether it ended before the first barrier or last", () => {
  const before = new BarrierAligner(2);
  expect(before.end(0)).toBe(0);
  expect(before.barrier(1, 1)).toBe(1);
  const last = new BarrierAligner(2);
  expect(last.barrier(1, 1)).toBe(0);
  expect(last.end(0)).toBe(1);
  expect(last.isHeld(1)).toBe(false);
});

test("a newer barrier abandons the older checkpoint, whose late barriers are passed over", () => {
  const aligner = new BarrierAligner(3);
  aligner.barrier(0, 1);
  expect(aligner.barrier(1, 2)).toBe(0);
  expect([0, 1, 2].map((input) => aligner.isHeld(input))).toEqual([false, true, false]);
  expect(aligner.barrier(2, 1)).toBe(0);
  expect(aligner.isHeld(2)).toBe(false);
  aligner.barrier(0, 2);
  expect(aligner.barrier(2, 2)).toBe(2);
});

test("an abandoned checkpoint holds nothing, and neither it nor one before it begins again", () => {
  const aligner = new BarrierAligner(2);
  aligner.barrier(0, 3);
  aligner.abandon(3);
  expect([aligner.isHeld(0), aligner.barrier(1, 3), aligner.barrier(0, 2), aligner.aligning]).toEqual([false, 0, 0, 0]);
  aligner.barrier(0, 4);
  aligner.abandon(3);
  expect(aligner.aligning).toBe(4);
});

const RECORD = 0;

/** An input as the numbers of its barriers, rising by `step`, with records between them. */
function numbered(kinds: readonly ("record" | "barrier")[], step: number): readonly number[] {
  let checkpoint = 0;
  return kinds.map((kind) => {
    if (kind === "barrier") checkpoint += step;
    return kind === "record" ? RECORD : checkpoint;
  });
}

/** Takes from inputs in a random order until all have ended. @returns each cut with what had been taken by then. */
function cutsOf(inputs: readonly (readonly number[])[], seed: number): { checkpoint: number; taken: number[] }[] {
  const random = new SeededRandom(seed);
  const aligner = new BarrierAligner(inputs.length);
  const taken = inputs.map(() => 0);
  const cuts: { checkpoint: number; taken: number[] }[] = [];
  const elements = inputs.reduce((sum, input) => sum + input.length + 1, 0);
  for (let step = 0; step < elements; step++) {
    const open = [...inputs.keys()].filter((at) => !aligner.isHeld(at) && at in taken && taken[at] !== -1);
    expect(open.length, "inputs from which something can be taken").toBeGreaterThan(0);
    const at = random.pick(open);
    const element = (inputs[at] as readonly number[])[taken[at] as number];
    taken[at] = element === undefined ? -1 : (taken[at] as number) + 1;
    const due = element === undefined ? aligner.end(at) : element === RECORD ? 0 : aligner.barrier(at, element);
    if (due > 0) cuts.push({ checkpoint: due, taken: [...taken] });
  }
  return cuts;
}

test("in any order, a cut has on each input what is before its barrier and nothing behind it", () => {
  const input = fc.array(fc.constantFrom("record" as const, "barrier" as const), { maxLength: 12 });
  fc.assert(
    fc.property(fc.array(input, { minLength: 1, maxLength: 4 }), fc.boolean(), fc.nat(), (kinds, skips, seed) => {
      const inputs = kinds.map((each, at) => numbered(each, skips && at % 2 === 1 ? 2 : 1));
      const cuts = cutsOf(inputs, seed);
      for (const { checkpoint, taken } of cuts) {
        const due = inputs.map((each) => (each.includes(checkpoint) ? each.indexOf(checkpoint) + 1 : -1));
        expect(taken).toEqual(due);
      }
      const numbers = cuts.map(({ checkpoint }) => checkpoint);
      expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    }),
    { numRuns: 500 },
  );
});
