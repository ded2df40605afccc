/**
 * Every operating error that Millrace reports, in one registry.
 *
 * The law: an operating error is a `MillraceError` with a code from `errorCodes`; its message says what was
 * expected, what came, in which operator, and what to do. A programmer's error inside the engine is an assertion
 * (`assert.ts`) instead. A test keeps this registry, `docs/errors.md` and the sources equal.
 */

/** Who has to act: the author of the job, the world outside (files, brokers), or the engine's own developers. */
export type ErrorDomain = "user" | "external" | "internal";

/** Whether running the same thing again can help: `never`, or after a restart of the subtask. */
export type RetryHint = "never" | "restart";

interface ErrorCodeEntry {
  readonly domain: ErrorDomain;
  readonly retry: RetryHint;
  readonly summary: string;
}

/** The registry: code → who must act, whether a retry helps, and what it means in one line. */
export const errorCodes = {
  APPEND_ONLY_SINK: user("A changelog goes into a sink that only appends."),
  BAD_DURATION: user('A duration is not of the form "5s" or { seconds: 5 }.'),
  BAD_JOB_MODULE: user("The module does not default-export a job made by defineJob."),
  BAD_OPTION: user("An option has a value outside of what it accepts."),
  BAD_KEY: user("A key is NaN, null, undefined, an object, or of another kind that has no canonical encoding."),
  BAD_RECORD: user(
    "A record holds a value that cannot travel between subtasks, such as a class instance or a function.",
  ),
  BAD_REQUEST: user("A request to the coordinator is not one that it understands."),
  BATCH_SCHEMA_MISMATCH: user("A batch function's records do not fit the schema that it declares."),
  BUNDLE_IN_USE: user("A bundle cannot be deleted while a job that has not ended runs it."),
  BUNDLE_UNAVAILABLE: external("A worker cannot get, check or store the bundle of a job."),
  BUNDLE_VERSION: user("The program was bundled by another version of Millrace than the cluster runs."),
  CANCELLED: user("The job was cancelled."),
  COORDINATOR_UNREACHABLE: external("No coordinator answers at an address."),
  CHANGELOG_INPUT: user("What takes records for rows that stand gets a changelog, in which rows may go."),
  CHECKPOINT_BEHIND_OUTPUT: external(
    "No checkpoint is readable that holds all that the job's sinks have published.",
    "never",
  ),
  CHECKPOINT_COPIES: external("A job wants more copies of its checkpoints than there are hosts."),
  CHECKPOINT_FAILED: external("More checkpoints in a row came to nothing than the job tolerates."),
  CHECKPOINT_FOREIGN: user("A checkpoint or savepoint is of another job, or does not fit to this one."),
  CHECKPOINT_FORMAT: external("A checkpoint or savepoint has a format that this Millrace does not know.", "never"),
  CHECKPOINT_NEEDED: user("A sink publishes by checkpoints, and the job, which does not end by itself, takes none."),
  CHECKPOINT_UNSUPPORTED: user("A source of a job that takes checkpoints cannot say where it goes on."),
  CHECKPOINT_STORE: external("A checkpoint store cannot be opened, read or written."),
  DUPLICATE_NAME: user("Two operators of one job have the same name."),
  EMPTY_JOB: user("The job has no sink, so it would compute nothing."),
  FORBIDDEN: user("A request to the coordinator was meant for, or came from, another site."),
  FOREIGN_STREAM: user("A stream of another job or environment was used."),
  GRAPH_CYCLE: user("The job graph contains a cycle."),
  GRAPH_NOT_DETERMINISTIC: user("Building the job twice gave two different graphs."),
  INPUT_FORMAT: external("An input file is not what its format demands, or is cut short.", "never"),
  INPUT_UNREADABLE: external("An input file does not exist, is a directory, or cannot be read."),
  INSECURE: user("What would leave the machine is not protected by a token and TLS."),
  INTERNAL: internal("The coordinator failed to answer a request; its log has the cause.", "restart"),
  JOB_ENDED: user("What was asked of a job can no longer be done, as it has ended."),
  JOB_UNKNOWN: user("The coordinator has no job of that id."),
  KAFKA_ABORTED: external("A Kafka broker aborted a transaction that was open for too long."),
  KAFKA_DENIED: user("A Kafka broker does not let this user in, or not do what was asked."),
  KAFKA_FENCED: external("Another process uses the same transactional id of Kafka by now."),
  KAFKA_FORMAT: external("What a Kafka broker sent is damaged, or of a form that is not known."),
  KAFKA_OFFSET: external("An offset is outside of those that a Kafka partition has.", "never"),
  KAFKA_OUTCOME_UNKNOWN: user("Kafka brokers have forgotten whether an old transaction was committed."),
  KAFKA_OUTPUT_LOST: user("Records of a transaction that brokers aborted are not in the topic any more."),
  KAFKA_REFUSED: external("A Kafka broker refused a request for a reason that does not pass."),
  KAFKA_TLS: user("A Kafka broker and its client do not agree on TLS, or one does not trust the other's certificate."),
  KAFKA_TOO_LARGE: user("A record batch is larger than a Kafka topic takes."),
  KAFKA_TOPIC: user("A Kafka topic or partition does not exist."),
  KAFKA_TRANSACTION_TIMEOUT: user("A transaction timeout is above what a Kafka broker allows."),
  KAFKA_UNREACHABLE: external("No Kafka broker answers, or none that could do what was asked, for a long time."),
  KAFKA_VERSION: user("A Kafka broker is older than those that Millrace works with."),
  KEYS_CHANGED: user("An operator's keys are of another kind than those of the state with which it goes on."),
  LINK_LOST: external("The exchange between two workers broke."),
  MISSING_NAME: user("Something that holds state has no name."),
  NOT_A_COORDINATOR: external("What answers at an address is no coordinator of Millrace.", "never"),
  NOT_BATCH: user("A program that is to be executed as a batch cannot be, or not with what was asked of the run."),
  NOT_FOUND: user("The coordinator has no such vertex, worker, bundle, sink or path."),
  NOT_READY: external("The coordinator is starting, stopping, or has no room."),
  OUTPUT_UNWRITABLE: external("An output file or folder cannot be written."),
  PARALLELISM: user("A parallelism or key group count is outside of its bounds, or contradicts the operator."),
  PLANNING_LIMIT: user("Importing and planning the program took more time or memory than it may."),
  PROMISE_RETURNED: user("A synchronous function returned a promise."),
  RECORD_TOO_LARGE: user("A record is larger than an exchange carries."),
  REQUIREMENTS: user("Operators that run in one chain require different values of one label of their worker."),
  SAVEPOINT_FAILED: external("A savepoint that was asked for came to nothing; the job goes on."),
  SCHEMA_REGISTRY: external("A schema registry does not answer, or refuses what it was asked."),
  SLOTS_MISSING: external("No workers with enough free slots and the required labels came in time.", "never"),
  SLOT_LOST: internal("The thread of a slot ended before its subtasks did.", "restart"),
  SLOT_STUCK: user("A slot did not come back from the job's code in time, and its thread was ended.", "restart"),
  STATE_CORRUPT: external("A snapshot of state is damaged, of an unknown version, or contradicts itself.", "never"),
  STATE_SPILL: external("State beyond its memory budget cannot be written to disk or read back."),
  STATE_MISFIT: user("A saved value is not of the type that its program declared, so that it cannot be converted."),
  STATE_MISUSE: user("Keyed state or timers were used without a current key, or under two different descriptors."),
  STORE_FAILED: external("The coordinator cannot write to its data folder."),
  STORE_LOCKED: user("The data folder is in use by another coordinator."),
  TIMEOUT: external("An asynchronous function, source or sink did not settle within its time."),
  TLS: user("A secure connection is not possible with these certificates and keys."),
  TOKEN_FILE: user("The file with the cluster's token is missing, open to others, or holds no token."),
  UNAUTHORIZED: user("A request does not carry the token of the cluster."),
  UNFINISHED_STREAM: user("A stream is neither consumed by an operator nor written to a sink."),
  UPGRADE_REFUSED: user("State of a savepoint does not fit to the program that is to go on from it."),
  USER_FUNCTION: user("A function of the job threw an error.", "restart"),
  WORKER_LOST: external("A worker process ended, hangs, or cannot be reached."),
  WORKER_REFUSED: user("A worker of another version or cluster wanted to join."),
  WRONG_SHAPE: user("A function returned a value of the wrong shape."),
} as const satisfies Record<string, ErrorCodeEntry>;

export type ErrorCode = keyof typeof errorCodes;

export interface ErrorDetails {
  /** The name of the operator where it happened. */
  readonly operator?: string;
  readonly cause?: unknown;
  /** Where in the cluster, and on which record: filled in by the subtask that fails. */
  readonly origin?: ErrorOrigin;
}

export interface ErrorOrigin {
  readonly subtask: number;
  readonly parallelism: number;
  readonly attempt: number;
  /** The offending record: its shape only, unless the job sets `showRecordsInErrors`. */
  readonly record?: string;
}

export class MillraceError extends Error {
  override readonly name = "MillraceError";
  readonly code: ErrorCode;
  readonly operator: string | undefined;
  readonly origin: ErrorOrigin | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.operator = details.operator;
    this.origin = details.origin;
  }

  get domain(): ErrorDomain {
    return errorCodes[this.code].domain;
  }

  get retry(): RetryHint {
    return errorCodes[this.code].retry;
  }
}

function user(summary: string, retry: RetryHint = "never"): ErrorCodeEntry {
  return { domain: "user", retry, summary };
}

function external(summary: string, retry: RetryHint = "restart"): ErrorCodeEntry {
  return { domain: "external", retry, summary };
}

function internal(summary: string, retry: RetryHint): ErrorCodeEntry {
  return { domain: "internal", retry, summary };
}
