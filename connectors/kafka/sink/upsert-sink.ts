/** Compacted topics as a sink: tables, of which a topic keeps the last row of each key. */

import type { Change } from "../../../core/changelog.ts";
import type { UpsertSink } from "../../../core/sink.ts";
import { keySelector } from "../../../core/stream-options.ts";
import { json } from "../../format/json/json.ts";
import { toKafka } from "./kafka-sink.ts";
import { type EncodeOption, encoderOf, type RecordEncoder } from "./serialise.ts";
import type { KafkaSinkOptions } from "./settings.ts";

/** Its functions see rows, and not their changes. */
export interface KafkaUpsertOptions<T> extends Omit<KafkaSinkOptions<T>, "key"> {
  /** Which row it is: the key of its records. */
  readonly key: (row: T) => string;
}

/**
 * Keeps a table in a topic: a row that is new or replaces another is written under its key, and one that is deleted by a
 * record without a value, a tombstone. All changes of a key are written by one subtask, in their order, to one partition.
 * The topic should have `cleanup.policy=compact`; `upserts` reads it back.
 *
 * After a restart with guarantee "at-least-once" changes of a key may come again, and the last one is still the last.
 *
 * @throws as `toKafka`
 */
export function toKafkaUpserts<T>(options: KafkaUpsertOptions<T>): UpsertSink<T> {
  const { topic, key, headers, timestamp, partition, value = json<T>(), ...rest } = options;
  const sink = toKafka<Change<T>>({
    ...rest,
    topic: typeof topic === "string" ? topic : (change) => topic(change.value),
    key: (change) => key(change.value),
    value: changesBy(value),
    ...(headers && { headers: (change: Change<T>) => headers(change.value) }),
    ...(timestamp && { timestamp: (change: Change<T>) => timestamp(change.value) }),
    ...(partition && {
      partition: (change: Change<T>, partitions: number) => partition(change.value, partitions),
    }),
  });
  const upsertKey = keySelector<Change<T>>((change) => key(change.value));
  return Object.freeze<UpsertSink<T>>({ ...sink, appendOnly: false, upsertKey });
}

function changesBy<T>(value: EncodeOption<T>): EncodeOption<Change<T>> {
  const rowsBy = encoderOf(value);
  return { encoder: () => changeEncoder(rowsBy()) };
}

/** What an update replaces is not written: its new row comes next and has the same key. */
function changeEncoder<T>(rows: RecordEncoder<T>): RecordEncoder<Change<T>> {
  return {
    open: async () => await rows.open?.(),
    encode({ kind, value }) {
      if (kind === "updateBefore") return undefined;
      return kind === "delete" ? null : rows.encode(value);
    },
  };
}
