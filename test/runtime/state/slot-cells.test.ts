/** The cells of a state are what was set, whether they are numbers alone or anything. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { SlotCells } from "../../../runtime/state/slot-cells.ts";

const cell = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: 0, max: 2 ** 30 - 1 }) },
  { weight: 5, arbitrary: fc.constant(undefined) },
  { weight: 8, arbitrary: fc.constantFrom<unknown>("text", null, Symbol("undefined"), { a: 1 }) },
);
const actions = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant("push" as const) }),
    fc.record({ do: fc.constant("set" as const), slot: fc.nat(), cell }),
    fc.record({ do: fc.constant("hold" as const) }),
  ),
  { maxLength: 2000, size: "max" },
);

test("any use gives what an array gives", () => {
  fc.assert(
    fc.property(actions, (all) => {
      const cells = new SlotCells();
      const expected: unknown[] = [];
      for (const action of all) {
        if (action.do === "push") {
          cells.push(2 * expected.length);
          expected.push(undefined);
        } else if (action.do === "hold") cells.holdNumbers();
        else if (expected.length > 0) {
          expected[action.slot % expected.length] = action.cell;
          cells.set(action.slot % expected.length, action.cell);
        }
      }
      expect(cells.length).toBe(expected.length);
      expect(Array.from({ length: expected.length + 1 }, (_, slot) => cells.at(slot))).toEqual([
        ...expected,
        undefined,
      ]);
    }),
  );
});
