/** How a running aggregate lives in its pane: as a window's does, or held together for all keys. */

import { type PackedSums, packedAggregate } from "../core/aggregates/packed-sums.ts";
import type { OperatorContext } from "../core/operator.ts";
import type { StatePane } from "../core/state-backend.ts";
import { wasRead } from "./touch.ts";
import { type Accumulators, type AnyAggregate, accumulators } from "./window/accumulators.ts";

/**
 * As `accumulators`, but where they can be held together, and the backend does so, for one pane that has all keys. REQUIRES:
 * entries are neither reset nor absorbed.
 */
export function heldAccumulators(aggregate: AnyAggregate, context: OperatorContext): Accumulators {
  const packed = packedAggregate(aggregate);
  const plain = accumulators(aggregate, context);
  if (packed === undefined) return plain;
  const heldIn = (pane: StatePane) => pane.held as PackedSums | undefined; // of this table
  return {
    ...plain,
    table: { ...plain.table, held: packed.hold },
    addOne: (pane, slot, isFresh, value) => {
      const held = heldIn(pane);
      if (held === undefined) return plain.addOne(pane, slot, isFresh, value);
      try {
        if (isFresh) held.begin(slot);
        packed.add(held, slot, value);
      } catch (error) {
        throw context.failure(error, value);
      }
    },
    touch: (pane, slots, count, values) => {
      const held = heldIn(pane);
      if (held === undefined) return plain.touch(pane, slots, count, values);
      let sum = 0;
      for (let i = 0; i < count; i++) sum += packed.touch(held, slots[i] as number, values[i]);
      wasRead(sum);
    },
    resultAt: (pane, slot) => {
      const held = heldIn(pane);
      if (held === undefined) return plain.resultAt(pane, slot);
      try {
        return packed.result(held, slot);
      } catch (error) {
        throw context.failure(error, undefined);
      }
    },
  };
}
