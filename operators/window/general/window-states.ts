/**
 * The states of a key and window that a window function declares. Each is one map state by window, whose values are whole
 * states; so they go with their window, and are saved as what the key keeps.
 */

import type { Key } from "../../../core/key.ts";
import {
  type MapState,
  mapState,
  type StateDeclaration,
  type StateDescriptor,
  type StateHandles,
} from "../../../core/state.ts";
import type { KeyedStateBackend } from "../../../core/state-backend.ts";
import type { Window } from "../../../core/window.ts";

/** Under which name a window's state is kept. */
export function windowStateName(name: string): string {
  return `window ${name}`;
}

type Cells = MapState<string, unknown>;

export class WindowStates {
  readonly handles: StateHandles<StateDeclaration>;
  readonly #cells: readonly Cells[];
  #window = "";

  constructor(declared: StateDeclaration, state: KeyedStateBackend) {
    const cells = new Map(
      Object.keys(declared).map((name) => [name, state.state(windowStateName(name), mapState<string, unknown>())]),
    );
    this.#cells = [...cells.values()];
    const named = (): string => this.#window;
    this.handles = Object.fromEntries(
      Object.entries(declared).map(([name, descriptor]) => [
        name,
        handleOf(new WindowCell(cells.get(name) as Cells, named), descriptor),
      ]),
    ) as StateHandles<StateDeclaration>;
  }

  /** Whether there are any. */
  get exist(): boolean {
    return this.#cells.length > 0;
  }

  /** Makes the handles those of a window of the current key. */
  select({ start, end }: Window): void {
    this.#window = `${start} ${end}`;
  }

  /** Forgets all states of the selected window. */
  clear(): void {
    for (const cells of this.#cells) cells.remove(this.#window);
  }
}

/** One window's value in the map. */
class WindowCell<V> {
  readonly #cells: Cells;
  readonly #window: () => string;

  constructor(cells: Cells, window: () => string) {
    this.#cells = cells;
    this.#window = window;
  }

  get(): V | undefined {
    return this.#cells.get(this.#window()) as V | undefined;
  }

  set(value: V): void {
    this.#cells.put(this.#window(), value);
  }

  clear(): void {
    this.#cells.remove(this.#window());
  }
}

function handleOf(cell: WindowCell<unknown>, descriptor: StateDescriptor): unknown {
  switch (descriptor.kind) {
    case "value":
      return valueHandle(cell, descriptor.initial);
    case "reducing":
      return reducingHandle(cell, descriptor.reduce);
    case "list":
      return listHandle(cell as WindowCell<readonly unknown[]>);
    case "map":
      return mapHandle(cell as WindowCell<Entries>);
  }
}

function valueHandle(cell: WindowCell<unknown>, initial: unknown) {
  const get = (): unknown => cell.get() ?? initial;
  return {
    get,
    set: (value: unknown) => cell.set(value),
    update: (change: (value: unknown) => unknown) => cell.set(change(get())),
    clear: () => cell.clear(),
  };
}

function reducingHandle(cell: WindowCell<unknown>, reduce: (sum: never, value: never) => unknown) {
  return {
    get: () => cell.get(),
    add: (value: unknown) => {
      const sum = cell.get();
      cell.set(sum === undefined ? value : reduce(sum as never, value as never));
    },
    clear: () => cell.clear(),
  };
}

function listHandle(cell: WindowCell<readonly unknown[]>) {
  const get = (): readonly unknown[] => cell.get() ?? [];
  return {
    get,
    add: (value: unknown) => cell.set([...get(), value]),
    set: (values: readonly unknown[]) => cell.set([...values]),
    clear: () => cell.clear(),
  };
}

type Entries = readonly (readonly [Key, unknown])[];

/** A few entries a window, in order of first putting. */
function mapHandle(cell: WindowCell<Entries>) {
  const entries = (): Entries => cell.get() ?? [];
  const without = (key: Key): Entries => entries().filter(([each]) => each !== key);
  const found = (key: Key): readonly [Key, unknown] | undefined => entries().find(([each]) => each === key);
  return {
    get: (key: Key) => found(key)?.[1],
    has: (key: Key) => found(key) !== undefined,
    put: (key: Key, value: unknown) => {
      const isThere = found(key) !== undefined;
      cell.set(
        isThere ? entries().map((entry) => (entry[0] === key ? [key, value] : entry)) : [...entries(), [key, value]],
      );
    },
    remove: (key: Key) => cell.set(without(key)),
    entries,
    get size() {
      return entries().length;
    },
    clear: () => cell.clear(),
  };
}
