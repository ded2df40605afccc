/** The bounds of the Kafka connector, each with its reason. */

/**
 * Bytes of one decompressed record batch. Producers fill batches up to 1 MB by default and compress up to a hundredfold;
 * beyond this a small batch is made to fill the memory of whoever reads it.
 */
export const BATCH_BYTES_MAX = 256 * 1024 * 1024;

/** Headers of one record: a handful in practice. */
export const RECORD_HEADERS_MAX = 10_000;

/** How long a connection to a broker may take: it is near, or not there. */
export const CONNECT_MS = 5_000;

/** How long a broker may take to show what it speaks, for the words of an error that is due anyway. */
export const PROBE_MS = 2_000;

/** How long a broker may take to make topics: their leaders have to be found and told. */
export const CREATE_TOPICS_MS = 30_000;

/** How long a broker may take to answer, beyond what it was asked to wait for. */
export const ANSWER_MS = 30_000;

/** How long requests are tried again while leaders move and brokers restart, which takes seconds. */
export const RETRY_WITHIN_MS = 120_000;

/** From the first try to the last, how long is waited before the next one. */
export const RETRY_MS_MIN = 20;
export const RETRY_MS_MAX = 1_000;

/**
 * What waits of a partition, from which on it is not asked for: so many bytes take longer to be read than to ask for the next
 * fetch, and so many fetches, of a record or two, wait only where nobody reads.
 */
export const FETCH_AHEAD_BYTES = 64 * 1024;
export const FETCHES_AHEAD_MAX = 4;

/** How long a broker waits for records to come before it answers that there are none. */
export const FETCH_WAIT_MS = 500;

/**
 * The same while enough of other partitions waits here, or a partition is to be asked for again: that one would have to wait
 * until the broker has answered, as it gets one request at a time.
 */
export const FETCH_SHORT_WAIT_MS = 20;

/** Bytes of one fetch: enough for full speed, and few enough that some of them may wait in memory. */
export const FETCH_BYTES = 16 * 1024 * 1024;

/** Bytes of one partition in a fetch: several batches of the usual size. */
export const FETCH_PARTITION_BYTES = 2 * 1024 * 1024;

/** One answer: a fetch, and a single batch that is larger than a fetch may be. */
export const ANSWER_BYTES_MAX = 512 * 1024 * 1024;

/** An answer from which on its memory is used again: below it is hardly worth the search. */
export const REUSED_ANSWER_BYTES = 64 * 1024;

/** Answers whose memory a client keeps to use it again: one that is read, one that comes, a few leaders. */
export const ANSWER_SPARES_MAX = 4;

/** A usual fetch; what came of one huge batch is not kept for good. */
export const ANSWER_SPARE_BYTES_MAX = FETCH_BYTES + 1024 * 1024;

/** What a socket reads at once: some hundred kilobytes are there when records flow. */
export const READ_BYTES = 256 * 1024;

/** How long a reader waits for records at a time: a checkpoint that is due waits with it. */
export const READ_WAIT_MS = 20;

/**
 * How long a commit to a consumer group is tried, and how long the end of a job waits for the last one: a coordinator that
 * moves is found again by then, and it is for monitoring only.
 */
export const GROUP_COMMIT_WITHIN_MS = 10_000;

/** How long a job that starts waits for a topic that is not there: one that is made at the same time is there by then. */
export const TOPIC_WITHIN_MS = 10_000;

/** Bytes of a batch that a sink writes: half of what a topic takes by default, as one record more may be in it. */
export const SINK_BATCH_BYTES = 512 * 1024;

/** What waits for brokers in a subtask of a sink: at full speed a few hundred milliseconds of records. */
export const SINK_BUFFER_BYTES = 32 * 1024 * 1024;

/** How long a step of a sink may take: to try again for as long as that is done, and then for an answer. */
export const SINK_STEP_MS = RETRY_WITHIN_MS + 2 * ANSWER_MS;

/**
 * How old a prepared transaction may be for the absence of its marker to say that it was not committed: brokers forget
 * markers after `offsets.retention.minutes`, 7 days by default.
 */
export const MARKER_TRUSTED_MS = 6 * 24 * 60 * 60_000;

/**
 * For how long a topic has to keep records so that those of an aborted transaction are surely there when they are written
 * again: an outage that lasts longer has been noticed.
 */
export const SHORT_RETENTION_MS = 24 * 60 * 60_000;

/** How often an aborted transaction is written again before the job starts again: brokers that stay away are met there. */
export const REWRITES_MAX = 5;
