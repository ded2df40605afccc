/** Two keyed streams cut into the same windows: what is missing is what to make of each window. */

import type { DataStream } from "./data-stream.ts";
import type { OperatorOptions } from "./environment.ts";
import { MillraceError } from "./errors.ts";
import type { GeneralWindowSpec } from "./general-window.ts";
import { type JoinFunctions, type JoinType, preservedBy } from "./join.ts";
import type { Key } from "./key.ts";
import type { KeyPair, OperatorSpec } from "./node.ts";
import type { RuntimeContext } from "./operator.ts";
import type { OutputTag } from "./side-output.ts";
import type { StateDeclaration } from "./state.ts";
import { type Duration, durationMs } from "./time.ts";
import { boundMethod, checkFunctions } from "./user-function.ts";
import type { AlignedWindow, SessionWindow, Window } from "./window.ts";
import type { NoStates, WindowContext, WindowFunction } from "./window-function.ts";

/** A record of one of two inputs, where both come out of one place. */
export type EitherRecord<L, R> = { readonly first: L } | { readonly second: R };

export interface WindowJoinOptions<L, R> {
  /** For how long after a window's end late records still make its results anew. Default "0s". */
  readonly allowedLateness?: Duration;
  /** Gets the records that came too late for every window of theirs; without it they are only counted. */
  readonly late?: OutputTag<EitherRecord<L, R>>;
}

export interface WindowJoinFunctions<L, R, J extends JoinType, O> extends OperatorOptions, JoinFunctions<L, R, J, O> {
  /** Default: "inner". */
  readonly type?: J;
}

/**
 * Gets the records of both streams that a window of a key holds, in the order in which they came; one of the lists may be
 * empty. Returns (or, as a generator, yields) the records to emit.
 */
export interface CoGroupFunction<L, R, K extends Key, S extends StateDeclaration, O> {
  /** The states that it keeps by key, by name. */
  readonly state?: S;
  open?(context: RuntimeContext): void | Promise<void>;
  process(
    key: K,
    window: Window,
    left: readonly L[],
    right: readonly R[],
    context: WindowContext<S, NoStates>,
  ): Iterable<O> | void;
  close?(): void | Promise<void>;
}

/** What a window of two inputs holds. */
export interface BothRecords {
  readonly left: unknown[];
  readonly right: unknown[];
}

// biome-ignore-start lint/suspicious/noExplicitAny: nodes forget element types, which the fluent API has checked
export interface WindowJoinSpec {
  readonly kind: "windowJoin";
  readonly keys: KeyPair;
  readonly window: GeneralWindowSpec["window"];
  readonly allowedLatenessMs: number;
  readonly late: OutputTag<any> | undefined;
  /** Gets a window's content as `BothRecords`. */
  readonly fn: WindowFunction<any, any, any, any, any>;
}
// biome-ignore-end lint/suspicious/noExplicitAny: see above

/** Adds a node that reads both streams. */
export type AppendWindowJoin = <O>(spec: OperatorSpec, options: OperatorOptions) => DataStream<O>;

export class WindowedConnectedStreams<L, R, K extends Key> {
  readonly #append: AppendWindowJoin;
  readonly #keys: KeyPair;
  readonly #window: GeneralWindowSpec["window"];
  readonly #options: WindowJoinOptions<unknown, unknown>;

  constructor(
    append: AppendWindowJoin,
    keys: KeyPair,
    window: AlignedWindow | SessionWindow<EitherRecord<L, R>>,
    options: WindowJoinOptions<L, R>,
  ) {
    const { kind, time } = (window ?? {}) as { readonly kind?: string; readonly time?: unknown };
    if (time === undefined)
      throw new MillraceError(
        "BAD_OPTION",
        `streams are joined in tumbling, sliding, cumulative or session windows, not in ${kind === undefined ? String(window) : `a ${kind} window`}`,
      );
    this.#append = append;
    this.#keys = keys;
    this.#window = window as GeneralWindowSpec["window"];
    this.#options = options as WindowJoinOptions<unknown, unknown>;
  }

  /**
   * Each record of the first stream with each of the second one that has its key and is in the same window, when that
   * fires. Windows keep the records of both streams until then.
   */
  join<O, const J extends JoinType = "inner">(name: string, options: WindowJoinFunctions<L, R, J, O>): DataStream<O> {
    checkFunctions(name, options, ["join"], ["on"]);
    const preserved = preservedBy(options.type ?? "inner", name);
    const on = options.on && boundMethod(options, options.on as JoinFunctions<unknown, unknown, "inner", O>["on"] & {});
    const join = boundMethod(options, options.join as (left: unknown, right: unknown) => O);
    const process = function* (_key: K, _window: Window, { left, right }: BothRecords): Generator<O, void> {
      const matched = new Set<unknown>();
      for (const one of left) {
        let alone = preserved.left;
        for (const [at, other] of right.entries()) {
          if (on !== undefined && !on(one, other)) continue;
          alone = false;
          if (preserved.right) matched.add(at);
          yield join(one, other);
        }
        if (alone) yield join(one, undefined);
      }
      if (preserved.right)
        for (const [at, other] of right.entries()) if (!matched.has(at)) yield join(undefined, other);
    };
    return this.#node(name, { process }, options);
  }

  /** What a function makes of the records of both streams that a window of a key holds, when that fires. */
  coGroup<O, const S extends StateDeclaration = NoStates>(
    name: string,
    fn: CoGroupFunction<L, R, K, S, O>,
    options: OperatorOptions = {},
  ): DataStream<O> {
    checkFunctions(name, fn, ["process"]);
    const { state, open, close } = fn;
    return this.#node(
      name,
      {
        ...(state === undefined ? {} : { state }),
        ...(open === undefined ? {} : { open: boundMethod(fn, open) }),
        ...(close === undefined ? {} : { close: boundMethod(fn, close) }),
        process: (key: K, window: Window, { left, right }: BothRecords, context: WindowContext<S, NoStates>) =>
          fn.process(key, window, left as L[], right as R[], context),
      },
      options,
    );
  }

  #node<O>(name: string, fn: WindowJoinSpec["fn"], options: OperatorOptions): DataStream<O> {
    const { allowedLateness = "0s", late } = this.#options;
    const allowedLatenessMs = durationMs(allowedLateness, `allowedLateness of "${name}"`);
    const spec = { keys: this.#keys, window: this.#window, allowedLatenessMs, late, fn };
    return this.#append({ kind: "windowJoin", ...spec }, { ...options, name });
  }
}
