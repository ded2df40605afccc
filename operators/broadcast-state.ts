/**
 * Broadcast states of one subtask: values and maps in memory, as one list of operator state that every subtask gets whole.
 *
 * All subtasks hold the same at a barrier, so the first one writes it for all of them, whatever the parallelism becomes.
 */

import type { BroadcastDeclaration } from "../core/broadcast.ts";
import { MillraceError } from "../core/errors.ts";
import { encodeKey, type Key } from "../core/key.ts";
import type { OperatorContext } from "../core/operator.ts";

/** An entry as it is saved: of a value without key. */
type SavedEntry = readonly [state: string, key: Key | null, value: unknown];

type Handle = BroadcastValue | BroadcastMap;

export class BroadcastState {
  /** By name: as records of the broadcast stream change them. */
  readonly handles: Readonly<Record<string, Handle>>;
  /** The same, to be read only. */
  readonly views: Readonly<Record<string, unknown>>;

  constructor(declared: BroadcastDeclaration, context: OperatorContext) {
    const { operator, subtask } = context;
    this.handles = Object.fromEntries(
      Object.entries(declared).map(([name, descriptor]) => {
        if (descriptor.ttl !== undefined || (descriptor.kind !== "value" && descriptor.kind !== "map"))
          throw new MillraceError(
            "BAD_OPTION",
            `the broadcast state "${name}" of "${operator}" must be a valueState or a mapState without withTtl`,
            { operator },
          );
        return [name, descriptor.kind === "map" ? new BroadcastMap(operator) : new BroadcastValue(descriptor.initial)];
      }),
    );
    this.views = Object.fromEntries(Object.entries(this.handles).map(([name, handle]) => [name, handle.view]));
    const restored = context.operatorState.list<SavedEntry>("broadcast", "replicated", () =>
      subtask === 0 ? this.#saved() : [],
    );
    for (const [name, key, value] of restored) this.handles[name]?.restore(key, value);
  }

  #saved(): readonly SavedEntry[] {
    return Object.entries(this.handles).flatMap(([name, handle]) =>
      handle.saved().map(([key, value]): SavedEntry => [name, key, value]),
    );
  }
}

/** As a `ValueState`. */
class BroadcastValue {
  readonly #initial: unknown;
  #value: { readonly value: unknown } | undefined;
  readonly view = Object.freeze({ get: () => this.get() });

  constructor(initial: unknown) {
    this.#initial = initial;
  }

  get(): unknown {
    return this.#value === undefined ? this.#initial : this.#value.value;
  }

  set(value: unknown): void {
    this.#value = { value };
  }

  update(change: (current: unknown) => unknown): void {
    this.set(change(this.get()));
  }

  clear(): void {
    this.#value = undefined;
  }

  saved(): readonly (readonly [null, unknown])[] {
    return this.#value === undefined ? [] : [[null, this.#value.value]];
  }

  restore(_key: Key | null, value: unknown): void {
    this.set(value);
  }
}

/** As a `MapState`. */
class BroadcastMap {
  readonly #operator: string;
  readonly #entries = new Map<string, readonly [Key, unknown]>();
  readonly view: unknown;

  constructor(operator: string) {
    this.#operator = operator;
    const entries = this.#entries;
    this.view = Object.freeze({
      get: (key: Key) => this.get(key),
      has: (key: Key) => this.has(key),
      entries: () => this.entries(),
      get size() {
        return entries.size;
      },
    });
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: Key): unknown {
    return this.#entries.get(encodeKey(key, this.#operator))?.[1];
  }

  has(key: Key): boolean {
    return this.#entries.has(encodeKey(key, this.#operator));
  }

  put(key: Key, value: unknown): void {
    this.#entries.set(encodeKey(key, this.#operator), [key, value]);
  }

  remove(key: Key): void {
    this.#entries.delete(encodeKey(key, this.#operator));
  }

  entries(): Iterable<readonly [Key, unknown]> {
    return this.#entries.values();
  }

  clear(): void {
    this.#entries.clear();
  }

  saved(): readonly (readonly [Key, unknown])[] {
    return [...this.#entries.values()];
  }

  restore(key: Key | null, value: unknown): void {
    if (key !== null) this.put(key, value);
  }
}
