/** Windows: what each kind costs beside a tumbling one. */

import { counting, sliding, summing, tumbling, type WindowResult } from "millrace";
import type { OperatorCase } from "./operator-case.ts";

const everyEvent = { of: ({ value }: WindowResult<number, number>) => value, times: 1 };

export const windows: readonly OperatorCase[] = [
  {
    name: "tumbling 10 s, count",
    build: (events) => events.keyBy("key").window(tumbling("10s")).aggregate("window", counting()),
    accounts: everyEvent,
  },
  {
    name: "tumbling 10 s, sum",
    build: (events) => events.keyBy("key").window(tumbling("10s")).aggregate("window", summing("value")),
  },
  {
    name: "sliding 10 s by 1 s, count",
    build: (events) => events.keyBy("key").window(sliding("10s", "1s")).aggregate("window", counting()),
    accounts: { ...everyEvent, times: 10 },
    bound: { of: "tumbling 10 s, count", times: 3 },
  },
];
