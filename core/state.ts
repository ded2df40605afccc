/**
 * Keyed and operator state as the user sees it: descriptors, declared with the function that uses them, and handles.
 *
 * The law: a value read from state is `Readonly` and changes only by `set`, `update`, `add` or `put`, so that the backend
 * knows what is dirty. A descriptor's name identifies its state over upgrades; a schema, where it has one, says what its
 * values are, so that they can be converted when an upgraded program declares another.
 */

import { MillraceError } from "./errors.ts";
import type { Key } from "./key.ts";
import type { TimerDomain } from "./operator.ts";
import { type Duration, positiveDurationMs } from "./time.ts";
import { describeSchema, isValueSchema, type TypeDescription, type ValueSchema } from "./types.ts";

/** One value per key. `Unset` is what it holds before it is set: undefined, or never when there is an initial value. */
export interface ValueState<T, Unset = undefined> {
  /** The value of the current key, or the descriptor's initial value. */
  get(): Readonly<T> | Unset;
  set(value: T): void;
  update(change: (current: Readonly<T> | Unset) => T): void;
  clear(): void;
}

/** A list per key, in order of adding; dirty, spilled and encoded by element. */
export interface ListState<T> {
  get(): readonly Readonly<T>[];
  add(value: T): void;
  /** Replaces the whole list. */
  set(values: readonly T[]): void;
  clear(): void;
}

/** A map per key, in order of first putting; dirty, spilled and encoded by element. */
export interface MapState<K extends Key, V> {
  get(key: K): Readonly<V> | undefined;
  has(key: K): boolean;
  put(key: K, value: V): void;
  remove(key: K): void;
  entries(): Iterable<readonly [K, Readonly<V>]>;
  readonly size: number;
  clear(): void;
}

/** A value per key that each `add` folds into. */
export interface ReducingState<T> {
  get(): Readonly<T> | undefined;
  add(value: T): void;
  clear(): void;
}

/** How long values live: each element of a list or map, and the whole of any other state. */
export interface TimeToLive {
  readonly ms: number;
  /** By the wall clock, or by event time: the later of the watermark and the record that is being processed. */
  readonly domain: TimerDomain;
  /** Whether reading, too, begins their life anew. */
  readonly refresh: "write" | "read";
}

/** What all descriptors may say. */
interface Described {
  readonly ttl?: TimeToLive;
  /** What its values are; of a list or map, its elements. Absent: nothing is known of them, and they are kept as they are. */
  readonly type?: TypeDescription;
  /** Of operators of the engine: see `packed`. */
  readonly packed?: boolean;
}

export interface ValueStateDescriptor<T, HasInitial extends boolean = boolean> extends Described {
  readonly kind: "value";
  readonly initial: T | undefined;
  readonly hasInitial: HasInitial;
}

export interface ListStateDescriptor<T> extends Described {
  readonly kind: "list";
  /** Carries T for inference; never set. */
  readonly of?: T;
}

export interface MapStateDescriptor<K extends Key, V> extends Described {
  readonly kind: "map";
  /** What its keys are. */
  readonly keyType?: TypeDescription;
  /** Carries K and V for inference; never set. */
  readonly of?: readonly [K, V];
}

export interface ReducingStateDescriptor<T> extends Described {
  readonly kind: "reducing";
  readonly reduce: (sum: Readonly<T>, value: Readonly<T>) => T;
}

// biome-ignore-start lint/suspicious/noExplicitAny: a record of descriptors of any element types; handles infer them back
export type StateDescriptor =
  | ValueStateDescriptor<any, any>
  | ListStateDescriptor<any>
  | MapStateDescriptor<any, any>
  | ReducingStateDescriptor<any>;
// biome-ignore-end lint/suspicious/noExplicitAny: as above

/** The states of one function, by name. */
export type StateDeclaration = Readonly<Record<string, StateDescriptor>>;

export type StateHandle<D> =
  D extends ValueStateDescriptor<infer T, infer HasInitial>
    ? ValueState<T, HasInitial extends true ? never : undefined>
    : D extends ListStateDescriptor<infer T>
      ? ListState<T>
      : D extends MapStateDescriptor<infer K, infer V>
        ? MapState<K, V>
        : D extends ReducingStateDescriptor<infer T>
          ? ReducingState<T>
          : never;

export type StateHandles<S extends StateDeclaration> = { readonly [name in keyof S]: StateHandle<S[name]> };

/**
 * One value per key. With a schema, its type follows from that, and values that another program has saved are converted.
 * @throws BAD_OPTION for a schema that does not describe itself.
 */
export function valueState<T>(): ValueStateDescriptor<T, false>;
export function valueState<T>(schema: ValueSchema<T>): ValueStateDescriptor<T, false>;
export function valueState<T>(schema: ValueSchema<T>, initial: NoInfer<T>): ValueStateDescriptor<T, true>;
export function valueState<T>(initial: T): ValueStateDescriptor<T, true>;
export function valueState(...given: readonly unknown[]): ValueStateDescriptor<unknown> {
  const initial = isValueSchema(given[0]) ? given.slice(1) : given;
  return Object.freeze({
    kind: "value" as const,
    initial: initial[0],
    hasInitial: initial.length > 0,
    ...described(given[0]),
  });
}

/** @throws BAD_OPTION for a schema that does not describe itself. */
export function listState<T>(elements?: ValueSchema<T>): ListStateDescriptor<T> {
  return Object.freeze({ kind: "list" as const, ...described(elements) });
}

/** @throws BAD_OPTION for a schema that does not describe itself. */
export function mapState<K extends Key, V>(keys?: ValueSchema<K>, values?: ValueSchema<V>): MapStateDescriptor<K, V> {
  const keyType = keys === undefined ? {} : { keyType: describeSchema(keys) };
  return Object.freeze({ kind: "map" as const, ...keyType, ...described(values) });
}

/** @throws BAD_OPTION for a schema that does not describe itself. */
export function reducingState<T>(
  reduce: (sum: Readonly<T>, value: Readonly<T>) => T,
  schema?: ValueSchema<T>,
): ReducingStateDescriptor<T> {
  return Object.freeze({ kind: "reducing" as const, reduce, ...described(schema) });
}

function described(schema: unknown): Pick<Described, "type"> {
  return isValueSchema(schema) ? { type: describeSchema(schema) } : {};
}

/**
 * The same state, whose values may be kept as columns and bytes in the place of objects: less memory, and less to be collected,
 * where there are many that are seldom read. Plain data only, of which each read may make another object. Of states in memory it
 * holds for values, and for lists that have no time to live; for all else it says nothing.
 */
export function packed<D extends StateDescriptor>(state: D): D {
  return Object.freeze({ ...state, packed: true });
}

export interface TtlOptions {
  /** Default: "processing", the wall clock. "event" gives the same results however fast records are read. */
  readonly time?: TimerDomain;
  /** Whether only writing begins a value's life anew, which is the default, or reading too. */
  readonly refresh?: "write" | "read";
}

/**
 * The same state, whose values are gone once they have not been written (or read) for so long: they are never seen again,
 * and their memory is given back bit by bit. Elements of lists and maps age one by one.
 *
 *   state: { seen: withTtl(mapState<string, boolean>(), "7d") }
 *
 * @throws BAD_DURATION, BAD_OPTION
 */
export function withTtl<D extends StateDescriptor>(state: D, ttl: Duration, options: TtlOptions = {}): D {
  const { time = "processing", refresh = "write" } = options;
  if (time !== "event" && time !== "processing") throw badOption("time", ["event", "processing"], time);
  if (refresh !== "write" && refresh !== "read") throw badOption("refresh", ["write", "read"], refresh);
  return Object.freeze({ ...state, ttl: { ms: positiveDurationMs(ttl, "withTtl"), domain: time, refresh } });
}

function badOption(name: string, accepted: readonly string[], came: unknown): MillraceError {
  return new MillraceError("BAD_OPTION", `withTtl expects ${name} to be ${accepted.join(" or ")}, got ${String(came)}`);
}
