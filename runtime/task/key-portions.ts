/**
 * An operator of a batch, portion by portion: the records of some thousand keys, then the end of time for these, then the
 * next keys. So only so many keys have state at any time, and the operator is the one that streams have.
 *
 *   taking ─────────────► ending ──────────► finishing ──► taking …    `end` begins it and `next` goes on: in between
 *     a portion's records   timers, windows    `finish`                consumers may have no room
 *
 * Each portion has an operator, state and timers of its own, which go with it, as no key comes back. The user's function is
 * opened and closed once, by the first operator. Watermarks go on at the very end alone.
 */

import { assert } from "../../core/assert.ts";
import type { StreamNode } from "../../core/node.ts";
import type { Operator } from "../../core/operator.ts";
import { END_OF_TIME } from "../../core/time.ts";
import { OperatorHost, type OutputTargets, type SubtaskEnvironment } from "./operator-host.ts";

export interface PortionedParts {
  readonly node: StreamNode;
  /** The operator's host towards the chain. */
  readonly host: OperatorHost;
  readonly environment: SubtaskEnvironment;
  readonly targets: OutputTargets;
  readonly create: (node: StreamNode, host: OperatorHost) => Operator;
}

export class KeyPortions implements Operator {
  readonly #parts: PortionedParts;
  #inner: OperatorHost | undefined;
  #operator: Operator | undefined;
  /** The first operator, which has opened the user's function. */
  #opener: Operator | undefined;
  #phase: "taking" | "ending" | "finishing" = "taking";

  constructor(parts: PortionedParts) {
    this.#parts = parts;
  }

  open(): void | Promise<void> {
    this.#opener = this.#begin();
    return this.#opener.open?.();
  }

  process(value: unknown, timestamp: number): void {
    (this.#operator ?? this.#begin()).process(value, timestamp);
  }

  /** REQUIRES: the operator has two inputs. */
  process2(value: never, timestamp: number): void {
    (this.#operator ?? this.#begin()).process2?.(value, timestamp);
  }

  batchEnd(): void {
    if (this.#phase === "taking") this.#operator?.batchEnd?.();
  }

  /** All records of the portion have come. REQUIRES: nothing is suspended. */
  end(): void {
    assert(this.#phase === "taking", "a portion is ended once");
    if (this.#inner === undefined) return;
    this.#phase = "ending";
    this.#inner.watermark(END_OF_TIME);
  }

  /** Goes on with what the end of a portion asks for; true when the next one may come. REQUIRES: nothing is suspended. */
  next(): boolean {
    if (this.#phase === "taking") return true;
    if (this.#phase === "ending") {
      this.#phase = "finishing";
      this.#operator?.finish?.();
      return false;
    }
    this.#phase = "taking";
    this.#drop();
    return true;
  }

  async close(): Promise<void> {
    this.#drop();
    await this.#opener?.close?.();
  }

  #begin(): Operator {
    const { node, host, environment, targets, create } = this.#parts;
    const main = { push: targets.main.push, watermark: () => {} };
    const inner = new OperatorHost(host.operator, environment, { ...targets, main }, undefined, host.metrics);
    const operator = create(node, inner);
    inner.instance = operator;
    this.#inner = inner;
    this.#operator = operator;
    return operator;
  }

  #drop(): void {
    this.#inner?.ended();
    this.#inner?.state.close();
    this.#inner = undefined;
    this.#operator = undefined;
  }
}
