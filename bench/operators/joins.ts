/** Joins and other operators of two inputs: half of the events are one input, half the other. */

import { type DataStream, type KeyedConnectedStreams, tumbling, valueState } from "millrace";
import type { BenchEvent, OperatorCase } from "./operator-case.ts";

/** Events of even and of odd numbers, by key: their keys are mixed well, so either half has all of them. */
function halves(events: DataStream<BenchEvent>): KeyedConnectedStreams<BenchEvent, BenchEvent, number> {
  const left = events.filter(({ index }) => (index & 1) === 0).keyBy("key");
  return left.connect(events.filter(({ index }) => (index & 1) === 1).keyBy("key"));
}

const distance = (left: BenchEvent | undefined, right: BenchEvent | undefined): number =>
  (right?.value ?? 0) - (left?.value ?? 0);

export const joins: readonly OperatorCase[] = [
  {
    name: "interval join, 2 s",
    build: (events) => halves(events).intervalJoin("join", { lower: "-1s", upper: "1s", join: distance }),
    floor: { eventsPerCpuS: 500_000 },
  },
  {
    name: "interval join, 2 s, of records with a text",
    build: (events) =>
      halves(events.map((event) => ({ ...event, name: `item ${event.index}` }))).intervalJoin("join", {
        lower: "-1s",
        upper: "1s",
        join: distance,
      }),
    share: 0.3,
  },
  {
    name: "interval join, 2 s, full",
    build: (events) => halves(events).intervalJoin("join", { type: "full", lower: "-1s", upper: "1s", join: distance }),
  },
  {
    name: "window join, 1 s",
    build: (events) => halves(events).window(tumbling("1s")).join("join", { join: distance }),
    share: 0.3,
  },
  {
    name: "join of rows kept for 2 s of event time",
    build: (events) => halves(events).join("join", { keep: "2s", time: "event", join: distance }),
    share: 0.3,
  },
  {
    name: "temporal join",
    build: (events) => halves(events).temporalJoin("join", { join: distance }),
    share: 0.3,
  },
  {
    name: "window join, 1 s, full",
    build: (events) => halves(events).window(tumbling("1s")).join("join", { type: "full", join: distance }),
    share: 0.1,
  },
  {
    name: "join of rows kept for 2 s of event time, full",
    build: (events) => halves(events).join("join", { type: "full", keep: "2s", time: "event", join: distance }),
    share: 0.1,
  },
  {
    name: "connected, with a value state of the key",
    build: (events) =>
      halves(events).process("process", {
        state: { last: valueState<number>() },
        process1({ value }, { state: { last } }) {
          last.set(value);
          return [];
        },
        process2: ({ value }, { state: { last } }) => [value - (last.get() ?? 0)],
      }),
    share: 0.3,
  },
  {
    name: "broadcast join, a row of 1000 every 1000 events",
    build: (events) =>
      events.connect(events.filter(({ index }) => index % 1000 === 0).broadcast()).join("join", {
        type: "left",
        left: ({ value }) => value,
        right: ({ value }) => value,
        join: distance,
      }),
    accounts: { of: () => 1, times: 1 },
    share: 0.3,
  },
  {
    name: "union of two",
    build: (events) =>
      events.filter(({ index }) => (index & 1) === 0).union(events.filter(({ index }) => (index & 1) === 1)),
    accounts: { of: () => 1, times: 1 },
  },
];
