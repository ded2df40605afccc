/** A stream and a broadcast one that one operator reads: what is missing is what to make of both. */

import type { BroadcastDeclaration, BroadcastFunction, BroadcastSpec } from "./broadcast.ts";
import { type Connection, joinedInputs } from "./connected-streams.ts";
import type { DataStream } from "./data-stream.ts";
import type { OperatorOptions } from "./environment.ts";
import { preservedBy } from "./join.ts";
import type { Key, KeySelector } from "./key.ts";
import { mapState, type StateDeclaration } from "./state.ts";
import { boundMethod, isAsyncFunction, promiseReturned } from "./user-function.ts";
import type { NoStates } from "./window-function.ts";

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
    for (const method of ["process", "processBroadcast", "onTimer"] as const)
      if (isAsyncFunction(fn[method])) throw promiseReturned(name, method);
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
    for (const part of ["left", "right", "deleted", "join"] as const)
      if (isAsyncFunction(options[part])) throw promiseReturned(name, part);
    const keepsAll = preservedBy(options.type ?? "inner", name).left;
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
