/**
 * Where sessions are kept: by the time of their end, in panes of eight gaps.
 *
 * The ends of a key's sessions are more than a gap apart, as the next session begins behind the end and ends a gap later.
 * So a key has at most eight in a pane. The first that is there has its place in layer 0; another one, while that is not
 * gone, in the next layer that has room. Mostly there is only layer 0: sessions that are gone make room where they are.
 */

import type { Key } from "../../../core/key.ts";
import type { StatePane, StateTable } from "../../../core/state-backend.ts";
import { DueSessions } from "./due-sessions.ts";
import { type EndsByLayer, LAYERS, SessionEnds } from "./session-ends.ts";

/** Gaps of a pane: as many as a key may have sessions in it. */
const GAPS = LAYERS;

export class SessionPane {
  /** The pane's ends: from `number` times the length of panes on. */
  readonly number: number;
  readonly ends: SessionEnds;
  readonly #table: StateTable;
  readonly #layers: (StatePane | undefined)[] = new Array(GAPS).fill(undefined);
  /** How many layers there may be: those above have nothing. */
  layers = 0;
  /** By slot of layer 0: 1 if the key has, or had, a session in another layer. */
  #crowded = new Uint8Array(0);

  constructor(number: number, gapMs: number, table: StateTable, past: number) {
    this.number = number;
    this.#table = table;
    this.ends = new SessionEnds(number * GAPS * gapMs, GAPS * gapMs, past);
  }

  /** A layer; made when it does not exist. Asked of the table each time: what it keeps on disk may have to make room. */
  open(layer: number): StatePane {
    const pane = this.#table.pane(this.number * GAPS + layer);
    this.#layers[layer] = pane;
    if (layer >= this.layers) this.layers = layer + 1;
    return pane;
  }

  /** REQUIRES: it was opened. */
  layer(layer: number): StatePane {
    return (this.#layers[layer] ?? this.open(layer)) as StatePane;
  }

  isCrowded(slot: number): boolean {
    return slot < this.#crowded.length && this.#crowded[slot] === 1;
  }

  /** The key has a session in another layer than 0. */
  crowd(key: Key): void {
    const slot = this.layer(0).find(key);
    if (slot >= this.#crowded.length) {
      const longer = new Uint8Array(2 * slot + 64);
      longer.set(this.#crowded);
      this.#crowded = longer;
    }
    if (slot >= 0) this.#crowded[slot] = 1;
  }

  drop(): void {
    for (let layer = 0; layer < this.layers; layer++) this.#table.drop(this.number * GAPS + layer);
  }
}

/** All panes, in order. */
export class SessionPanes {
  readonly #gapMs: number;
  readonly #table: StateTable;
  all: readonly SessionPane[] = [];

  /** @param past up to where ends had passed of what was restored. */
  constructor(gapMs: number, table: StateTable, past: number) {
    this.#gapMs = gapMs;
    this.#table = table;
    for (const namespace of table.namespaces()) {
      const number = Math.floor(namespace / GAPS);
      this.at(number, past).open(namespace - number * GAPS);
    }
  }

  /** The number of the pane of an end. */
  numberOf(end: number): number {
    return Math.floor(end / (GAPS * this.#gapMs));
  }

  /** The first end of a pane. */
  startOf(number: number): number {
    return number * GAPS * this.#gapMs;
  }

  /** The pane of a number, made when it does not exist. @param past up to where ends have passed. */
  at(number: number, past: number): SessionPane {
    const found = this.all.find((each) => each.number === number);
    if (found !== undefined) return found;
    const made = new SessionPane(number, this.#gapMs, this.#table, past);
    this.all = [...this.all, made].sort((a, b) => a.number - b.number);
    return made;
  }

  /** Takes out the sessions that are due next, of those that end at `upTo` or before. @param endColumn of the table. */
  nextDue(upTo: number, endColumn: number): DueSessions | undefined {
    for (const held of this.all) {
      if (this.startOf(held.number) > upTo) return undefined;
      const sessions = held.ends.take(upTo, endsOf(held, endColumn));
      if (sessions.length > 0) return new DueSessions(held, sessions);
    }
    return undefined;
  }

  /** Drops the panes of which all ends are at this or before. */
  dropUpTo(end: number): void {
    while (this.all.length > 0 && this.startOf((this.all[0] as SessionPane).number + 1) <= end) {
      (this.all[0] as SessionPane).drop();
      this.all = this.all.slice(1);
    }
  }
}

function endsOf(held: SessionPane, column: number): EndsByLayer {
  const columns: Float64Array[] = [];
  const sizes: number[] = [];
  for (let layer = 0; layer < held.layers; layer++) {
    const pane = held.layer(layer);
    columns.push(pane.numbers[column] as Float64Array);
    sizes.push(pane.size);
  }
  return { columns, sizes, stride: held.layer(0).stride };
}
