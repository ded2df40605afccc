/** Sessions of a pane that are due, one after another: where each is, and its key, of which many are read together. */

import type { Key } from "../../../core/key.ts";
import type { StatePane } from "../../../core/state-backend.ts";
import { layerOf, slotOf } from "./session-ends.ts";

/** Layers of a pane, which are there. */
interface Layers {
  readonly layers: number;
  layer(layer: number): StatePane;
}

/** So many keys are read together, so that the waits for memory overlap. */
const KEYS_MAX = 128;

export class DueSessions {
  readonly #layers: Layers;
  readonly #sessions: Int32Array;
  #at = -1;
  /** Those of the sessions from `keysFrom` on. */
  readonly #keys: Key[] = [];
  #keysFrom = 0;
  /** The layer of the session at hand, its slot there and its key. */
  pane: StatePane;
  slot = 0;
  key: Key = 0;

  constructor(layers: Layers, sessions: Int32Array) {
    this.#layers = layers;
    this.#sessions = sessions;
    this.pane = layers.layer(0);
  }

  /** Whether there are others behind the one at hand. */
  get more(): boolean {
    return this.#at + 1 < this.#sessions.length;
  }

  /** Goes on to the next one. REQUIRES: there is one. */
  next(): void {
    const at = ++this.#at;
    if (at === this.#keysFrom + this.#keys.length) this.#readKeys(at);
    const session = this.#sessions[at] as number;
    const layer = layerOf(session);
    this.pane = this.#layers.layer(layer);
    this.slot = slotOf(session);
    this.key = this.#keys[at - this.#keysFrom] as Key;
  }

  #readKeys(from: number): void {
    const sessions = this.#sessions;
    const count = Math.min(KEYS_MAX, sessions.length - from);
    this.#keys.length = count;
    this.#keysFrom = from;
    // In layer 0 a session's number is its slot.
    if (this.#layers.layers === 1) this.#layers.layer(0).keysAt(sessions, from, count, this.#keys);
    else for (let i = 0; i < count; i++) this.#keys[i] = this.#keyOf(sessions[from + i] as number);
  }

  #keyOf(session: number): Key {
    return this.#layers.layer(layerOf(session)).keyAt(slotOf(session));
  }
}
