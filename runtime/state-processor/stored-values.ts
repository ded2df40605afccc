/** The values of a state as a program sees them that reads or writes a savepoint: without a current key, whole. */

import type { Key } from "../../core/key.ts";
import type {
  ListState,
  ListStateDescriptor,
  MapState,
  MapStateDescriptor,
  ReducingStateDescriptor,
  StateDescriptor,
  ValueState,
  ValueStateDescriptor,
} from "../../core/state.ts";
import type { KeyedStateBackend } from "../../core/state-backend.ts";

/** All that a state holds of one key. */
export type StoredValue<D> =
  D extends ValueStateDescriptor<infer T>
    ? T
    : D extends ListStateDescriptor<infer T>
      ? readonly T[]
      : D extends MapStateDescriptor<infer K, infer V>
        ? ReadonlyMap<K, V>
        : D extends ReducingStateDescriptor<infer T>
          ? T
          : never;

export interface StateEntry<D> {
  readonly key: Key;
  readonly value: StoredValue<D>;
}

/** What a backend holds of one state, key by key. */
export class StoredValues {
  readonly #backend: KeyedStateBackend;
  readonly #name: string;
  readonly #descriptor: StateDescriptor;

  /** @param descriptor of a state that does not age: what is saved is read as it is */
  constructor(backend: KeyedStateBackend, name: string, descriptor: StateDescriptor) {
    this.#backend = backend;
    this.#name = name;
    this.#descriptor = ageless(descriptor);
  }

  keys(): Iterable<Key> {
    return this.#backend.keys(this.#name);
  }

  get(key: Key): unknown {
    this.#backend.setCurrentKey(key);
    const handle: unknown = this.#backend.state(this.#name, this.#descriptor);
    if (this.#descriptor.kind === "map") return new Map((handle as MapState<Key, unknown>).entries());
    return (handle as ValueState<unknown> | ListState<unknown>).get();
  }

  set(key: Key, value: unknown): void {
    this.#backend.setCurrentKey(key);
    const handle: unknown = this.#backend.state(this.#name, this.#descriptor);
    if (this.#descriptor.kind === "list") (handle as ListState<unknown>).set(value as readonly unknown[]);
    else if (this.#descriptor.kind === "map") setMap(handle as MapState<Key, unknown>, value);
    else if (this.#descriptor.kind === "value") (handle as ValueState<unknown>).set(value);
    else this.#setSum(handle as { clear(): void; add(value: unknown): void }, value);
  }

  clear(key: Key): void {
    this.#backend.setCurrentKey(key);
    const handle: unknown = this.#backend.state(this.#name, this.#descriptor);
    (handle as { clear(): void }).clear();
  }

  /** The first value that is added is the sum. */
  #setSum(handle: { clear(): void; add(value: unknown): void }, value: unknown): void {
    handle.clear();
    handle.add(value);
  }
}

function setMap(handle: MapState<Key, unknown>, value: unknown): void {
  handle.clear();
  for (const [key, part] of value as ReadonlyMap<Key, unknown>) handle.put(key, part);
}

function ageless({ ttl: _, ...descriptor }: StateDescriptor): StateDescriptor {
  return descriptor as StateDescriptor; // of the same kind, as nothing else was taken away
}
