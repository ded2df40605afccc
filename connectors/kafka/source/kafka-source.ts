/** Kafka topics as a source. */

import { MillraceError } from "../../../core/errors.ts";
import type { EnumeratorContext, Source } from "../../../core/source.ts";
import { type Duration, positiveDurationMs } from "../../../core/time.ts";
import { inOrder } from "../../splits.ts";
import { connectionOptions, type KafkaOptions } from "../client/connection-options.ts";
import { KafkaClient } from "../client/kafka-client.ts";
import { TOPIC_WITHIN_MS } from "../limits.ts";
import type { BadRecordOptions } from "./bad-records.ts";
import type { OnLostOffset } from "./lost-offsets.ts";
import { endsOf, type KafkaEnd, type KafkaStart, startsOf } from "./places.ts";
import { ShareReader } from "./share-reader.ts";
import { type KafkaShare, redistribute, type SharePartition, sharesOf } from "./shares.ts";
import { type KafkaTopics, partitionsOf } from "./topics.ts";
import type { ValueOption } from "./values.ts";

export interface KafkaSourceOptions<T> extends KafkaOptions, BadRecordOptions {
  readonly topics: KafkaTopics;
  /**
   * What becomes of a record: a format (`json()`, `text()`, `bytes()`, …) of its value, which leaves out records without
   * one; or a function of the whole record, which leaves out those for which it returns undefined.
   */
  readonly value: ValueOption<T>;
  /** Where the job begins to read when it goes on from no checkpoint. Default "earliest". */
  readonly from?: KafkaStart;
  /** Where it stops, which makes the stream bounded. Absent: never. */
  readonly until?: KafkaEnd;
  /** False: also records of transactions that are open or aborted. Default true. */
  readonly committedOnly?: boolean;
  /** How often it looks for new partitions and topics. Default 1 min. */
  readonly discoverEvery?: Duration;
  /** When records that are next are not kept any more. Default "fail", with KAFKA_OFFSET. */
  readonly onLostOffset?: OnLostOffset;
  /**
   * A consumer group to which offsets are committed for monitoring, when a checkpoint is complete that holds them. The job
   * itself goes on from its checkpoints. The group must have no consumers. Default: none.
   */
  readonly group?: string;
  /** How often offsets are committed in a job without checkpoints. Default 5 s. */
  readonly commitEvery?: Duration;
  /** Names the operator. Default "kafka:" and the topics. */
  readonly name?: string;
}

/** The options as readers need them. */
export interface KafkaSourceSettings<T> extends BadRecordOptions {
  readonly connection: KafkaOptions;
  readonly topics: KafkaTopics;
  readonly value: ValueOption<T>;
  readonly committedOnly: boolean;
  readonly bounded: boolean;
  readonly discoverMs: number;
  readonly onLostOffset: OnLostOffset;
  readonly group: { readonly name: string; readonly everyMs: number } | undefined;
}

const DISCOVER_EVERY = "1m";
const COMMIT_EVERY = "5s";
const onLostOffsets: readonly OnLostOffset[] = ["fail", "earliest", "latest"];

/**
 * Reads topics of Kafka, all partitions at the same time, each by one subtask. Records have Kafka's timestamps. They keep
 * their order within a partition, and no order between partitions.
 *
 * The offsets live in the job's checkpoints, and no consumer group takes part. Partitions that are added while the job runs
 * are found and read from their beginning, and so are new topics when `topics` is an expression. A job that goes on with
 * another parallelism divides the partitions anew.
 *
 * Only records of committed transactions are read, unless `committedOnly` is false. Checksums are checked. A record that
 * cannot be read fails the job, or is skipped (`onBadRecord`), counted in the metric `badRecords` and sent to `badRecords`.
 * Records that `value` leaves out are counted in `recordsLeftOut`.
 *
 * Each partition is a part of its own for `watermarks` of `env.from`.
 *
 * @throws MillraceError BAD_OPTION; when the job runs, one of the codes that begin with KAFKA_, or INPUT_FORMAT.
 */
export function kafka<T>(options: KafkaSourceOptions<T>): Source<T, KafkaShare> {
  const settings = settingsOf(options);
  const { from = "earliest", until } = options;
  return Object.freeze<Source<T, KafkaShare>>({
    name: options.name ?? `kafka:${[options.topics].flat().join()}`,
    bounded: until !== undefined,
    async enumerate(context) {
      if (context.restored !== undefined) return inOrder<KafkaShare>([], context.restored);
      return inOrder(sharesOf(await partitionsAt(settings, from, until, context), context.parallelism));
    },
    redistribute,
    reader: (context) => new ShareReader(settings, context),
  });
}

function settingsOf<T>(options: KafkaSourceOptions<T>): KafkaSourceSettings<T> {
  const { brokers, clientId, tls, sasl, topics, value, onBadRecord, badRecords } = options;
  if (Array.isArray(topics) && topics.length === 0) throw new MillraceError("BAD_OPTION", "topics of kafka is empty");
  const connection = {
    brokers,
    ...(clientId !== undefined && { clientId }),
    ...(tls !== undefined && { tls }),
    ...(sasl !== undefined && { sasl }),
  };
  connectionOptions(connection); // refuses what is no address, when the program is built
  return {
    connection,
    topics,
    value,
    committedOnly: options.committedOnly ?? true,
    bounded: options.until !== undefined,
    discoverMs: positiveDurationMs(options.discoverEvery ?? DISCOVER_EVERY, "discoverEvery of kafka"),
    onLostOffset: lostOption(options.onLostOffset ?? "fail"),
    group: groupOf(options),
    ...(onBadRecord !== undefined && { onBadRecord }),
    ...(badRecords !== undefined && { badRecords }),
  };
}

function lostOption(given: OnLostOffset): OnLostOffset {
  if (onLostOffsets.includes(given)) return given;
  const known = onLostOffsets.map((each) => JSON.stringify(each)).join(", ");
  throw new MillraceError("BAD_OPTION", `onLostOffset of kafka is one of ${known}, got ${JSON.stringify(given)}`);
}

function groupOf<T>({ group, commitEvery }: KafkaSourceOptions<T>): KafkaSourceSettings<T>["group"] {
  const everyMs = positiveDurationMs(commitEvery ?? COMMIT_EVERY, "commitEvery of kafka");
  if (group === "") throw new MillraceError("BAD_OPTION", "group of kafka is empty");
  return group === undefined ? undefined : { name: group, everyMs };
}

async function partitionsAt<T>(
  { connection, topics, committedOnly }: KafkaSourceSettings<T>,
  from: KafkaStart,
  until: KafkaEnd | undefined,
  { signal }: EnumeratorContext,
): Promise<SharePartition[]> {
  await using client = new KafkaClient(connection);
  const partitions = await partitionsOf(client, topics, { withinMs: TOPIC_WITHIN_MS, signal });
  const options = { committedOnly, signal };
  const starts = await startsOf(client, partitions, from, options);
  const ends = until === undefined ? undefined : await endsOf(client, partitions, until, options);
  return partitions.map((each, index) => ({
    ...each,
    offset: starts[index] as number, // one for each partition
    stop: ends?.[index] ?? null,
  }));
}
