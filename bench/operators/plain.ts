/** What everything else is measured against: the source alone, and the simplest keyed operators. */

import { valueState } from "millrace";
import type { OperatorCase } from "./operator-case.ts";

export const SOURCE_ALONE = "source and sink alone";

export const plain: readonly OperatorCase[] = [
  { name: SOURCE_ALONE, build: (events) => events, accounts: { of: () => 1, times: 1 } },
  {
    name: "reduce",
    build: (events) => events.keyBy("key").reduce("reduce", (a, b) => (a.value > b.value ? a : b)),
    accounts: { of: () => 1, times: 1 },
  },
  {
    name: "process with a value state",
    build: (events) =>
      events.keyBy("key").process("process", {
        state: { count: valueState(0) },
        process(_, { state: { count } }) {
          count.set(count.get() + 1);
          return [];
        },
      }),
  },
];
