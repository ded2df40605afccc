/**
 * Whether transactions fit to the checkpoints of a job: one is open from a checkpoint's barrier to the next one's, and brokers
 * abort it when that takes longer than its timeout. One that is prepared may be aborted: its records are written again.
 */

import { MillraceError } from "../../../core/errors.ts";
import type { SinkJob } from "../../../core/sink.ts";
import type { KafkaSinkSettings } from "./settings.ts";

/**
 * What may go wrong, or undefined.
 * @throws MillraceError CHECKPOINT_NEEDED, BAD_OPTION when no transaction would last to its checkpoint
 */
export function fitToCheckpoints(
  {
    guarantee,
    topic,
    transactionTimeoutMs,
  }: Pick<KafkaSinkSettings<never>, "guarantee" | "topic" | "transactionTimeoutMs">,
  { checkpoints, bounded }: SinkJob,
): string | undefined {
  if (guarantee !== "exactly-once") return undefined;
  const what = typeof topic === "string" ? `The Kafka sink of "${topic}"` : "A Kafka sink";
  if (checkpoints === undefined) {
    if (bounded) return undefined;
    throw new MillraceError(
      "CHECKPOINT_NEEDED",
      `${what} commits when checkpoints are complete, and this job takes none and does not end by itself: give it checkpoints, as the option checkpoints: { interval: "10s" } of the job and a directory for run(), or the sink the guarantee "at-least-once"`,
    );
  }
  const { intervalMs, timeoutMs } = checkpoints;
  if (intervalMs >= transactionTimeoutMs) {
    throw new MillraceError(
      "BAD_OPTION",
      `${what} has a transactionTimeout of ${transactionTimeoutMs} ms, and checkpoints are ${intervalMs} ms apart: brokers would abort each transaction before its checkpoint. Raise transactionTimeout above the checkpoints' interval and timeout together, ${intervalMs + timeoutMs} ms, or take checkpoints more often`,
    );
  }
  if (intervalMs + timeoutMs <= transactionTimeoutMs) return undefined;
  return `${what} has a transactionTimeout of ${transactionTimeoutMs} ms, and a checkpoint may be complete as late as ${intervalMs + timeoutMs} ms after the one before it began (interval and timeout of checkpoints): brokers abort a transaction that is open for longer, and the job goes back to its last checkpoint. Raise transactionTimeout of toKafka, and transaction.max.timeout.ms of the brokers where that bounds it, or lower the timeout of checkpoints`;
}
