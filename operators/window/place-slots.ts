/**
 * Where the entry of a place is in the pane that records are coming to: a key is looked up once, among the panes that are put
 * together, and its entry in the pane is found by its place there.
 *
 *   slotAt[place] - base   its slot in the pane; below zero: it has none
 *
 * Each pane has a base above all that stood there before. So turning to the next pane costs nothing, whatever the number of
 * places.
 */

import type { KeyBatch } from "../../core/key-batch.ts";
import type { StatePane } from "../../core/state-backend.ts";
import { touchInts } from "../touch.ts";

/** The places of a pane's entries, by slot. */
export interface PanePlaces {
  places: Int32Array;
  /** Of how many slots the places are known. */
  count: number;
}

/** So that a base and a slot stay a 32-bit integer. */
const BASE_MAX = 2 ** 30;

export class PlaceSlots {
  /** The pane at hand, which may have been dropped. */
  pane: StatePane | undefined;
  /** Its place in time. */
  start = Number.NEGATIVE_INFINITY;
  #base = 1;
  /** How many entries it has, or had when it was dropped. */
  #size = 0;
  #slotAt = new Int32Array(64);

  /** REQUIRES: the pane is empty. */
  turnTo(pane: StatePane, start: number): void {
    this.#base += this.#size;
    this.#size = 0;
    if (this.#base > BASE_MAX) this.clear();
    this.pane = pane;
    this.start = start;
  }

  /** Knows of no places, and is at no pane. */
  clear(): void {
    this.pane = undefined;
    this.start = Number.NEGATIVE_INFINITY;
    this.#slotAt.fill(0);
    this.#base = 1;
    this.#size = 0;
  }

  /** Replaces the first `count` places by their slots in the pane, made where there are none, and notes the places of those. */
  slotsOf(places: Int32Array, keys: KeyBatch, placesMax: number, known: PanePlaces): void {
    if (placesMax > this.#slotAt.length) this.#widen(placesMax);
    const pane = this.pane as StatePane;
    const slotAt = this.#slotAt;
    const base = this.#base;
    const { count } = keys;
    touchInts(slotAt, places, count);
    for (let i = 0; i < count; i++) {
      const place = places[i] as number;
      let slot = (slotAt[place] as number) - base;
      if (slot < 0) {
        slot = pane.append(keys.keyAt(i));
        slotAt[place] = base + slot;
        note(known, slot, place);
      } else pane.changing(slot);
      places[i] = slot;
    }
    this.#size = pane.size;
  }

  #widen(places: number): void {
    const longer = new Int32Array(2 * places);
    longer.set(this.#slotAt);
    this.#slotAt = longer;
  }
}

/** Room for as many. */
export function widen(known: PanePlaces, slots: number): void {
  const longer = new Int32Array(slots);
  longer.set(known.places);
  known.places = longer;
}

function note(known: PanePlaces, slot: number, place: number): void {
  if (slot === known.places.length) widen(known, 2 * slot);
  known.places[slot] = place;
  known.count = slot + 1;
}
