/**
 * The errors that brokers answer with, by their number: what each is called, whom it concerns in our own registry, and
 * what helps. https://kafka.apache.org/protocol#protocol_error_codes
 *
 * A remedy says what is done before the same is tried again:
 *   again        nothing but waiting a little
 *   leader       ask who leads the partition
 *   coordinator  ask who coordinates the group or transactional id
 *   none         it would be refused again
 */

import type { ErrorCode } from "../../../core/errors.ts";

export type Remedy = "again" | "leader" | "coordinator" | "none";

export interface BrokerError {
  readonly name: string;
  readonly remedy: Remedy;
  readonly code: ErrorCode;
}

const again = passing("again");
const leader = passing("leader");
const coordinator = passing("coordinator");

const table: ReadonlyMap<number, BrokerError> = new Map<number, BrokerError>([
  [1, { name: "OFFSET_OUT_OF_RANGE", remedy: "none", code: "KAFKA_OFFSET" }],
  [2, again("CORRUPT_MESSAGE")],
  [3, { name: "UNKNOWN_TOPIC_OR_PARTITION", remedy: "leader", code: "KAFKA_TOPIC" }],
  [5, leader("LEADER_NOT_AVAILABLE")],
  [6, leader("NOT_LEADER_OR_FOLLOWER")],
  [7, again("REQUEST_TIMED_OUT")],
  [8, again("BROKER_NOT_AVAILABLE")],
  [9, leader("REPLICA_NOT_AVAILABLE")],
  [10, { name: "MESSAGE_TOO_LARGE", remedy: "none", code: "KAFKA_TOO_LARGE" }],
  [13, leader("NETWORK_EXCEPTION")],
  [14, again("COORDINATOR_LOAD_IN_PROGRESS")],
  [15, coordinator("COORDINATOR_NOT_AVAILABLE")],
  [16, coordinator("NOT_COORDINATOR")],
  [17, { name: "INVALID_TOPIC_EXCEPTION", remedy: "none", code: "KAFKA_TOPIC" }],
  [18, { name: "RECORD_LIST_TOO_LARGE", remedy: "none", code: "KAFKA_TOO_LARGE" }],
  [19, again("NOT_ENOUGH_REPLICAS")],
  [20, again("NOT_ENOUGH_REPLICAS_AFTER_APPEND")],
  [22, refused("ILLEGAL_GENERATION")],
  [25, refused("UNKNOWN_MEMBER_ID")],
  [29, denied("TOPIC_AUTHORIZATION_FAILED")],
  [30, denied("GROUP_AUTHORIZATION_FAILED")],
  [31, denied("CLUSTER_AUTHORIZATION_FAILED")],
  [32, refused("INVALID_TIMESTAMP")],
  [35, { name: "UNSUPPORTED_VERSION", remedy: "none", code: "KAFKA_VERSION" }],
  [36, { name: "TOPIC_ALREADY_EXISTS", remedy: "none", code: "KAFKA_TOPIC" }],
  [37, refused("INVALID_PARTITIONS")],
  [38, refused("INVALID_REPLICATION_FACTOR")],
  [40, refused("INVALID_CONFIG")],
  [41, leader("NOT_CONTROLLER")],
  [44, refused("POLICY_VIOLATION")],
  [45, refused("OUT_OF_ORDER_SEQUENCE_NUMBER")],
  [46, refused("DUPLICATE_SEQUENCE_NUMBER")],
  [47, { name: "INVALID_PRODUCER_EPOCH", remedy: "none", code: "KAFKA_FENCED" }],
  [48, refused("INVALID_TXN_STATE")],
  [49, refused("INVALID_PRODUCER_ID_MAPPING")],
  [50, { name: "INVALID_TRANSACTION_TIMEOUT", remedy: "none", code: "KAFKA_TRANSACTION_TIMEOUT" }],
  [51, again("CONCURRENT_TRANSACTIONS")],
  [52, { name: "TRANSACTION_COORDINATOR_FENCED", remedy: "none", code: "KAFKA_FENCED" }],
  [53, denied("TRANSACTIONAL_ID_AUTHORIZATION_FAILED")],
  [56, leader("KAFKA_STORAGE_ERROR")],
  [58, denied("SASL_AUTHENTICATION_FAILED")],
  [59, refused("UNKNOWN_PRODUCER_ID")],
  [74, leader("FENCED_LEADER_EPOCH")],
  [75, leader("UNKNOWN_LEADER_EPOCH")],
  [76, refused("UNSUPPORTED_COMPRESSION_TYPE")],
  [78, again("OFFSET_NOT_AVAILABLE")],
  [87, refused("INVALID_RECORD")],
  [88, again("UNSTABLE_OFFSET_COMMIT")],
  [89, again("THROTTLING_QUOTA_EXCEEDED")],
  [90, { name: "PRODUCER_FENCED", remedy: "none", code: "KAFKA_FENCED" }],
  [100, leader("UNKNOWN_TOPIC_ID")],
  [105, refused("TRANSACTIONAL_ID_NOT_FOUND")],
  [120, refused("TRANSACTION_ABORTABLE")],
]);

export function brokerError(number: number): BrokerError {
  return table.get(number) ?? refused(number === -1 ? "UNKNOWN_SERVER_ERROR" : `error ${number}`);
}

/** What passes by itself; when it does not in time, the broker is as good as not there. */
function passing(remedy: Remedy): (name: string) => BrokerError {
  return (name) => ({ name, remedy, code: "KAFKA_UNREACHABLE" });
}

function denied(name: string): BrokerError {
  return { name, remedy: "none", code: "KAFKA_DENIED" };
}

function refused(name: string): BrokerError {
  return { name, remedy: "none", code: "KAFKA_REFUSED" };
}
