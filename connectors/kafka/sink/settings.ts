/** The options of a Kafka sink, checked and with their defaults, as its writers need them. */

import { MillraceError } from "../../../core/errors.ts";
import { type Duration, positiveDurationMs } from "../../../core/time.ts";
import { json } from "../../format/json/json.ts";
import { wholeNumber } from "../../options.ts";
import { connectionOptions, type KafkaOptions } from "../client/connection-options.ts";
import { type Compression, compressions } from "../codec/compression.ts";
import type { Field, HeaderField } from "../codec/record-batch-builder.ts";
import { SINK_BATCH_BYTES, SINK_BUFFER_BYTES } from "../limits.ts";
import { type EncodeOption, encoderOf, type RecordEncoder } from "./serialise.ts";

/**
 * What holds of the output when something fails.
 *
 *   "at-least-once"  nothing is lost; after a restart records may come twice. Records are visible at once
 *   "exactly-once"   each record is there once for consumers with isolation.level=read_committed. Records become visible
 *                    when the checkpoint that holds them is complete
 *   "none"           checkpoints do not wait for brokers, and only the leader acknowledges: records may be lost or come twice
 */
export type KafkaGuarantee = "exactly-once" | "at-least-once" | "none";

export interface KafkaSinkOptions<T> extends KafkaOptions {
  /** Where records go: a topic for all, or of each record its own. A topic must be there. */
  readonly topic: string | ((value: T) => string);
  /** What is written: a format, or a function, whose null writes a tombstone and undefined nothing. Default `json()`. */
  readonly value?: EncodeOption<T>;
  /** Decides the partition, as the Java client computes it, and which record replaces which in a compacted topic. */
  readonly key?: (value: T) => Field;
  readonly headers?: (value: T) => readonly HeaderField[];
  /** Whole milliseconds since 1970. Default: the record's event time, or the present when it has none. */
  readonly timestamp?: (value: T) => number;
  /** Chooses the partition instead of the key, from 0 to `partitions` - 1. */
  readonly partition?: (value: T, partitions: number) => number;
  /** Of the batches. Default "none". */
  readonly compression?: Compression;
  /**
   * Default "at-least-once", as it needs neither checkpoints nor rights to transactions, and output is seen at once:
   * "exactly-once" shows nothing before a checkpoint is complete, which is to be chosen, not to be found out.
   */
  readonly guarantee?: KafkaGuarantee;
  /** Bytes of a batch before compression; one above `max.message.bytes` of its topic is divided. Default 512 KiB. */
  readonly batchBytes?: number;
  /** Bytes that may wait for brokers in each subtask; beyond that the job waits. Default 32 MiB. */
  readonly bufferBytes?: number;
  /**
   * With "exactly-once": how long a transaction may stay open, above the time from one checkpoint to the next: its interval,
   * and its timeout beside that. When brokers abort one that was prepared its records are written again, so that nothing is
   * lost after a longer outage either; until then readers of committed records wait for it. At most the brokers'
   * `transaction.max.timeout.ms`. Default 15 min, which is also the default of that.
   */
  readonly transactionTimeout?: Duration;
  /**
   * With "exactly-once": what the transactional ids begin with, and the consumer groups of the same names that mark what is
   * committed; for rights by prefix. No two jobs at a time may have the same. Default: of job, its first start and operator.
   */
  readonly transactionalIdPrefix?: string;
  /**
   * With "exactly-once": whether checkpoints keep what was written until it is committed, so that not even a topic that loses
   * aborted records soon makes an outage lose output. It is read back from the topic and written once more for that. Default:
   * of topics that are compacted or keep records for less than a day.
   */
  readonly retainOutput?: boolean;
  /** Names the operator. Default "kafka:" and the topic. */
  readonly name?: string;
}

export interface KafkaSinkSettings<T> {
  readonly connection: KafkaOptions;
  readonly topic: string | ((value: T) => string);
  /** Makes the encoder of a subtask. */
  readonly encoder: () => RecordEncoder<T>;
  readonly key: ((value: T) => Field) | undefined;
  readonly headers: ((value: T) => readonly HeaderField[]) | undefined;
  readonly timestamp: ((value: T) => number) | undefined;
  readonly partition: ((value: T, partitions: number) => number) | undefined;
  readonly compression: Compression;
  readonly guarantee: KafkaGuarantee;
  readonly batchBytes: number;
  readonly bufferBytes: number;
  readonly transactionTimeoutMs: number;
  readonly transactionalIdPrefix: string | undefined;
  readonly retainOutput: boolean | undefined;
}

const TRANSACTION_TIMEOUT = "15m";

const guarantees: readonly KafkaGuarantee[] = ["exactly-once", "at-least-once", "none"];

/** @throws MillraceError BAD_OPTION */
export function settingsOf<T>(options: KafkaSinkOptions<T>): KafkaSinkSettings<T> {
  const { brokers, clientId, tls, sasl, topic, key, headers, timestamp, partition } = options;
  if (topic === "") throw new MillraceError("BAD_OPTION", "topic of toKafka is empty");
  const connection = {
    brokers,
    ...(clientId !== undefined && { clientId }),
    ...(tls !== undefined && { tls }),
    ...(sasl !== undefined && { sasl }),
  };
  connectionOptions(connection); // refuses what is no address, when the program is built
  return {
    ...{ connection, topic, key, headers, timestamp, partition, encoder: encoderOf(options.value ?? json<T>()) },
    compression: oneOf(compressions, options.compression ?? "none", "compression"),
    guarantee: oneOf(guarantees, options.guarantee ?? "at-least-once", "guarantee"),
    batchBytes: wholeNumber(options.batchBytes ?? SINK_BATCH_BYTES, 1, "batchBytes of toKafka"),
    bufferBytes: wholeNumber(options.bufferBytes ?? SINK_BUFFER_BYTES, 1, "bufferBytes of toKafka"),
    transactionTimeoutMs: positiveDurationMs(
      options.transactionTimeout ?? TRANSACTION_TIMEOUT,
      "transactionTimeout of toKafka",
    ),
    transactionalIdPrefix: options.transactionalIdPrefix,
    retainOutput: options.retainOutput,
  };
}

function oneOf<T extends string>(known: readonly T[], value: T, what: string): T {
  if (known.includes(value)) return value;
  const list = known.map((each) => JSON.stringify(each)).join(", ");
  throw new MillraceError("BAD_OPTION", `${what} of toKafka is one of ${list}, got ${JSON.stringify(value)}`);
}
