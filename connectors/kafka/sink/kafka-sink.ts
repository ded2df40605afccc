/** Kafka topics as a sink. */

import type { Sink } from "../../../core/sink.ts";
import { SINK_STEP_MS } from "../limits.ts";
import { fitToCheckpoints } from "./checkpoint-fit.ts";
import { PlainWriter } from "./plain-writer.ts";
import { type KafkaSinkOptions, settingsOf } from "./settings.ts";
import { brokersOf, TransactionalWriter } from "./transactional-writer.ts";

/**
 * Writes records to topics of Kafka, with any parallelism. Records of one subtask keep their order within a partition.
 *
 * A record goes to the partition of its key, as the Java client computes it; without a key, partitions take turns batch by
 * batch. All replicas in sync acknowledge what is written, except with guarantee "none". While brokers are away or leaders
 * move, it tries again for up to two minutes, counted in the metric `produceRetries`, holds what waits within `bufferBytes`
 * a subtask, and has the job wait. Records that `value` leaves out are counted in `recordsLeftOut`.
 *
 * With "exactly-once" the job has to take checkpoints, unless all its sources end by themselves, and these have to be closer
 * together than `transactionTimeout`; that a checkpoint may take longer than it allows is warned of when the job starts.
 *
 * @throws MillraceError BAD_OPTION; when the job starts, CHECKPOINT_NEEDED; when it runs, BAD_RECORD or one of the codes that begin with KAFKA_.
 */
export function toKafka<T = unknown>(options: KafkaSinkOptions<T>): Sink<T> {
  const settings = settingsOf(options);
  const { topic } = settings;
  return Object.freeze<Sink<T>>({
    name: options.name ?? `kafka:${typeof topic === "string" ? topic : "by record"}`,
    timeout: { milliseconds: SINK_STEP_MS },
    appendOnly: true,
    fits: (job) => fitToCheckpoints(settings, job),
    writer: (context) =>
      settings.guarantee === "exactly-once"
        ? new TransactionalWriter<T>(settings, context, brokersOf(settings.connection))
        : new PlainWriter<T>(settings, context),
  });
}
