/**
 * The panes of windows put together: each key's columns over all panes of one.
 *
 * Asking each pane for each key would cost a lookup a pane and key whenever a window fires, though a pane is part of many
 * windows. Here each key has one place, in a pane that is no part of the state. A record's key is looked up there, and leads
 * to its entry in the latest panes (`place-slots.ts`), of which the places are known then; of other panes, such as restored
 * ones, they are looked up once, many keys at a time. Firing adds numbers to numbers by their places.
 *
 *   pane's slots:     0   1   2          places:   0   1   2   3      the law: a place holds the combination of the
 *   places of them:   2   0   3    ──►   columns:  …   …   …   …      window's panes, and `present` says whether any has it
 *
 * Of counts, the next window is the last one without the panes that it has left behind, and with those that it has come to:
 * two panes where it has ten. Whoever changes a pane that has been part of a window says so, and all are added anew.
 *
 * Keys that no pane has any more keep their places until they are the larger part; then all are given out anew.
 */

import { KeyBatch } from "../../core/key-batch.ts";
import type { KeyedStateBackend, ScratchPane, StatePane, TableDescriptor } from "../../core/state-backend.ts";
import type { Combining } from "./accumulators.ts";
import { type PanePlaces, PlaceSlots, widen } from "./place-slots.ts";

/** Keys that are looked up together: as many as a pane takes. */
const KEYS_AT_ONCE = 1024;

/** Fewer places are not worth giving out anew. */
const PLACES_MIN = 4096;

/** Places of a pane to begin with. */
const ROOM_MIN = 64;

/** Panes that records come to at about the same time: those around the end of a pane. */
const LATEST_PANES = 2;

export class CombinedPanes {
  readonly #combining: Combining;
  readonly #combined: ScratchPane;
  #placesOf = new Map<StatePane, PanePlaces>();
  /** The latest panes, those of later times first. */
  readonly #latest: PlaceSlots[] = [];
  /** By place, where no column tells: 1 if it is in the window. */
  #present = new Uint8Array(PLACES_MIN);
  /** The panes that the columns are the sum of, as long as one may go on from there. */
  #summed: readonly StatePane[] = [];
  #places = 0;
  /** Of a pane that was forgotten, for the next one. */
  #spare: Int32Array | undefined;
  readonly #keys = new KeyBatch(KEYS_AT_ONCE);
  readonly #found = new Int32Array(KEYS_AT_ONCE);

  constructor(state: KeyedStateBackend, table: TableDescriptor, combining: Combining) {
    this.#combining = combining;
    this.#combined = state.scratch(table);
  }

  /**
   * The slots of keys in a pane, each made when it does not exist, as `pane.slotsOf`. @param start the pane's place in time.
   * @throws BAD_KEY
   */
  slotsOf(keys: KeyBatch, pane: StatePane, start: number, slots: Int32Array): void {
    const known = this.#placesOf.get(pane);
    const latest = this.#latest.find((each) => each.pane === pane) ?? this.#turnTo(pane, start);
    if (latest === undefined) {
      pane.slotsOf(keys, slots);
      return;
    }
    this.#combined.slotsOf(keys, slots);
    latest.slotsOf(slots, keys, this.#combined.size, known ?? this.#newPlaces(pane));
  }

  /** Remembers where entries of the pane are from now on, if it is empty and later than all before. */
  #turnTo(pane: StatePane, start: number): PlaceSlots | undefined {
    if (pane.size > 0 || start <= (this.#latest[0]?.start ?? Number.NEGATIVE_INFINITY)) return undefined;
    const next = this.#latest.length < LATEST_PANES ? new PlaceSlots() : (this.#latest.pop() as PlaceSlots);
    next.turnTo(pane, start);
    this.#latest.unshift(next);
    return next;
  }

  /** The pane is no part of any window any more, and will be dropped. */
  forget(pane: StatePane): void {
    if (this.#summed.includes(pane)) this.#leave(pane);
    this.#spare = this.#placesOf.get(pane)?.places ?? this.#spare;
    this.#placesOf.delete(pane);
  }

  /** Puts the panes of the next window together. */
  combine(panes: readonly StatePane[]): void {
    this.#clearAway(panes);
    if (!this.#moveOn(panes)) this.#combineAll(panes);
    this.#summed = this.#combining.subtract === undefined ? [] : panes;
    this.#places = this.#combined.size;
  }

  /** A pane that may be part of the columns is going to be changed. */
  paneChanged(): void {
    this.#summed = [];
  }

  #combineAll(panes: readonly StatePane[]): void {
    for (const pane of panes) this.#lookUp(pane);
    const { size } = this.#combined;
    this.#combining.clear(this.#combined, size);
    for (const pane of panes) this.#add(pane);
    if (this.#combining.presence < 0) this.#markPresent(panes, size);
  }

  /** From the last window to this one, where that is less than all of its panes; else false. */
  #moveOn(panes: readonly StatePane[]): boolean {
    if (this.#combining.subtract === undefined) return false;
    const left = this.#summed.filter((pane) => !panes.includes(pane));
    const come = panes.filter((pane) => !this.#summed.includes(pane));
    if (left.length + come.length >= panes.length) return false;
    for (const pane of left) this.#leave(pane);
    for (const pane of come) this.#add(pane);
    return true;
  }

  /** REQUIRES: the columns are a sum with that of the pane. */
  #leave(pane: StatePane): void {
    const { places, count } = this.#lookUp(pane);
    this.#combining.subtract?.(this.#combined, pane, places, count);
    this.#summed = this.#summed.filter((each) => each !== pane);
  }

  #add(pane: StatePane): void {
    const { places, count } = this.#lookUp(pane);
    this.#combining.add(this.#combined, pane, places, count);
  }

  #markPresent(panes: readonly StatePane[], size: number): void {
    if (this.#present.length < size) this.#present = new Uint8Array(2 * size);
    else this.#present.fill(0, 0, size);
    const present = this.#present;
    for (const pane of panes) {
      const { places, count } = this.#lookUp(pane);
      for (let slot = 0; slot < count; slot++) present[places[slot] as number] = 1;
    }
  }

  /** One more than the highest place of the window. */
  get places(): number {
    return this.#places;
  }

  /** By place times `presentStride`: above zero if its key is in the window. */
  get present(): Float64Array | Uint8Array {
    const { presence } = this.#combining;
    return presence < 0 ? this.#present : (this.#combined.numbers[presence] as Float64Array);
  }

  get presentStride(): number {
    return this.#combining.presence < 0 ? 1 : this.#combined.stride;
  }

  /** Where the columns are, by place. */
  get pane(): StatePane {
    return this.#combined;
  }

  /** The places of a pane's entries; those that are not known yet are looked up. */
  #lookUp(pane: StatePane): PanePlaces {
    const known = this.#placesOf.get(pane) ?? this.#newPlaces(pane);
    if (known.places.length < pane.size) widen(known, pane.size);
    while (known.count < pane.size) {
      const end = Math.min(known.count + KEYS_AT_ONCE, pane.size);
      for (let slot = known.count; slot < end; slot++) this.#keys.add(pane.keyAt(slot));
      this.#combined.slotsOf(this.#keys, this.#found);
      this.#keys.clear();
      known.places.set(this.#found.subarray(0, end - known.count), known.count);
      known.count = end;
    }
    return known;
  }

  /** Forgets all places when most of them are of panes alone that are no part of the window. */
  #clearAway(panes: readonly StatePane[]): void {
    const known = new Set([...panes, ...this.#placesOf.keys()]);
    const keysMax = [...known].reduce((sum, pane) => sum + pane.size, 0);
    if (this.#combined.size <= Math.max(PLACES_MIN, 2 * keysMax)) return;
    this.#combined.clear();
    this.#placesOf = new Map();
    for (const each of this.#latest) each.clear();
    this.#summed = [];
  }

  #newPlaces(pane: StatePane): PanePlaces {
    const places = { places: this.#spare ?? new Int32Array(Math.max(ROOM_MIN, pane.size)), count: 0 };
    this.#spare = undefined;
    this.#placesOf.set(pane, places);
    return places;
  }
}
