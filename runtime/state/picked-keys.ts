/**
 * The keys of picked rows, by place. Of keys of several parts each part is a column: as arrays the keys would be objects that
 * live as long as the rows wait, a few times as large as what is in them, and the garbage collector would copy each.
 *
 *               the first key has parts              one has none, or another number of them
 *   undecided ─────────────────────────► parts ─────────────────────────────────────────────┐
 *       └─────── it has none ──────────► keys as they are ◄─────────────────────────────────┘
 */

import type { Key, ScalarKey } from "../../core/key.ts";
import type { Column, OwnColumn } from "./column-codec.ts";
import { EncodedTuples } from "./encoded-tuples.ts";
import { PickedColumn } from "./picked-column.ts";

/** Keys of more parts are held as they are: each part's column has room for all rows. */
const PARTS_MAX = 4;

export class PickedKeys {
  readonly #capacity: number;
  /** Undefined: that is undecided, or keys are held as they are. */
  #parts: readonly PickedColumn[] | undefined;
  #whole: PickedColumn | undefined;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** The first so many of the keys come to places from one on. REQUIRES: places come one behind the other. */
  take(keys: readonly Key[], count: number, place: number): void {
    if (count === 0) return;
    if (this.#parts === undefined && this.#whole === undefined) this.#begin(keys[0] as Key);
    const taken = this.#parts === undefined ? 0 : takeParts(this.#parts, keys, count, place);
    if (taken === count) return;
    const whole = this.#whole ?? this.#leaveParts(place + taken);
    whole.take(taken === 0 ? keys : keys.slice(taken), count - taken, place + taken);
  }

  #begin(first: Key): void {
    const parts = Array.isArray(first) ? first.length : 0;
    if (parts === 0 || parts > PARTS_MAX) this.#whole = new PickedColumn(this.#capacity);
    else this.#parts = Array.from({ length: parts }, () => new PickedColumn(this.#capacity));
  }

  /** From now on it takes keys of any kind, behind those at the first `count` places. */
  #leaveParts(count: number): PickedColumn {
    const whole = new PickedColumn(this.#capacity);
    const parts = this.#parts ?? [];
    const keys = Array.from({ length: count }, (_, place) => keyOf(parts, place));
    whole.take(keys, count, 0);
    for (const part of parts) part.release();
    this.#parts = undefined;
    this.#whole = whole;
    return whole;
  }

  /** The keys at these places. */
  gathered(places: Int32Array): Column | OwnColumn {
    const parts = this.#parts;
    if (parts === undefined) return this.#whole?.gathered(places) ?? [];
    if (parts.every(({ isPlain }) => isPlain)) return new EncodedTuples(parts, places);
    const keys: Key[] = new Array(places.length);
    for (let i = 0; i < places.length; i++) keys[i] = keyOf(parts, places[i] as number);
    return keys;
  }

  /** What it takes up in memory. */
  get bytes(): number {
    const whole = this.#whole?.bytes ?? 0;
    return this.#parts === undefined ? whole : this.#parts.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Its memory may be used by others. */
  release(): void {
    this.#whole?.release();
    for (const part of this.#parts ?? []) part.release();
  }
}

/** @returns how many it took before the first that has not as many parts. */
function takeParts(parts: readonly PickedColumn[], keys: readonly Key[], count: number, place: number): number {
  const alike = alikeIn(keys, count, parts.length);
  for (const [p, column] of parts.entries()) {
    const values = new Array<ScalarKey>(alike);
    for (let i = 0; i < alike; i++) values[i] = (keys[i] as readonly ScalarKey[])[p] as ScalarKey;
    column.take(values, alike, place);
  }
  return alike;
}

function alikeIn(keys: readonly Key[], count: number, parts: number): number {
  for (let i = 0; i < count; i++) {
    const key = keys[i];
    if (!Array.isArray(key) || key.length !== parts) return i;
  }
  return count;
}

function keyOf(parts: readonly PickedColumn[], place: number): Key {
  const [first, second] = parts as readonly [PickedColumn, PickedColumn];
  if (parts.length === 2) return [first.at(place) as ScalarKey, second.at(place) as ScalarKey];
  return parts.map((part) => part.at(place) as ScalarKey);
}
