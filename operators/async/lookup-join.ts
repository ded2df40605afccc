/**
 * Lookup joins: each record with what a table outside has under its key, asked for by asynchronous calls.
 *
 * What has been looked up is remembered for a time, that there is nothing too; records that ask for the same key at the
 * same time share a call. The cache is each subtask's own and begins empty after a restart: a join sees the table as it was
 * when it was asked, so it is as exact as the table is still.
 *
 * State: that of asyncMap, the records under way.
 */

import type { AsyncContext, LookupSpec } from "../../core/async-map.ts";
import { encodeKey } from "../../core/key.ts";
import type { OperatorContext } from "../../core/operator.ts";
import type { Call } from "./async-calls.ts";
import { AsyncMapOperator, type Emit } from "./async-map.ts";

export function lookupJoin(spec: LookupSpec, context: OperatorContext): AsyncMapOperator {
  const emit: Emit = (value, found, push) => {
    if (found !== undefined || spec.keepsUnmatched) push(spec.join(value, found));
  };
  return new AsyncMapOperator(lookups(spec, context), spec.options, context, emit);
}

function lookups({ keyOf, load, cache }: LookupSpec, context: OperatorContext): Call {
  const underWay = new Map<string, PromiseLike<unknown>>();
  const known = cache && new LookupCache(cache.entries, cache.ttlMs, context);
  return (value, call) => {
    const key = keyOf(value);
    const text = encodeKey(key, context.operator);
    const hit = known?.get(text);
    if (hit !== undefined) return hit.found;
    return underWay.get(text) ?? begin(text, () => load(key, call), call);
  };

  function begin(text: string, ask: () => unknown, { attempt }: AsyncContext): unknown {
    const found = ask();
    if (typeof (found as { then?: unknown } | null | undefined)?.then !== "function") {
      known?.put(text, found);
      return found;
    }
    const over = (): void => {
      if (underWay.get(text) === shared) underWay.delete(text);
    };
    const shared: PromiseLike<unknown> = (found as PromiseLike<unknown>).then(
      (given) => {
        over();
        known?.put(text, given);
        return given;
      },
      (error) => {
        over();
        throw error;
      },
    );
    // A retry is of its own: it must not wait for the call that has failed it.
    if (attempt === 1) underWay.set(text, shared);
    return shared;
  }
}

/** The keys that were asked for last, each for a time. */
class LookupCache {
  readonly #entries: number;
  readonly #ttlMs: number;
  readonly #context: OperatorContext;
  readonly #known = new Map<string, { readonly found: unknown; readonly untilMs: number }>();

  constructor(entries: number, ttlMs: number, context: OperatorContext) {
    this.#entries = entries;
    this.#ttlMs = ttlMs;
    this.#context = context;
  }

  get(key: string): { readonly found: unknown } | undefined {
    const entry = this.#known.get(key);
    const isHit = entry !== undefined && entry.untilMs > this.#context.clock.now();
    this.#context.metrics.counter(isHit ? "cacheHits" : "cacheMisses").add();
    if (!isHit) return undefined;
    // Behind the others: the first is forgotten first.
    this.#known.delete(key);
    this.#known.set(key, entry);
    return entry;
  }

  put(key: string, found: unknown): void {
    this.#known.delete(key);
    this.#known.set(key, { found, untilMs: this.#context.clock.now() + this.#ttlMs });
    if (this.#known.size <= this.#entries) return;
    const [first] = this.#known.keys();
    if (first !== undefined) this.#known.delete(first);
  }
}
