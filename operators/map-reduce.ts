/**
 * MapReduce: a job of two functions. What is between them is the engine's: dividing the input, bringing the values of a key
 * together, sorting, keeping what does not fit into memory, and going on after a failure.
 *
 *   input ──► map ──► combine, a batch at a time ──► by key ──► reduce, when all input has come, keys in order ──► output
 */

import { MillraceError } from "../core/errors.ts";
import { defineJob, type Job, type JobOptions, type Params } from "../core/job.ts";
import type { Operator, OperatorContext } from "../core/operator.ts";
import type { Sink } from "../core/sink.ts";
import type { Source } from "../core/source.ts";
import type { StatePane } from "../core/state-backend.ts";
import { isAsyncFunction, promiseReturned } from "../core/user-function.ts";

/** What `reduce` groups by, and what output is sorted by. */
export type MapReduceKey = string | number;

/** The type of which a literal is one: pairs may be written as `[word, 1] as const`. */
type Wide<V> = V extends string ? string : V extends number ? number : V extends boolean ? boolean : V;

export interface MapReduce<I, K extends MapReduceKey, V, R> {
  /** A source that ends. */
  readonly input: Source<I>;
  /** The pairs that a record makes: any number, as an array or by a generator. */
  readonly map: (record: I) => Iterable<readonly [key: K, value: V]>;
  /** One value of two: less travels between subtasks and less is kept. `reduce` then gets the values that are left. */
  readonly combine?: ((a: Wide<V>, b: Wide<V>) => Wide<V>) | undefined;
  /** What becomes of a key, from all its values; in no particular order. */
  readonly reduce: (key: Wide<K>, values: readonly Wide<V>[]) => R;
  /** Each of its subtasks gets its keys in order. */
  readonly output: Sink<NoInfer<R>>;
}

interface Pair {
  readonly key: MapReduceKey;
  readonly value: unknown;
}

/**
 * Defines the job. REQUIRES: called at the top level of its module, as `defineJob`.
 *
 * State: the values of each key until the end, or one value with `combine`. Cost: that of the functions, a lookup a pair,
 * and sorting the keys of a subtask.
 *
 * @throws BAD_OPTION for an input without end
 */
export function mapReduce<I, K extends MapReduceKey, V, R>(
  meta: { readonly url: string },
  name: string,
  { input, map, combine, reduce, output }: MapReduce<I, K, V, R>,
  options: JobOptions<Params> = {},
): Job<Params> {
  if (!input.bounded)
    throw new MillraceError(
      "BAD_OPTION",
      `the input of mapReduce "${name}" has no end, so reduce would never be called`,
    );
  for (const [what, fn] of Object.entries({ map, combine, reduce }))
    if (isAsyncFunction(fn)) throw promiseReturned(name, what);
  return defineJob(
    meta,
    name,
    (env) => {
      const pairs = env.from(input, { name: "input" }).flatMap(
        function* (record): Iterable<Pair> {
          for (const [key, value] of map(record)) yield { key, value };
        },
        { name: "map" },
      );
      const combined =
        combine === undefined
          ? pairs
          : pairs.transform<Pair>("combine", (context) => new CombineOperator(combine, context));
      combined
        .keyBy("key")
        .transform<R>("reduce", (context) => new ReduceByKey(reduce, combine, context))
        .to(output);
    },
    options,
  );
}

type Combine = (a: never, b: never) => unknown;

/** Combines the values of each key within a batch. Keeps nothing from batch to batch. */
class CombineOperator implements Operator<Pair> {
  readonly #combine: Combine;
  readonly #context: OperatorContext<Pair>;
  readonly #values = new Map<MapReduceKey, unknown>();
  #timestamp = Number.NEGATIVE_INFINITY;

  constructor(combine: Combine, context: OperatorContext<Pair>) {
    this.#combine = combine;
    this.#context = context;
  }

  process(pair: Pair, timestamp: number): void {
    this.#timestamp = timestamp;
    const { key, value } = pair;
    if (!this.#values.has(key)) this.#values.set(key, value);
    else
      try {
        this.#values.set(key, this.#combine(this.#values.get(key) as never, value as never));
      } catch (error) {
        throw this.#context.failure(error, pair);
      }
  }

  batchEnd(): void {
    for (const [key, value] of this.#values) this.#context.output.push({ key, value }, this.#timestamp);
    this.#values.clear();
  }

  watermark(timestamp: number): void {
    this.batchEnd();
    this.#context.output.watermark(timestamp);
  }

  beforeSnapshot(): void {
    this.batchEnd();
  }
}

/** State: table "values", the values of each key, or the one that they were combined to. */
class ReduceByKey implements Operator<Pair> {
  readonly #reduce: (key: never, values: readonly never[]) => unknown;
  readonly #combine: Combine | undefined;
  readonly #context: OperatorContext;
  readonly #drop: () => void;
  readonly #pane: StatePane;

  constructor(
    reduce: (key: never, values: readonly never[]) => unknown,
    combine: Combine | undefined,
    context: OperatorContext<never>,
  ) {
    this.#reduce = reduce;
    this.#combine = combine;
    this.#context = context as OperatorContext;
    const table = context.state.table("values", { numbers: 0, values: true });
    this.#pane = table.pane(0);
    this.#drop = () => table.drop(0);
  }

  process(pair: Pair): void {
    const pane = this.#pane;
    const { size } = pane;
    try {
      const slot = pane.slotOf(pair.key);
      const values = slot === size ? [] : (pane.values[slot] as unknown[]);
      if (this.#combine === undefined || values.length === 0) values.push(pair.value);
      else values[0] = this.#combine(values[0] as never, pair.value as never);
      pane.values[slot] = values;
    } catch (error) {
      throw this.#context.failure(error, pair);
    }
  }

  finish(): void {
    const keys = Array.from({ length: this.#pane.size }, (_, slot) => this.#pane.keyAt(slot) as MapReduceKey);
    this.#emit(keys.sort(byOrder), 0);
  }

  /** Emits from one key on; suspends itself when consumers have no room. True when all is done. */
  #emit(keys: readonly MapReduceKey[], from: number): boolean {
    const { gate, output } = this.#context;
    for (let i = from; i < keys.length; i++) {
      if (gate.blocked) {
        this.#context.suspend(() => this.#emit(keys, i));
        return true;
      }
      output.push(this.#reduced(keys[i] as MapReduceKey), Number.NEGATIVE_INFINITY);
    }
    this.#drop();
    return true;
  }

  #reduced(key: MapReduceKey): unknown {
    const values = this.#pane.values[this.#pane.find(key)] as readonly never[];
    try {
      return this.#reduce(key as never, values);
    } catch (error) {
      throw this.#context.failure(error, { key });
    }
  }
}

/** Numbers before texts; texts by their code units, so that it is the same everywhere. */
function byOrder(a: MapReduceKey, b: MapReduceKey): number {
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}
