/** Calls that end later: what they cost where nobody waits. */

import type { OperatorCase } from "./operator-case.ts";

const later = <V>(value: V): Promise<V> => Promise.resolve(value);

const onePerEvent: OperatorCase["accounts"] = { of: () => 1, times: 1 };

export const asyncCases: readonly OperatorCase[] = [
  {
    name: "asyncMap of settled promises",
    build: (events) => events.asyncMap("async", ({ value }) => later(value)),
    accounts: onePerEvent,
    share: 0.1,
  },
  {
    name: "asyncMap of settled promises, unordered",
    build: (events) => events.asyncMap("async", ({ value }) => later(value), { ordered: false }),
    accounts: onePerEvent,
    share: 0.1,
  },
  {
    name: "lookup with a cache of 1000 rows",
    build: (events) =>
      events.lookup("lookup", {
        key: ({ value }) => value,
        load: (value) => later(value),
        join: ({ key }, found) => key + found,
        cache: { entries: 1000, ttl: "1h" },
      }),
    accounts: onePerEvent,
    share: 0.1,
  },
];
