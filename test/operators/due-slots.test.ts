/** Slots by the times at which they are due, against a plain map. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { DueSlots } from "../../operators/due-slots.ts";

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ slot: fc.nat(200), time: fc.nat(50) }) },
  { weight: 2, arbitrary: fc.record({ upTo: fc.nat(60) }) },
  { weight: 1, arbitrary: fc.constant({ clear: true }) },
);

test("every slot comes out by the earliest time at which it was due, once", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300, size: "max" }), (steps) => {
      const due = new DueSlots();
      const expected = new Map<number, number>();
      for (const each of steps) {
        if ("slot" in each) {
          due.add(each.slot, each.time);
          expected.set(each.slot, Math.min(each.time, expected.get(each.slot) ?? each.time));
        } else if ("upTo" in each) {
          const taken = allBy(due, each.upTo);
          const wanted = [...expected].filter(([, time]) => time <= each.upTo);
          expect(taken.toSorted((a, b) => a - b)).toEqual(wanted.map(([slot]) => slot).toSorted((a, b) => a - b));
          const times = taken.map((slot) => expected.get(slot) as number);
          expect(times).toEqual(times.toSorted((a, b) => a - b));
          for (const slot of taken) expected.delete(slot);
        } else {
          due.clear();
          expected.clear();
        }
        const earliest = Math.min(Number.POSITIVE_INFINITY, ...expected.values());
        expect(due.earliest).toBeLessThanOrEqual(earliest);
      }
    }),
  );
});

test("what is due at the end of time is never due", () => {
  const due = new DueSlots();
  due.add(3, Number.POSITIVE_INFINITY);
  expect([due.earliest, due.take(Number.POSITIVE_INFINITY)]).toEqual([Number.POSITIVE_INFINITY, -1]);
});

function allBy(due: DueSlots, time: number): number[] {
  const taken: number[] = [];
  for (let slot = due.take(time); slot >= 0; slot = due.take(time)) taken.push(slot);
  return taken;
}
