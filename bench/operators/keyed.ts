/** Patterns, top-N, deduplication and running aggregates. */

import { counting, pattern, summing } from "millrace";
import type { BenchEvent, OperatorCase } from "./operator-case.ts";

const threeSteps = pattern<BenchEvent>("three steps")
  .begin("low")
  .where(({ value }) => value < 100)
  .followedBy("middle")
  .where(({ value }) => value >= 450 && value < 550)
  .followedBy("high")
  .where(({ value }) => value >= 900)
  .within("10s");

export const keyed: readonly OperatorCase[] = [
  {
    name: "pattern of three steps",
    build: (events) => events.keyBy("key").match(threeSteps, { afterMatch: "skipPastLastEvent" }),
    floor: { eventsPerCpuS: 500_000, keys: 10_000 },
    share: 0.2,
  },
  {
    name: "top 10",
    build: (events) => events.keyBy("key").topN("top", { n: 10, by: "value" }),
  },
  {
    name: "deduplicate, the last",
    build: (events) => events.keyBy("key").deduplicate("last", { keep: "last" }),
    share: 0.5,
  },
  {
    name: "deduplicate, the first",
    build: (events) => events.keyBy("key").deduplicate("first"),
  },
  {
    name: "deduplicate, about the first, for 10 s",
    build: (events) =>
      events.keyBy("key").deduplicate("about", { approximate: { capacity: 2_000_000 }, ttl: "10s", time: "event" }),
    share: 0.3,
  },
  {
    name: "changelog of upserts",
    build: (events) => events.keyBy("key").toChangelog("changelog"),
    share: 0.3,
  },
  {
    name: "sum over a changelog of upserts, 1000 groups",
    build: (events) =>
      events
        .keyBy("key")
        .toChangelog("changelog")
        .keyBy(({ value }) => value.value)
        .aggregateChanges("sum", summing<BenchEvent>("index")),
    share: 0.1,
  },
  {
    name: "top 10 of a changelog of upserts, 1000 groups",
    build: (events) =>
      events
        .keyBy("key")
        .toChangelog("changelog")
        .keyBy(({ value }) => value.key % 1000)
        .topNChanges("top", { n: 10, by: "value", id: ({ key }) => key }),
    share: 0.1,
  },
  {
    name: "running count",
    build: (events) => events.keyBy("key").aggregate("count", counting()),
  },
];
