/** Two streams that one operator reads. Makes its nodes by what the first of the streams hands it. */

import type { BroadcastDeclaration, BroadcastFunction, BroadcastSpec } from "./broadcast.ts";
import type { Change } from "./changelog.ts";
import type { CoProcessFunction } from "./co-process.ts";
import type { DataStream } from "./data-stream.ts";
import type { OperatorOptions } from "./environment.ts";
import { MillraceError } from "./errors.ts";
import {
  type IntervalJoinOptions,
  intervalJoinSpec,
  type TemporalJoinOptions,
  temporalJoinSpec,
} from "./interval-join.ts";
import type { JoinType } from "./join.ts";
import { keepsUnmatched } from "./join.ts";
import type { Key, KeySelector } from "./key.ts";
import type { EdgeSpec, KeyPair, OperatorSpec, Port } from "./node.ts";
import type { OperatorFactory } from "./operator.ts";
import {
  type ChangesJoinOptions,
  changesJoinSpec,
  type RegularJoined,
  type RegularJoinOptions,
  rowsJoinSpec,
} from "./regular-join.ts";
import type { StateDeclaration } from "./state.ts";
import { mapState } from "./state.ts";
import { boundMethod, checkFunctions } from "./user-function.ts";
import type { AlignedWindow, SessionWindow } from "./window.ts";
import type { NoStates } from "./window-function.ts";
import {
  type AppendWindowJoin,
  type EitherRecord,
  WindowedConnectedStreams,
  type WindowJoinOptions,
} from "./window-join.ts";

/** Adds a node that reads these edges: what a stream hands to what is made of it and another one. */
export type AppendJoined = <O>(
  spec: OperatorSpec,
  options: OperatorOptions,
  inputs: readonly EdgeSpec[],
) => DataStream<O>;

/** The edges of both inputs, and what makes a node of them. */
export interface Connection {
  readonly append: AppendJoined;
  readonly first: readonly EdgeSpec[];
  readonly second: readonly EdgeSpec[];
}

/** Of a function of two inputs: the fields that it reads of each, when they are known. Only these travel to it. */
export interface ReadsOfTwo {
  readonly first?: readonly string[];
  readonly second?: readonly string[];
}

export interface CoTransformOptions extends OperatorOptions {
  readonly reads?: ReadsOfTwo;
}

/** Intersected with the other stream's type to refuse keys of another type, with the sentence as the error. */
export type SameKeys<K, K2> = [K] extends [K2]
  ? unknown
  : [K2] extends [K]
    ? unknown
    : { readonly "the keys of connected streams must have one type": never };

/** What no stream is: a keyed stream is connected with one that is keyed too. */
export interface KeyedAlike {
  readonly "a keyed stream must be connected with a stream that keyBy has given keys of the same type": never;
}

/** @throws BAD_OPTION for a stream without key, or with keys that are said to be others. */
export function checkedKeys(first: KeySelector, second: KeySelector | undefined): KeyPair {
  if (second === undefined)
    throw new MillraceError(
      "BAD_OPTION",
      "a keyed stream was connected with a stream without key; call keyBy on both, or on none of them",
    );
  const [one, other] = [first, second].map(({ type }) => type && JSON.stringify(type));
  if (one !== undefined && other !== undefined && one !== other)
    throw new MillraceError(
      "BAD_OPTION",
      `a stream with keys of the type ${one} was connected with one with keys of the type ${other}; records of both meet only under the same key`,
    );
  return Object.freeze([first, second] as const);
}

/** Two streams, read by one operator: without key, so that its subtasks keep nothing. */
export class ConnectedStreams<L, R> {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** A function for each of the inputs: side outputs and any number of results, but no keyed state and no timers. */
  process<O>(
    name: string,
    fn: CoProcessFunction<L, R, never, Record<string, never>, O>,
    options: OperatorOptions = {},
  ): DataStream<O> {
    return appendCoProcess(this.#connection, undefined, name, fn, options);
  }

  /** An operator of one's own with two inputs, `process` and `process2`, by the contract in `core/operator.ts`. */
  transform<O>(name: string, factory: OperatorFactory<L, O>, options: CoTransformOptions = {}): DataStream<O> {
    const spec: OperatorSpec = { kind: "custom", factory, keyed: false };
    return this.#connection.append(spec, { ...options, name }, joinedInputs(this.#connection, options.reads));
  }
}

/** Two streams whose records have keys of one kind: what reads them may keep state per key. */
export class KeyedConnectedStreams<L, R, K extends Key> {
  readonly #connection: Connection;
  readonly #keys: KeyPair;

  constructor(connection: Connection, keys: KeyPair) {
    this.#connection = connection;
    this.#keys = keys;
  }

  /** A function for each of the inputs, with state and timers per key, which they share. */
  // biome-ignore lint/complexity/noBannedTypes: {} is the declaration of no states
  process<O, const S extends StateDeclaration = {}>(
    name: string,
    fn: CoProcessFunction<L, R, K, S, O>,
    options: OperatorOptions = {},
  ): DataStream<O> {
    return appendCoProcess(this.#connection, this.#keys, name, fn, options);
  }

  /**
   * Each record of the first stream with those of the second one that are between `lower` and `upper` later; negative
   * bounds are earlier. A result has the later one of both timestamps. Records of both are kept until the watermark says
   * that nothing can match them any more; one that comes behind the watermark is late. What an outer join emits without a
   * match comes when that is certain.
   */
  intervalJoin<O, const J extends JoinType = "inner">(
    name: string,
    options: IntervalJoinOptions<L, R, J, O>,
  ): DataStream<O> {
    return this.#append(name, intervalJoinSpec(name, this.#keys, options), options);
  }

  /**
   * Every record of the first stream with every one of the second that has its key, as long as both are remembered. An outer
   * join gives a changelog: what it has emitted without a match it takes back when one comes. Keeps the records of both.
   */
  join<O, const J extends JoinType = "inner">(
    name: string,
    options: RegularJoinOptions<L, R, J, O>,
  ): DataStream<RegularJoined<J, O>> {
    return this.#append(name, rowsJoinSpec(name, this.#keys, options), options);
  }

  /** The same of two changelogs: rows that go take back what they have made. The result is a changelog. */
  joinChanges<A, B, O, const J extends JoinType = "inner">(
    this: KeyedConnectedStreams<Change<A>, Change<B>, K>,
    name: string,
    options: ChangesJoinOptions<A, B, J, O>,
  ): DataStream<Change<O>> {
    return this.#append(name, changesJoinSpec(name, this.#keys, options), options);
  }

  /**
   * Each record of the first stream with the row that its key had in the second one at the record's time. A record waits
   * until the watermark of both has passed it; each key's latest row is kept, for as long as `keep` says, and newer ones as
   * long as something waits.
   */
  temporalJoin<O, const J extends "inner" | "left" = "inner">(
    name: string,
    options: TemporalJoinOptions<L, R, J, O>,
  ): DataStream<O> {
    return this.#append(name, temporalJoinSpec(name, this.#keys, options), options);
  }

  /** Cuts both streams into the same windows: tumbling, sliding, cumulative or sessions of the records of both. */
  window(
    window: AlignedWindow | SessionWindow<EitherRecord<L, R>>,
    options: WindowJoinOptions<L, R> = {},
  ): WindowedConnectedStreams<L, R, K> {
    const append: AppendWindowJoin = (spec, named) => this.#append(named.name ?? spec.kind, spec, named);
    return new WindowedConnectedStreams(append, this.#keys, window, options);
  }

  #append<O>(name: string, spec: OperatorSpec, options: OperatorOptions): DataStream<O> {
    return this.#connection.append(spec, { ...options, name }, joinedInputs(this.#connection));
  }

  /** As `transform` of a keyed stream, with two inputs: `process` and `process2`. */
  transform<O>(name: string, factory: OperatorFactory<L, O>, options: CoTransformOptions = {}): DataStream<O> {
    const spec: OperatorSpec = { kind: "custom", factory, keyed: true };
    return this.#connection.append(spec, { ...options, name }, joinedInputs(this.#connection, options.reads));
  }
}

function appendCoProcess<O>(
  connection: Connection,
  keys: KeyPair | undefined,
  name: string,
  fn: Extract<OperatorSpec, { kind: "coProcess" }>["fn"],
  options: OperatorOptions,
): DataStream<O> {
  checkFunctions(name, fn, ["process1", "process2"], ["onTimer"]);
  return connection.append({ kind: "coProcess", keys, fn }, { ...options, name }, joinedInputs(connection));
}

/** The edges of a node with two inputs. */
export function joinedInputs({ first, second }: Connection, reads: ReadsOfTwo = {}): readonly EdgeSpec[] {
  return [...withPort(first, 1, reads.first), ...withPort(second, 2, reads.second)];
}

function withPort(edges: readonly EdgeSpec[], port: Port, reads: readonly string[] | undefined): readonly EdgeSpec[] {
  const projected = reads === undefined ? {} : { reads: Object.freeze([...reads]) };
  return edges.map((edge) => Object.freeze({ ...edge, port, ...projected }));
}

/** Which keyed states a function may declare: none without a key. */
export type StatesOf<K> = [K] extends [never] ? Record<string, never> : StateDeclaration;

export interface DimensionJoinOptions<T, R, D extends Key, J extends "inner" | "left", O> extends OperatorOptions {
  /** Whether a record for which there is no row is dropped, which is the default, or joined with undefined. */
  readonly type?: J;
  /** By what a record finds its row. */
  left(value: T): D;
  /** What tells rows apart: a later row with the same replaces the earlier one. */
  right(row: R): D;
  /** Whether a row says that its key has none any more. Default: none does. */
  deleted?(row: R): boolean;
  join(value: T, row: R | (J extends "left" ? undefined : never)): O;
}

export class BroadcastConnectedStreams<T, R, K extends Key> {
  readonly #connection: Connection;
  readonly #key: KeySelector | undefined;

  constructor(connection: Connection, key: KeySelector | undefined) {
    this.#connection = connection;
    this.#key = key;
  }

  /**
   * Functions for both streams. Records of the broadcast one come to every subtask and change the broadcast states there;
   * those of the other read them, and have state and timers of their key besides if they have one. Broadcast states are
   * held in memory and are whole in every checkpoint.
   */
  process<O, const B extends BroadcastDeclaration, const S extends StatesOf<K> = NoStates & StatesOf<K>>(
    name: string,
    fn: BroadcastFunction<T, R, K, S, B, O>,
    options: OperatorOptions = {},
  ): DataStream<O> {
    checkFunctions(name, fn, ["process", "processBroadcast"], ["onTimer"]);
    return this.#append(name, fn, options);
  }

  /**
   * Each record of the stream with the row of the broadcast one that has its key, as far as that has come: every subtask
   * holds all rows in memory. A record that comes before its row does not wait for it.
   */
  join<D extends Key, O, const J extends "inner" | "left" = "inner">(
    name: string,
    options: DimensionJoinOptions<T, R, D, J, O>,
  ): DataStream<O> {
    checkFunctions(name, options, ["left", "right", "join"], ["deleted"]);
    const keepsAll = keepsUnmatched(options.type, name);
    const [left, right] = [boundMethod(options, options.left), boundMethod(options, options.right)];
    const join = boundMethod(options, options.join) as (value: T, row: R | undefined) => O;
    const isDeleted = options.deleted && boundMethod(options, options.deleted);
    const fn: BroadcastFunction<T, R, K, Record<string, never>, { rows: ReturnType<typeof mapState<Key, R>> }, O> = {
      broadcast: { rows: mapState<Key, R>() },
      process(value, { broadcast: { rows } }) {
        const row = rows.get(left(value)) as R | undefined;
        return row !== undefined || keepsAll ? [join(value, row)] : [];
      },
      processBroadcast(row, { broadcast: { rows } }) {
        if (isDeleted?.(row) === true) rows.remove(right(row));
        else rows.put(right(row), row);
      },
    };
    return this.#append(name, fn, options);
  }

  #append<O>(name: string, fn: BroadcastSpec["fn"], options: OperatorOptions): DataStream<O> {
    const spec = { kind: "broadcastProcess" as const, key: this.#key, fn };
    return this.#connection.append(spec, { ...options, name }, joinedInputs(this.#connection));
  }
}
