/** Keyed streams cut into windows. A file of its own: it makes nodes by what the stream that was cut hands it. */

import type { Aggregate } from "./aggregate.ts";
import type { DataStream } from "./data-stream.ts";
import type { OperatorOptions } from "./environment.ts";
import type { Key, KeySelector } from "./key.ts";
import type { OperatorSpec } from "./node.ts";
import { type KeptOptions, keptType, type WindowOptions } from "./stream-options.ts";
import { durationMs } from "./time.ts";
import { isAsyncFunction, promiseReturned, type Synchronous } from "./user-function.ts";
import type { WindowResult, WindowSpec } from "./window.ts";

/** Adds a node behind a stream: what `DataStream` hands to the classes that stand between two of its calls. */
export type AppendNode = <O>(
  spec: OperatorSpec,
  options: OperatorOptions,
  more?: { readonly reads?: readonly string[] | undefined },
) => DataStream<O>;

/** A keyed stream cut into windows: what is missing is what to make of each window. */
export class WindowedStream<T, K extends Key> {
  readonly #append: AppendNode;
  readonly #key: KeySelector;
  readonly #window: WindowSpec;
  readonly #options: WindowOptions<unknown>;

  constructor(append: AppendNode, key: KeySelector, window: WindowSpec, options: WindowOptions<unknown>) {
    this.#append = append;
    this.#key = key;
    this.#window = window;
    this.#options = options;
  }

  /** One result for each key and window, when the watermark passes its end; again with each allowed late record. */
  aggregate<A, R>(
    name: string,
    aggregate: Aggregate<T, A, R> & Synchronous<R>,
    options: KeptOptions<NoInfer<A>> = {},
  ): DataStream<WindowResult<K, R>> {
    for (const part of ["create", "add", "merge", "result"] as const) {
      if (isAsyncFunction((aggregate as unknown as Record<string, unknown>)[part])) throw promiseReturned(name, part);
    }
    const { fields } = aggregate;
    const { late } = this.#options;
    const keyFields = this.#key.fields;
    return this.#append(
      {
        kind: "window",
        key: this.#key,
        window: this.#window,
        aggregate,
        allowedLatenessMs: durationMs(this.#options.allowedLateness ?? "0s", `allowedLateness of "${name}"`),
        late,
        ...keptType(options),
      },
      { ...options, name },
      {
        reads:
          late !== undefined || fields === undefined || keyFields === undefined
            ? undefined
            : [...new Set([...keyFields, ...fields])],
      },
    );
  }

  /** The combination of each window's records. */
  reduce(name: string, reduce: (sum: T, value: T) => T, options: KeptOptions<T> = {}): DataStream<WindowResult<K, T>> {
    if (isAsyncFunction(reduce)) throw promiseReturned(name, "reduce");
    const combine = (sum: T | undefined, value: T | undefined): T | undefined =>
      sum === undefined ? value : value === undefined ? sum : reduce(sum, value);
    const aggregate: Aggregate<T, T | undefined, T> = {
      create: () => undefined,
      add: combine,
      merge: combine,
      result: (sum) => sum as T,
    };
    return this.aggregate<T | undefined, T>(
      name,
      aggregate as Aggregate<T, T | undefined, T> & Synchronous<T>,
      options as KeptOptions<T | undefined>,
    );
  }
}
