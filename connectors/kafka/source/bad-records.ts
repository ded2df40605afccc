/** What becomes of a record that cannot be read: the job fails, or it is counted, routed and warned of; never silence. */

import { MillraceError } from "../../../core/errors.ts";
import type { OutputTag } from "../../../core/side-output.ts";
import type { SourceContext } from "../../../core/source.ts";
import type { Counter } from "../../../core/telemetry.ts";
import { NO_TIMESTAMP } from "../../../core/time.ts";
import type { KafkaRecord } from "./deserialise.ts";

export interface BadRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly { readonly key: string; readonly value: Uint8Array | null }[];
  /** What is wrong with it. */
  readonly error: string;
}

export interface BadRecordOptions {
  /** "fail" ends the job with INPUT_FORMAT at the first bad record. Default "fail". */
  readonly onBadRecord?: "skip" | "fail";
  /**
   * Where bad records go that are skipped: read it with `stream.sideOutput(tag)`, and write it to a topic with
   * `toDeadLetters`. Absent: they are counted and logged.
   */
  readonly badRecords?: OutputTag<BadRecord>;
}

export class BadRecords {
  readonly #context: SourceContext;
  readonly #options: BadRecordOptions;
  readonly #counter: Counter;
  readonly #warned = new Set<string>();

  constructor(context: SourceContext, options: BadRecordOptions) {
    this.#context = context;
    this.#options = options;
    this.#counter = context.metrics.counter("badRecords");
  }

  /** @throws MillraceError INPUT_FORMAT unless bad records are skipped */
  report(record: KafkaRecord, cause: unknown): void {
    this.#counter.add();
    const error = cause instanceof Error ? cause.message : String(cause);
    const { topic, partition, offset, timestamp } = record;
    if (this.#options.onBadRecord !== "skip") {
      const where = `"${topic}" has a record in partition ${partition} at offset ${offset} that cannot be read`;
      const advice = 'Correct what writes the topic, or set onBadRecord: "skip"';
      throw new MillraceError("INPUT_FORMAT", `${where}: ${error}. ${advice}`, {
        operator: this.#context.operator,
        cause,
      });
    }
    const { badRecords } = this.#options;
    if (badRecords !== undefined) {
      const [key, value] = [copy(record.key), copy(record.value)];
      const headers = record.headers.map((header) => ({ key: header.key, value: copy(header.value) }));
      this.#context.side(badRecords, { topic, partition, offset, timestamp, key, value, headers, error }, NO_TIMESTAMP);
    }
    const place = `${topic}/${partition}`;
    if (this.#warned.has(place)) return;
    this.#warned.add(place);
    const message = "skipped a bad record; further ones of this partition are only counted";
    this.#context.log.log("warn", message, { topic, partition, offset, error });
  }
}

/** A slice of a fetch would keep all of it in memory. */
function copy(bytes: Buffer | null): Uint8Array | null {
  return bytes === null ? null : new Uint8Array(bytes);
}
