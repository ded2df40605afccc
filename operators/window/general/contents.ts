/**
 * What windows hold and what comes of it: an accumulator, which takes each record at once, or the records one by one,
 * where a function wants all of them or an evictor may take some out.
 */

import type { Aggregate } from "../../../core/aggregate.ts";
import type { Evictor, WindowRecord } from "../../../core/evictor.ts";
import type { OperatorContext } from "../../../core/operator.ts";
import { synchronous } from "../accumulators.ts";
import { asValueAggregate } from "./as-value-aggregate.ts";
import type { OpenWindow } from "./open-window.ts";

export interface Contents {
  add(window: OpenWindow, value: unknown, timestamp: number): void;
  /** REQUIRES: `from` begins behind `into`. */
  merge(into: OpenWindow, from: OpenWindow): void;
  /** What the window gives when it fires; an evictor may take records out of it. */
  fire(window: OpenWindow): unknown;
  /** Forgets the records. */
  clear(window: OpenWindow): void;
}

type AnyAggregate = Aggregate<unknown, unknown, unknown>;

export function contents(
  aggregate: AnyAggregate | undefined,
  evictor: Evictor | undefined,
  context: OperatorContext,
): Contents {
  return aggregate === undefined || evictor !== undefined
    ? new Records(aggregate, evictor, context)
    : new Accumulator(aggregate, context);
}

class Accumulator implements Contents {
  readonly #aggregate: ReturnType<typeof asValueAggregate>;
  readonly #context: OperatorContext;

  constructor(aggregate: AnyAggregate, context: OperatorContext) {
    this.#aggregate = asValueAggregate(aggregate, context.operator);
    this.#context = context;
  }

  add(window: OpenWindow, value: unknown): void {
    const before = window.count === 0 ? this.#aggregate.create() : window.content;
    window.content = synchronous(this.#aggregate.add(before, value), this.#context, "add");
    window.count++;
  }

  merge(into: OpenWindow, from: OpenWindow): void {
    if (from.count === 0) return;
    into.content =
      into.count === 0
        ? from.content
        : synchronous(this.#aggregate.merge(into.content, from.content), this.#context, "merge");
    into.count += from.count;
  }

  fire({ content }: OpenWindow): unknown {
    return synchronous(this.#aggregate.result(content), this.#context, "result");
  }

  clear(window: OpenWindow): void {
    window.content = null;
    window.count = 0;
  }
}

class Records implements Contents {
  readonly #aggregate: ReturnType<typeof asValueAggregate> | undefined;
  readonly #evictor: Evictor | undefined;
  readonly #context: OperatorContext;

  constructor(aggregate: AnyAggregate | undefined, evictor: Evictor | undefined, context: OperatorContext) {
    this.#aggregate = aggregate === undefined ? undefined : asValueAggregate(aggregate, context.operator);
    this.#evictor = evictor;
    this.#context = context;
  }

  add(window: OpenWindow, value: unknown, timestamp: number): void {
    if (window.count === 0) window.content = [value];
    else (window.content as unknown[]).push(value);
    window.times.push(timestamp);
    window.count++;
  }

  merge(into: OpenWindow, from: OpenWindow): void {
    if (from.count === 0) return;
    into.content = [...(into.count === 0 ? [] : (into.content as unknown[])), ...(from.content as unknown[])];
    into.times = [...into.times, ...from.times];
    into.count += from.count;
  }

  fire(window: OpenWindow): unknown {
    if (this.#evictor === undefined) return [...(window.content as unknown[])];
    const { before, after } = this.#evictor;
    let records: readonly WindowRecord<unknown>[] = (window.content as unknown[]).map((value, i) => ({
      value,
      timestamp: window.times[i] as number,
    }));
    const span = { start: window.start, end: window.end };
    if (before !== undefined) records = before.call(this.#evictor, records, span);
    const given = this.#given(records.map(({ value }) => value));
    if (after !== undefined) records = after.call(this.#evictor, records, span);
    window.content = records.map(({ value }) => value);
    window.times = records.map(({ timestamp }) => timestamp);
    window.count = records.length;
    return given;
  }

  /** The records, or the aggregate of them. */
  #given(values: readonly unknown[]): unknown {
    const aggregate = this.#aggregate;
    if (aggregate === undefined) return values;
    const context = this.#context;
    let accumulator = aggregate.create();
    for (const value of values) accumulator = synchronous(aggregate.add(accumulator, value), context, "add");
    return synchronous(aggregate.result(accumulator), context, "result");
  }

  clear(window: OpenWindow): void {
    window.content = null;
    window.times = [];
    window.count = 0;
  }
}
