/** Windows: what each kind costs beside a tumbling one. */

import {
  continuousEventTimeTrigger,
  countEvictor,
  counting,
  countTrigger,
  cumulative,
  globalWindow,
  purgingTrigger,
  session,
  sliding,
  summing,
  tumbling,
  type WindowResult,
} from "millrace";
import type { OperatorCase } from "./operator-case.ts";

const everyEvent = { of: ({ value }: WindowResult<number, number>) => value, times: 1 };

export const windows: readonly OperatorCase[] = [
  {
    name: "tumbling 10 s, count",
    build: (events) => events.keyBy("key").window(tumbling("10s")).aggregate("window", counting()),
    accounts: everyEvent,
  },
  {
    name: "sliding 10 s by 1 s, count",
    build: (events) => events.keyBy("key").window(sliding("10s", "1s")).aggregate("window", counting()),
    accounts: { ...everyEvent, times: 10 },
    bound: { of: "tumbling 10 s, count", times: 3 },
  },
  {
    name: "cumulative 10 s by 1 s, count",
    build: (events) => events.keyBy("key").window(cumulative("10s", "1s")).aggregate("window", counting()),
  },
  {
    // About five records at 20,000 keys, and e of them at a million.
    name: "session, gap 1 s, count",
    build: (events) => events.keyBy("key").window(session("1s")).aggregate("window", counting()),
    accounts: everyEvent,
    bound: { of: "tumbling 10 s, count", times: 3 },
  },
  {
    name: "session, gap by a function, count",
    build: (events) =>
      events
        .keyBy("key")
        .window(session(() => "1s"))
        .aggregate("window", counting()),
    accounts: everyEvent,
    share: 0.3,
  },
  {
    name: "tumbling 10 s, all records to a function",
    build: (events) =>
      events
        .keyBy("key")
        .window(tumbling("10s"))
        .process("window", { process: (_, __, records) => [{ value: records.length }] }),
    accounts: everyEvent,
    share: 0.3,
  },
  {
    name: "tumbling 10 s, count, fired every 10 records",
    build: (events) =>
      events.keyBy("key").window(tumbling("10s")).trigger(countTrigger(10)).aggregate("window", counting()),
    share: 0.3,
  },
  {
    name: "count window of 10, sum",
    build: (events) => events.keyBy("key").countWindow(10).aggregate("window", summing("value")),
    share: 0.3,
  },
  {
    name: "tumbling 10 s of the clock, count",
    build: (events) =>
      events
        .keyBy("key")
        .window(tumbling("10s", { time: "processing" }))
        .aggregate("window", counting()),
    accounts: everyEvent,
  },
  {
    name: "tumbling 10 s of all, count",
    build: (events) => events.windowAll(tumbling("10s")).aggregate("window", counting()),
    accounts: everyEvent,
  },
  {
    name: "global window, fired and emptied at 10 records, count",
    build: (events) =>
      events
        .keyBy("key")
        .window(globalWindow())
        .trigger(purgingTrigger(countTrigger(10)))
        .aggregate("window", counting()),
    share: 0.3,
  },
  {
    name: "tumbling 10 s, early every second, count",
    build: (events) =>
      events
        .keyBy("key")
        .window(tumbling("10s"))
        .trigger(continuousEventTimeTrigger("1s"))
        .aggregate("window", counting()),
    share: 0.1,
  },
  {
    name: "tumbling 10 s, the last 5 records to a function",
    build: (events) =>
      events
        .keyBy("key")
        .window(tumbling("10s"))
        .evictor(countEvictor(5))
        .process("window", { process: (_, __, records) => [{ value: records.length }] }),
    share: 0.1,
  },
];
