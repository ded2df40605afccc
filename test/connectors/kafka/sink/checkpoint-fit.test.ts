import { describe, expect, test } from "vitest";
import { toDeadLetters } from "../../../../connectors/kafka/sink/dead-letters.ts";
import { toKafka } from "../../../../connectors/kafka/sink/kafka-sink.ts";
import type { KafkaGuarantee } from "../../../../connectors/kafka/sink/settings.ts";
import { toKafkaUpserts } from "../../../../connectors/kafka/sink/upsert-sink.ts";
import type { Sink, SinkJob } from "../../../../core/sink.ts";
import type { Duration } from "../../../../core/time.ts";

const minute = 60_000;
const brokers = "127.0.0.1:1";

function sink(guarantee: KafkaGuarantee, transactionTimeout?: Duration): Sink<unknown> {
  return toKafka({ brokers, topic: "out", guarantee, ...(transactionTimeout && { transactionTimeout }) });
}

function every(intervalMs: number, timeoutMs = 10 * minute): SinkJob {
  return { checkpoints: { intervalMs, timeoutMs }, bounded: false };
}

const none: SinkJob = { checkpoints: undefined, bounded: false };

describe("exactly once", () => {
  test("is refused in a job that takes no checkpoints and does not end by itself", () => {
    expect(() => sink("exactly-once").fits?.(none)).toThrow(
      expect.objectContaining({ code: "CHECKPOINT_NEEDED", message: expect.stringMatching(/of "out" commits when/) }),
    );
  });

  test("commits at the end of a job that has one", () => {
    expect(sink("exactly-once").fits?.({ ...none, bounded: true })).toBeUndefined();
  });

  test("fits by its defaults to checkpoints that are minutes apart and may take as long as usual", () => {
    expect(sink("exactly-once").fits?.(every(5 * minute))).toBeUndefined();
  });

  test("a checkpoint that may be complete after the timeout is warned of, with both times", () => {
    const warning = sink("exactly-once", "2m").fits?.(every(minute, minute + 1));
    expect(warning).toMatch(/of "out" has a transactionTimeout of 120000 ms.* as late as 120001 ms/);
    expect(sink("exactly-once", "2m").fits?.(every(minute, minute))).toBeUndefined();
  });

  test.each([2 * minute, 3 * minute])("checkpoints %i ms apart are refused with transactions of 2 min", (apart) => {
    expect(() => sink("exactly-once", "2m").fits?.(every(apart))).toThrow(
      expect.objectContaining({ code: "BAD_OPTION", message: expect.stringMatching(/Raise transactionTimeout above/) }),
    );
  });

  test.each([
    toKafkaUpserts({ brokers, topic: "out", key: String, guarantee: "exactly-once" }),
    toDeadLetters({ brokers, topic: "out", guarantee: "exactly-once" }),
    toKafka<string>({ brokers, topic: (value) => value, guarantee: "exactly-once" }),
  ] as readonly Sink<never>[])("holds for %o", (each) => {
    expect(() => each.fits?.(none)).toThrow(expect.objectContaining({ code: "CHECKPOINT_NEEDED" }));
  });
});

test.each(["at-least-once", "none"] as const)("%s needs no checkpoints, and minds none", (guarantee) => {
  expect(sink(guarantee, "1s").fits?.(none)).toBeUndefined();
  expect(sink(guarantee, "1s").fits?.(every(minute))).toBeUndefined();
});
