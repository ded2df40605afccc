/** Failures of requests to Kafka, with what a caller needs to decide whether and how it tries again. */

import { type ErrorCode, MillraceError } from "../../../core/errors.ts";
import type { ApiRequest } from "../protocol/api.ts";
import { brokerError, type Remedy } from "./broker-errors.ts";

export class KafkaFailure extends MillraceError {
  /** As Kafka calls it, e.g. "NOT_LEADER_OR_FOLLOWER"; "CONNECTION" when no answer came. */
  readonly reason: string;
  readonly remedy: Remedy;

  constructor(code: ErrorCode, message: string, reason: string, remedy: Remedy, cause?: unknown) {
    super(code, message, cause === undefined ? {} : { cause });
    this.reason = reason;
    this.remedy = remedy;
  }
}

/** What a broker answered. @param what was asked of it, e.g. 'writing to partition 3 of "orders"' */
export function refusal(number: number, what: string, message: string | null = null): KafkaFailure {
  const { name, code, remedy } = brokerError(number);
  return new KafkaFailure(code, `Kafka refused ${what}: ${name}${message ? ` (${message})` : ""}`, name, remedy);
}

/** No answer came: the request may have been carried out or not. */
export function noAnswer(what: string, broker: string, cause: unknown): KafkaFailure {
  const why = cause instanceof Error ? cause.message : String(cause);
  const message = `The Kafka broker ${broker} did not answer to ${what}: ${why}`;
  return new KafkaFailure("KAFKA_UNREACHABLE", message, "CONNECTION", "leader", cause);
}

/** @throws KafkaFailure unless the number is 0 */
export function accept(number: number, what: string, message?: string | null): void {
  if (number !== 0) throw refusal(number, what, message);
}

/** The answer, if it says success in all its parts. @throws KafkaFailure of the first part that was refused */
export function accepted<Answer>(answer: Answer, request: ApiRequest<Answer>): Answer {
  for (const { error, message, topic, partition } of request.results(answer)) {
    const where = topic === undefined ? "" : ` for partition ${partition} of "${topic}"`;
    accept(error, `${request.name}${where}`, message);
  }
  return answer;
}
