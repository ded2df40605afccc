/**
 * toChangelog of a batch: the row that a key has in the end, inserted; none of a key whose row is gone. State: none but the
 * row of the key at hand, as a key's records come together. The change has the time of the record that made it.
 */

import { type ChangelogSpec, inserted } from "../../core/changelog.ts";
import { type Key, sameKey } from "../../core/key.ts";
import type { Operator, OperatorContext } from "../../core/operator.ts";

export class FinalChangelog implements Operator {
  readonly #spec: ChangelogSpec;
  readonly #context: OperatorContext;
  #key: Key | undefined;
  #hasRow = false;
  #row: unknown;
  #timestamp = 0;

  constructor(spec: ChangelogSpec, context: OperatorContext) {
    this.#spec = spec;
    this.#context = context;
  }

  process(value: unknown, timestamp: number): void {
    const key = this.#spec.key.select(value);
    if (this.#key === undefined || !sameKey(key, this.#key, this.#context.operator)) this.#emit();
    this.#key = key;
    try {
      this.#take(value, timestamp);
    } catch (error) {
      throw this.#context.failure(error, value);
    }
  }

  #take(value: unknown, timestamp: number): void {
    const { deleted, unchanged } = this.#spec;
    if (deleted?.(value) === true) {
      this.#hasRow = false;
      this.#row = undefined;
      return;
    }
    if (this.#hasRow && unchanged?.(this.#row, value) === true) return;
    this.#hasRow = true;
    this.#row = value;
    this.#timestamp = timestamp;
  }

  watermark(timestamp: number): void {
    this.#emit();
    this.#context.output.watermark(timestamp);
  }

  #emit(): void {
    if (this.#hasRow) this.#context.output.push(inserted(this.#row), this.#timestamp);
    this.#hasRow = false;
    this.#row = undefined;
    this.#key = undefined;
  }
}
