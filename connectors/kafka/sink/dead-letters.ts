/** Bad records, as a source hands them out, on their way to a topic where somebody looks at them. */

import type { Sink } from "../../../core/sink.ts";
import type { HeaderField } from "../codec/record-batch-builder.ts";
import type { BadRecord } from "../source/bad-records.ts";
import { toKafka } from "./kafka-sink.ts";
import type { KafkaSinkOptions } from "./settings.ts";

export type DeadLetterOptions = Omit<KafkaSinkOptions<BadRecord>, "key" | "value" | "headers" | "timestamp">;

const NOTHING = new Uint8Array(0);

/**
 * Writes bad records as they were: key, value, headers and timestamp. Further headers say where each came from and what is
 * wrong with it: `millrace.topic`, `millrace.partition`, `millrace.offset`, `millrace.timestamp` and `millrace.error`, all
 * as texts.
 *
 *   stream.sideOutput(bad).to("dead letters", toDeadLetters({ brokers, topic: "orders-dead", guarantee: "exactly-once" }))
 *
 * With guarantee "exactly-once" each bad record is there once, whatever fails, as what the job makes of the good ones.
 */
export function toDeadLetters(options: DeadLetterOptions): Sink<BadRecord> {
  return toKafka<BadRecord>({
    ...options,
    key: ({ key }) => key,
    // A record with neither is none that a sink writes.
    value: ({ key, value }) => value ?? (key === null ? NOTHING : null),
    headers: headersOf,
    timestamp: ({ timestamp }) => timestamp,
  });
}

function headersOf({ headers, topic, partition, offset, timestamp, error }: BadRecord): readonly HeaderField[] {
  return [
    ...headers.map(({ key, value }): HeaderField => [key, value]),
    ["millrace.topic", topic],
    ["millrace.partition", String(partition)],
    ["millrace.offset", String(offset)],
    ["millrace.timestamp", String(timestamp)],
    ["millrace.error", error],
  ];
}
