/**
 * A column of picked rows, by place. Numbers are held as such, and short texts as their characters, as long as there is
 * nothing else: neither costs a reference, which the garbage collector follows and which costs a look at what it refers to
 * when it is noted, and both are gathered in any order from memory that is near.
 *
 *   undecided ── a number ──────► numbers ── anything else ──┐
 *       ├─────── a short text ──► texts ──── anything else ──┤
 *       └─────── anything else ───────────────────────────────► others
 */

import type { ByteSink } from "./byte-sink.ts";
import { type Column, ColumnAt, type OwnColumn, TEXT_SLACK, writeConstant, writeLatin1 } from "./column-codec.ts";
import { PickedNumbers } from "./picked-numbers.ts";

/** Longer texts are held on to: their characters would be copied twice, and take more memory than the state has a right to. */
const SHORT_TEXT = 64;

/** What a reference counts for: itself, and some of what it refers to, which the state may have replaced meanwhile. */
const REFERENCE_BYTES = 24;

const beyondLatin1 = /[^\0-\xff]/;

export class PickedColumn {
  readonly #capacity: number;
  #numbers: PickedNumbers | undefined;
  #texts: PickedTexts | undefined;
  #others: unknown[] | undefined;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** The first so many of the values come to places from one on. REQUIRES: places come in ascending order. */
  take(values: readonly unknown[], count: number, place: number): void {
    if (count === 0) return;
    const taken = this.#others === undefined ? this.#takePlain(values, count, place) : 0;
    if (taken === count) return;
    const others = this.#takeAny(place + taken);
    for (let i = taken; i < count; i++) others[place + i] = values[i];
  }

  /** As numbers or as texts, as it has begun. @returns how many it took before the first that is something else. */
  #takePlain(values: readonly unknown[], count: number, place: number): number {
    if (this.#numbers === undefined && this.#texts === undefined) this.#begin(values[0]);
    if (this.#numbers !== undefined) return putNumbers(this.#numbers, values, count, place);
    return this.#texts === undefined ? 0 : this.#texts.take(values, count, place);
  }

  #begin(first: unknown): void {
    if (typeof first === "number") this.#numbers = new PickedNumbers(this.#capacity);
    else if (typeof first === "string") this.#texts = new PickedTexts(this.#capacity);
  }

  /** From now on it takes values of any kind. `count`: places before it have been set, or will not be asked for. */
  #takeAny(count: number): unknown[] {
    if (this.#others !== undefined) return this.#others;
    // New, as what is old has to note each reference that it is given.
    const others: unknown[] = new Array(this.#capacity);
    for (let place = 0; place < count; place++) others[place] = this.at(place);
    this.release();
    this.#others = others;
    return others;
  }

  /** What it has at a place. REQUIRES: something was put there. */
  at(place: number): unknown {
    if (this.#numbers !== undefined) return this.#numbers.at(place);
    return this.#texts === undefined ? this.#others?.[place] : this.#texts.at(place);
  }

  /** Whether there is nothing but numbers, or nothing but short texts of latin1. */
  get isPlain(): boolean {
    return this.#others === undefined;
  }

  /** What it takes up in memory, and holds on to. */
  get bytes(): number {
    if (this.#numbers !== undefined) return this.#numbers.bytes;
    if (this.#texts !== undefined) return this.#texts.memory;
    return this.#others === undefined ? 0 : REFERENCE_BYTES * this.#capacity;
  }

  /** What it has at these places. */
  gathered(places: Int32Array): Column | OwnColumn {
    if (this.#numbers !== undefined) return this.#numbers.gathered(places);
    if (this.#texts !== undefined) return new TextsAt(this.#texts, places);
    const others = this.#others ?? [];
    const found = new Array(places.length);
    for (let i = 0; i < places.length; i++) found[i] = others[places[i] as number];
    return found;
  }

  /** Its memory may be used by others. */
  release(): void {
    this.#numbers?.release();
    this.#numbers = undefined;
    this.#texts = undefined;
    this.#others = undefined;
  }
}

function putNumbers(numbers: PickedNumbers, values: readonly unknown[], count: number, place: number): number {
  for (let i = 0; i < count; i++) {
    const value = values[i];
    if (typeof value !== "number") return i;
    numbers.put(place + i, value);
  }
  return count;
}

/** Short texts without characters beyond latin1, by place; where none was put there is an empty one. */
class PickedTexts {
  readonly starts: Uint32Array;
  readonly lengths: Uint8Array;
  /** Of all characters, with room for `TEXT_SLACK` more. */
  view: DataView;
  #bytes: Buffer;
  #end = 0;

  constructor(capacity: number) {
    this.starts = new Uint32Array(capacity);
    this.lengths = new Uint8Array(capacity);
    this.#bytes = Buffer.allocUnsafeSlow(8 * capacity + TEXT_SLACK);
    this.view = viewOf(this.#bytes);
  }

  /** @returns how many it took before the first that is no such text; none if only all of them together tell. */
  take(values: readonly unknown[], count: number, place: number): number {
    const taken = this.#measure(values, count, place);
    if (taken === 0) return 0;
    const joined = (taken === values.length ? values : values.slice(0, taken)).join("");
    if (beyondLatin1.test(joined)) return 0;
    this.#reserve(joined.length);
    this.#end += this.#bytes.write(joined, this.#end, "latin1");
    return taken;
  }

  /** A loop that only looks at texts, so that the processor waits for many of them at once to come from memory. */
  #measure(values: readonly unknown[], count: number, place: number): number {
    const { starts, lengths } = this;
    let end = this.#end;
    for (let i = 0; i < count; i++) {
      const value = values[i];
      if (typeof value !== "string" || value.length > SHORT_TEXT) return i;
      starts[place + i] = end;
      lengths[place + i] = value.length;
      end += value.length;
    }
    return count;
  }

  /** In bytes. */
  get memory(): number {
    return this.starts.byteLength + this.lengths.byteLength + this.#bytes.length;
  }

  at(place: number): string {
    const start = this.starts[place] as number;
    return this.#bytes.toString("latin1", start, start + (this.lengths[place] as number));
  }

  #reserve(count: number): void {
    const needed = this.#end + count + TEXT_SLACK;
    if (needed <= this.#bytes.length) return;
    const longer = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length));
    longer.set(this.#bytes.subarray(0, this.#end));
    this.#bytes = longer;
    this.view = viewOf(longer);
  }
}

class TextsAt extends ColumnAt<PickedTexts> {
  override write(out: ByteSink): void {
    const first = this.from.at(this.places[0] as number);
    if (this.#areAll(first)) writeConstant(out, first);
    else writeLatin1(out, this.#lengths(), (into) => this.#copy(viewOf(into)));
  }

  /** Nearly always the first two tell. */
  #areAll(first: string): boolean {
    for (const place of this.places) if (this.from.at(place) !== first) return false;
    return true;
  }

  #lengths(): Uint32Array {
    const { lengths } = this.from;
    const found = new Uint32Array(this.length);
    for (let i = 0; i < found.length; i++) found[i] = lengths[this.places[i] as number] as number;
    return found;
  }

  /** Four bytes at once, as texts are too short for a call each: what is copied too much is overwritten by the next one. */
  #copy(into: DataView): void {
    const { places } = this;
    const { starts, lengths, view } = this.from;
    let at = 0;
    for (let i = 0; i < places.length; i++) {
      const place = places[i] as number;
      const start = starts[place] as number;
      const length = lengths[place] as number;
      for (let byte = 0; byte < length; byte += 4) into.setInt32(at + byte, view.getInt32(start + byte));
      at += length;
    }
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
