/** Keyed streams cut into windows. A file of its own: it makes nodes by what the stream that was cut hands it. */

import { type Aggregate, checkAggregate } from "./aggregate.ts";
import type { DataStream } from "./data-stream.ts";
import type { OperatorOptions } from "./environment.ts";
import { MillraceError } from "./errors.ts";
import type { Evictor } from "./evictor.ts";
import type { GeneralWindowSpec } from "./general-window.ts";
import type { Key, KeySelector } from "./key.ts";
import type { OperatorSpec, PreAggregate } from "./node.ts";
import type { StateDeclaration } from "./state.ts";
import { type KeptOptions, keptType, type WindowOptions } from "./stream-options.ts";
import { durationMs } from "./time.ts";
import type { Trigger } from "./trigger.ts";
import { checkFunctions, type Synchronous } from "./user-function.ts";
import type { AlignedWindow, WindowResult } from "./window.ts";
import type { NoStates, WindowFunction } from "./window-function.ts";

/** Adds a node behind a stream: what `DataStream` hands to the classes that stand between two of its calls. */
export type AppendNode = <O>(
  spec: OperatorSpec,
  options: OperatorOptions,
  more?: { readonly reads?: readonly string[] | undefined },
) => DataStream<O>;

/** How a stream is cut into windows. */
export interface WindowCut {
  readonly append: AppendNode;
  readonly key: KeySelector;
  readonly window: GeneralWindowSpec["window"];
  readonly options: WindowOptions<unknown>;
  // biome-ignore lint/suspicious/noExplicitAny: as nodes, it forgets element types, which the methods below have checked
  readonly trigger?: Trigger<any, any>;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly evictor?: Evictor<any>;
}

const preAggregates: readonly PreAggregate[] = [true, false, "hotKeys", "underPressure"];

/** What is made of the value of a window's aggregate; absent, a `WindowResult`. */
export type ResultFunction<R, K extends Key, S extends StateDeclaration, W extends StateDeclaration, O> = Partial<
  WindowFunction<R, K, S, W, O>
>;

/** A keyed stream cut into windows: what is missing is what to make of each window. */
export class WindowedStream<T, K extends Key> {
  readonly #cut: WindowCut;

  constructor(cut: WindowCut) {
    if (cut.window?.kind === undefined)
      throw refused(`window expects windows such as tumbling("1m"), got ${String(cut.window)}`);
    this.#cut = cut;
  }

  /** When a window gives its result, in place of once when its time has passed. */
  trigger<S>(trigger: Trigger<T, S>): WindowedStream<T, K> {
    checkFunctions(trigger?.name ?? "trigger", trigger, ["create", "onRecord"], ["onEventTime", "onProcessingTime"]);
    if (this.#cut.window.kind === "session" && trigger.merge === undefined)
      throw refused(
        `the trigger "${trigger.name}" has no merge(), so it cannot be used with sessions, which merge; give it one`,
      );
    const { window } = this.#cut;
    if (trigger.time !== undefined && "time" in window && window.time !== trigger.time)
      throw refused(
        `the trigger "${trigger.name}" waits for ${trigger.time} time, but the windows go by ${window.time} time and are over before; take one that goes by the same time`,
      );
    return new WindowedStream({ ...this.#cut, trigger });
  }

  /** Which records the result is made of. The window then keeps all of its records, whatever is made of them. */
  evictor(evictor: Evictor<T>): WindowedStream<T, K> {
    checkFunctions(evictor?.name ?? "evictor", evictor, [], ["before", "after"]);
    if (evictor?.before === undefined && evictor?.after === undefined)
      throw refused(`the evictor "${evictor?.name}" has neither before() nor after(), so it would keep every record`);
    return new WindowedStream({ ...this.#cut, evictor });
  }

  /**
   * One result for each key and window, when the watermark passes its end; again with each allowed late record. What a
   * trigger says is done instead. With `process`, what that makes of the aggregate's value and the window is emitted.
   */
  aggregate<
    A,
    R,
    O = WindowResult<K, R>,
    const S extends StateDeclaration = NoStates,
    const W extends StateDeclaration = NoStates,
  >(
    name: string,
    aggregate: Aggregate<T, A, R> & Synchronous<R>,
    options: KeptOptions<NoInfer<A>> & ResultFunction<NoInfer<R>, K, S, W, O> = {},
  ): DataStream<O> {
    checkAggregate(name, aggregate);
    const fn = "process" in options ? (options as WindowFunction<R, K, S, W, O>) : undefined;
    const reads = this.#readsOf(aggregate);
    const { preAggregate } = this.#cut.options;
    if (preAggregate !== undefined && !preAggregates.includes(preAggregate))
      throw refused(
        `preAggregate of "${name}" must be one of ${preAggregates.join(", ")}, got ${String(preAggregate)}`,
      );
    if (fn === undefined && this.#isPlain()) {
      const plain = {
        window: this.#cut.window as AlignedWindow,
        aggregate,
        ...keptType(options),
        ...(preAggregate === undefined ? {} : { preAggregate }),
      };
      return this.#cut.append(
        { kind: "window", ...this.#common(name), ...plain },
        { ...options, name },
        { reads: reads },
      );
    }
    return this.#general(name, { aggregate, fn, ...keptType(options) }, options, reads);
  }

  /** The combination of each window's records. */
  reduce<
    O = WindowResult<K, T>,
    const S extends StateDeclaration = NoStates,
    const W extends StateDeclaration = NoStates,
  >(
    name: string,
    reduce: (sum: T, value: T) => T,
    options: KeptOptions<T> & ResultFunction<T, K, S, W, O> = {},
  ): DataStream<O> {
    checkFunctions(name, { reduce }, ["reduce"]);
    const combine = (sum: T | undefined, value: T | undefined): T | undefined =>
      sum === undefined ? value : value === undefined ? sum : reduce(sum, value);
    const aggregate: Aggregate<T, T | undefined, T> = {
      create: () => undefined,
      add: combine,
      merge: combine,
      result: (sum) => sum as T,
    };
    return this.aggregate<T | undefined, T, O, S, W>(
      name,
      aggregate as Aggregate<T, T | undefined, T> & Synchronous<T>,
      options as KeptOptions<T | undefined> & ResultFunction<T, K, S, W, O>,
    );
  }

  /**
   * What a function makes of all records of a window, each time it fires. The window keeps them until then; where an
   * aggregate will do, it keeps one value only.
   */
  process<O, const S extends StateDeclaration = NoStates, const W extends StateDeclaration = NoStates>(
    name: string,
    fn: WindowFunction<readonly T[], K, S, W, O>,
    options: KeptOptions<T> = {},
  ): DataStream<O> {
    return this.#general(name, { aggregate: undefined, fn, ...keptType(options) }, options, undefined);
  }

  #general<O>(
    name: string,
    content: Pick<GeneralWindowSpec, "aggregate" | "fn" | "type">,
    options: OperatorOptions,
    reads: readonly string[] | undefined,
  ): DataStream<O> {
    const { window, trigger, evictor } = this.#cut;
    const { fn } = content;
    if (fn !== undefined) checkFunctions(name, fn, ["process"]);
    if (window.kind === "session" && fn?.windowState !== undefined)
      throw refused(
        `"${name}" declares windowState, but sessions merge and would lose it; use state, which is the key's`,
      );
    if (window.kind === "global" && trigger === undefined)
      throw refused(`"${name}" would never give a result, as the global window has no end; say when by .trigger(…)`);
    const parts = { trigger, evictor, ...content };
    return this.#cut.append(
      { kind: "generalWindow", ...this.#common(name), window, ...parts },
      { ...options, name },
      { reads: trigger === undefined && evictor === undefined && window.kind !== "session" ? reads : undefined },
    );
  }

  #common(name: string) {
    const { key, options } = this.#cut;
    const { allowedLateness = "0s", late } = options;
    return { key, allowedLatenessMs: durationMs(allowedLateness, `allowedLateness of "${name}"`), late };
  }

  /** Whether panes of event time do it, whose records are forgotten at once. */
  #isPlain(): boolean {
    const { window, trigger, evictor } = this.#cut;
    if (trigger !== undefined || evictor !== undefined) return false;
    return "sizeMs" in window && window.time === "event";
  }

  #readsOf({ fields }: Pick<Aggregate<T, unknown, unknown>, "fields">): readonly string[] | undefined {
    const { key, options } = this.#cut;
    if (options.late !== undefined || fields === undefined || key.fields === undefined) return undefined;
    return [...new Set([...key.fields, ...fields])];
  }
}

function refused(message: string): MillraceError {
  return new MillraceError("BAD_OPTION", message);
}
