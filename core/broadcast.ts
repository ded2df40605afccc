/**
 * Broadcast state: what every subtask of an operator holds alike, made of a stream that reaches all of them.
 *
 * The law: only records of the broadcast stream change it, by functions that do the same everywhere; the other stream's
 * records read it. So it is the same in every subtask up to the order in which records of several producers came.
 */

import type { Key, KeySelector } from "./key.ts";
import type { RuntimeContext, Timer } from "./operator.ts";
import type { ProcessContext } from "./process.ts";
import type { OutputTag } from "./side-output.ts";
import type {
  MapState,
  MapStateDescriptor,
  StateDeclaration,
  StateHandles,
  ValueState,
  ValueStateDescriptor,
} from "./state.ts";

// biome-ignore-start lint/suspicious/noExplicitAny: a record of descriptors of any element types; handles infer them back
/** The broadcast states of one function, by name: values and maps. */
export type BroadcastDeclaration = Readonly<
  Record<string, ValueStateDescriptor<any, any> | MapStateDescriptor<any, any>>
>;
// biome-ignore-end lint/suspicious/noExplicitAny: as above

/** Broadcast states as records of the broadcast stream change them. */
export type BroadcastHandles<B extends BroadcastDeclaration> = StateHandles<B>;

/** Broadcast states as the other stream's records see them. */
export type ReadonlyBroadcastHandles<B extends BroadcastDeclaration> = {
  readonly [name in keyof B]: B[name] extends ValueStateDescriptor<infer T, infer HasInitial>
    ? Pick<ValueState<T, HasInitial extends true ? never : undefined>, "get">
    : B[name] extends MapStateDescriptor<infer K extends Key, infer V>
      ? Pick<MapState<K, V>, "get" | "has" | "entries" | "size">
      : never;
};

/** What a record of the stream works with that reads the broadcast state. */
export interface BroadcastReadContext<K extends Key, S extends StateDeclaration, B extends BroadcastDeclaration>
  extends ProcessContext<K, S> {
  readonly broadcast: ReadonlyBroadcastHandles<B>;
}

/** What a record of the broadcast stream works with. */
export interface BroadcastContext<K extends Key, S extends StateDeclaration, B extends BroadcastDeclaration> {
  readonly timestamp: number;
  readonly watermark: number;
  readonly broadcast: BroadcastHandles<B>;
  /** The states of the key that `eachKey` has come to. */
  readonly state: StateHandles<S>;
  /** Goes through all keys of this subtask that have a value in the state, each of which is the current one in its turn. */
  eachKey(state: keyof S & string): Iterable<K>;
  readonly runtime: RuntimeContext;
  side<T>(tag: OutputTag<T>, value: T): void;
}

/** Each function returns (or, as a generator, yields) the records to emit. */
export interface BroadcastFunction<T, R, K extends Key, S extends StateDeclaration, B extends BroadcastDeclaration, O> {
  /** The states that it keeps by key, by name. */
  readonly state?: S;
  /** The states that every subtask holds alike, by name. */
  readonly broadcast: B;
  open?(context: RuntimeContext): void | Promise<void>;
  /** A record of the stream on which `connect` was called: it reads the broadcast states. */
  process(value: T, context: BroadcastReadContext<K, S, B>): Iterable<O> | void;
  /** A record of the broadcast stream, once in every subtask: it changes the broadcast states. */
  processBroadcast(value: R, context: BroadcastContext<K, S, B>): Iterable<O> | void;
  onTimer?(timer: Timer, context: BroadcastReadContext<K, S, B>): Iterable<O> | void;
  close?(): void | Promise<void>;
}

// biome-ignore-start lint/suspicious/noExplicitAny: nodes forget element types, which the fluent API has checked
export interface BroadcastSpec {
  readonly kind: "broadcastProcess";
  readonly key: KeySelector | undefined;
  readonly fn: BroadcastFunction<any, any, any, any, any, any>;
}
// biome-ignore-end lint/suspicious/noExplicitAny: see above
