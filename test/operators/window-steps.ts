/** Random streams for windows: records out of order, some too late, and watermarks that rise. */

import fc from "fast-check";
import type { Step } from "./drive.ts";
import type { Reading } from "./window-reference.ts";

const record = fc.tuple(
  fc.record({ key: fc.constantFrom("a", "b", "c"), value: fc.integer({ min: 0, max: 9 }) }),
  fc.integer({ min: -20, max: 60 }),
);
const rise = fc.record({ rise: fc.integer({ min: 1, max: 15 }) });

/** They end with a watermark behind everything. */
export const windowSteps: fc.Arbitrary<readonly Step<Reading>[]> = fc
  .array(fc.oneof({ weight: 3, arbitrary: record }, { weight: 1, arbitrary: rise }), { maxLength: 25 })
  .map((elements) => {
    let time = -25;
    return [...elements, { rise: 1000 }].map((element): Step<Reading> => {
      if (Array.isArray(element)) return element as [Reading, number];
      time += (element as { rise: number }).rise;
      return { watermark: time };
    });
  });
