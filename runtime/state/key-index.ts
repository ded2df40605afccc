/**
 * Keys of any kind → slots 0, 1, 2, … in order of insertion; the index under panes, handles and timers.
 *
 * The law: two keys share a slot exactly if their canonical encodings (core/key.ts) are equal. Numbers, strings, pairs of
 * small whole numbers, and of a text and a whole number, which are nearly all keys, have tables of their own; the rest goes
 * by its encoding. Without `remove`, slots are dense. A removed key's slot is given to the next new key, so memory is bounded
 * by the most keys at one time.
 */

import { badKey, decodeKey, encodeKey, type Key, type ScalarKey } from "../../core/key.ts";
import type { KeyBatch } from "../../core/key-batch.ts";
import { flatten } from "./flatten.ts";
import { IntTable } from "./int-table.ts";
import { giveBack, lengthened } from "./longer.ts";
import { NumberTable } from "./number-table.ts";
import { keyOfPair, NO_PAIR, PairTable, pairOf } from "./pair-table.ts";
import { StringTable } from "./string-table.ts";
import { isTextPair, type TextPair, TextPairTable } from "./text-pair-table.ts";

const INTS_MIN = 8;
const noInts = new Int32Array(0);

/** Stands among keys for a pair of small whole numbers, which is in its table in 8 bytes: as an array it takes 64. */
const PAIR: Key = Object.freeze([]);

/** The pairs of the batch that is being looked up: as many as `slotsOf` may be asked for. */
const batchPairs = new Float64Array(1024);

export class KeyIndex {
  readonly #operator: string;
  readonly #ints = new IntTable();
  #numbers: NumberTable | undefined;
  #strings: StringTable | undefined;
  #pairs: PairTable | undefined;
  #textPairs: TextPairTable | undefined;
  /** Bigints, booleans, dates and other tuples, by `encodeKey`. */
  #encodings: StringTable | undefined;
  readonly #encodingOf: (string | undefined)[] = [];
  /**
   * The key of each slot, our own copy; undefined in slots that are free. Pairs with a text are not frozen, and copied when they
   * are given out. Empty as long as `#intKeys` has all, or `#pairs`.
   */
  readonly #keys: (Key | undefined)[] = [];
  /** The same where all keys are 32-bit integers and none has been removed: half the memory, none of it for the collector. */
  #intKeys: Int32Array | undefined = noInts;
  /** Whether all keys are pairs and none has been removed. */
  #arePairs = false;
  #slots = 0;
  #free: number[] | undefined;
  /** From this slot on, 32-bit integers are not in their table yet; -1: all are. */
  #looseFrom = -1;
  /** How many keys are expected, 0 once their table has room for them. */
  #expected: number;

  /**
   * @param operator names the operator in errors about keys.
   * @param expected how many keys there will be, if that is known: of the first key's kind, as nearly always all are.
   */
  constructor(operator: string, expected = 0) {
    this.#operator = operator;
    this.#expected = expected;
  }

  /** How many keys there are. */
  get size(): number {
    return this.#slots - (this.#free === undefined ? 0 : this.#free.length);
  }

  /** One more than the highest slot ever given out. */
  get slots(): number {
    return this.#slots;
  }

  /** The slot of a key, made when it does not exist. @throws BAD_KEY */
  slotOf(key: Key): number {
    if (typeof key === "number") {
      const slot = this.#findNumber(key);
      return slot >= 0 ? slot : this.#insertNumber(key);
    }
    if (typeof key === "string") return this.#slotOfString(key);
    const pair = pairOf(key);
    if (pair !== NO_PAIR) return this.#slotOfPair(pair);
    if (isTextPair(key)) return this.#slotOfTextPair(key);
    return this.#slotOfEncoding(encodeKey(key, this.#operator));
  }

  /**
   * Gives a key that has no slot the next one, without looking. Integers are brought into their table when a key is looked
   * for. REQUIRES: the key is absent, and none has been removed. @throws BAD_KEY
   */
  append(key: Key): number {
    if (typeof key !== "number" || (key | 0) !== key) return this.slotOf(key);
    const slot = this.#keep(key | 0);
    if (this.#looseFrom < 0) this.#looseFrom = slot;
    return slot;
  }

  /** The slot of a key, or -1. @throws BAD_KEY */
  find(key: Key): number {
    if (typeof key === "number") {
      if (key !== key) throw badKey(key, this.#operator);
      return this.#findNumber(key);
    }
    if (typeof key === "string") return this.#strings === undefined ? -1 : this.#strings.find(key);
    const pair = pairOf(key);
    if (pair !== NO_PAIR) return this.#pairs === undefined ? -1 : this.#pairs.find(pair);
    if (isTextPair(key)) return this.#textPairs === undefined ? -1 : this.#textPairs.find(key);
    const encoding = encodeKey(key, this.#operator);
    return this.#encodings === undefined ? -1 : this.#encodings.find(encoding);
  }

  /**
   * The slots of many keys, -1 for those that are absent: all at once, so that their cache misses overlap. False, with nothing
   * looked up, where they are of different kinds, or of one without a table. REQUIRES: at most 1024 keys.
   */
  findAll(keys: KeyBatch, slots: Int32Array): boolean {
    if (keys.allInts) {
      if (this.#looseFrom >= 0) this.#tie();
      this.#ints.findAll(keys.ints, keys.count, slots);
      return true;
    }
    const first = keys.keyAt(0);
    if (typeof first === "string") return this.#findStrings(keys, slots);
    return pairOf(first) !== NO_PAIR ? this.#findPairs(keys, slots) : this.#findTextPairs(keys, slots);
  }

  #findStrings(keys: KeyBatch, slots: Int32Array): boolean {
    for (let i = 0; i < keys.count; i++) if (typeof keys.keyAt(i) !== "string") return false;
    this.#strings ??= new StringTable(this.#keys);
    this.#strings.findAll(keys, slots);
    return true;
  }

  #findPairs(keys: KeyBatch, slots: Int32Array): boolean {
    for (let i = 0; i < keys.count; i++) {
      const pair = pairOf(keys.keyAt(i));
      if (pair === NO_PAIR) return false;
      batchPairs[i] = pair;
    }
    this.#pairs ??= new PairTable();
    this.#pairs.findAll(batchPairs, keys.count, slots);
    return true;
  }

  #findTextPairs(keys: KeyBatch, slots: Int32Array): boolean {
    for (let i = 0; i < keys.count; i++) if (!isTextPair(keys.keyAt(i))) return false;
    this.#textPairs ??= new TextPairTable(this.#keys);
    this.#textPairs.findAll(keys, slots);
    return true;
  }

  has(slot: number): boolean {
    return this.#intKeys === undefined && !this.#arePairs ? this.#keys[slot] !== undefined : slot < this.#slots;
  }

  /** REQUIRES: a slot in use. ENSURES: no change of what is returned reaches the index. */
  keyAt(slot: number): Key {
    if (this.#intKeys !== undefined) return this.#intKeys[slot] as number;
    if (this.#arePairs) return this.#pairKeyAt(slot);
    const key = this.#keys[slot] as Key;
    if (typeof key !== "object") return key;
    if (key === PAIR) return this.#pairKeyAt(slot);
    const encoding = this.#encodingOf[slot];
    // V8 reads parts of a frozen array by a call, those of a copy at once.
    if (encoding === undefined) return [(key as readonly ScalarKey[])[0], (key as readonly ScalarKey[])[1]] as Key;
    return Object.isFrozen(key) ? key : decodeKey(encoding);
  }

  #pairKeyAt(slot: number): Key {
    return keyOfPair((this.#pairs as PairTable).pairAt(slot));
  }

  /** The keys of `count` slots, from a place in `slots` on: by so short a loop that the waits for memory overlap. */
  keysAt(slots: Int32Array, from: number, count: number, into: Key[]): void {
    const ints = this.#intKeys;
    if (ints !== undefined) {
      for (let i = 0; i < count; i++) into[i] = ints[slots[from + i] as number] as number;
      return;
    }
    if (this.#arePairs) {
      for (let i = 0; i < count; i++) into[i] = this.#pairKeyAt(slots[from + i] as number);
      return;
    }
    const keys = this.#keys;
    for (let i = 0; i < count; i++) into[i] = keys[slots[from + i] as number] as Key;
    for (let i = 0; i < count; i++) if (typeof into[i] === "object") into[i] = this.keyAt(slots[from + i] as number);
  }

  /** Forgets the key in a slot that is in use; the slot may be given to another key. */
  remove(slot: number): void {
    if (this.#intKeys !== undefined) this.#leaveInts(this.#intKeys);
    if (this.#arePairs) this.#leavePairs();
    const key = this.#keys[slot] as Key;
    if (typeof key === "number") {
      if ((key | 0) === key) this.#ints.remove(key);
      else this.#numbers?.remove(key);
    } else if (typeof key === "string") this.#strings?.remove(key, slot);
    else this.#removeObject(key, slot);
    this.#keys[slot] = undefined;
    this.#free ??= [];
    this.#free.push(slot);
  }

  /** Nobody uses it any more. */
  giveBack(): void {
    if (this.#intKeys !== undefined) giveBack(this.#intKeys);
    for (const table of [this.#ints, this.#numbers, this.#strings, this.#pairs, this.#textPairs, this.#encodings])
      table?.giveBack();
  }

  #removeObject(key: Key, slot: number): void {
    if (key === PAIR) {
      this.#pairs?.remove(this.#pairs.pairAt(slot), slot);
      return;
    }
    if (isTextPair(key)) {
      this.#textPairs?.remove(key, slot);
      return;
    }
    this.#encodings?.remove(this.#encodingOf[slot] as string, slot);
    this.#encodingOf[slot] = undefined;
  }

  #insertNumber(key: number): number {
    if (key !== key) throw badKey(key, this.#operator);
    if ((key | 0) === key) return this.#insertInt(key | 0); // -0 too: it is 0
    const slot = this.#keep(key);
    this.#numbers ??= new NumberTable();
    this.#numbers.insert(key, slot);
    return slot;
  }

  /** The key as V8 holds small integers, whatever form it came in: so the array of keys points to no numbers elsewhere. */
  #insertInt(key: number): number {
    const slot = this.#keep(key);
    if (this.#expected > 0) this.#reserve(this.#ints);
    this.#ints.insert(key, slot);
    return slot;
  }

  #findNumber(key: number): number {
    if (this.#looseFrom >= 0) this.#tie();
    if ((key | 0) === key) return this.#ints.find(key); // -0 too: it is 0
    return this.#numbers === undefined ? -1 : this.#numbers.find(key);
  }

  /** Brings the integers that were appended into their table. */
  #tie(): void {
    this.#ints.reserve(this.#slots);
    const keys = this.#intKeys ?? this.#keys;
    for (let slot = this.#looseFrom; slot < this.#slots; slot++) {
      const key = keys[slot];
      if (typeof key === "number" && (key | 0) === key) this.#ints.insert(key, slot);
    }
    this.#looseFrom = -1;
  }

  #slotOfString(key: string): number {
    this.#strings ??= new StringTable(this.#keys);
    const found = this.#strings.find(key);
    if (found >= 0) return found;
    const text = flatten(key);
    const slot = this.#keep(text);
    if (this.#expected > 0) this.#reserve(this.#strings);
    this.#strings.insert(text, slot);
    return slot;
  }

  #slotOfPair(pair: number): number {
    this.#pairs ??= new PairTable();
    const found = this.#pairs.find(pair);
    if (found >= 0) return found;
    const slot = this.#keep(PAIR);
    this.#pairs.insert(pair, slot);
    return slot;
  }

  #slotOfTextPair(pair: TextPair): number {
    this.#textPairs ??= new TextPairTable(this.#keys);
    const found = this.#textPairs.find(pair);
    if (found >= 0) return found;
    const kept: TextPair = [flatten(pair[0]), pair[1] + 0]; // -0 + 0 is 0
    const slot = this.#keep(kept);
    this.#textPairs.insert(kept, slot);
    return slot;
  }

  #reserve(table: IntTable | StringTable): void {
    table.reserve(this.#expected);
    this.#expected = 0;
  }

  #slotOfEncoding(encoding: string): number {
    this.#encodings ??= new StringTable(this.#encodingOf);
    const found = this.#encodings.find(encoding);
    if (found >= 0) return found;
    const flat = flatten(encoding);
    const slot = this.#keep(ownKey(flat));
    while (this.#encodingOf.length < slot) this.#encodingOf.push(undefined);
    this.#encodingOf[slot] = flat;
    this.#encodings.insert(flat, slot);
    return slot;
  }

  #keep(key: Key): number {
    if (this.#intKeys !== undefined) {
      if (typeof key === "number" && (key | 0) === key) return this.#keepInt(key, this.#intKeys);
      this.#leaveInts(this.#intKeys);
      this.#arePairs = key === PAIR && this.#slots === 0;
    }
    if (this.#arePairs) {
      if (key === PAIR) return this.#slots++;
      this.#leavePairs();
    }
    const slot = this.#free?.pop() ?? this.#slots;
    if (slot === this.#slots) {
      this.#keys.push(key);
      this.#slots++;
    } else this.#keys[slot] = key;
    return slot;
  }

  #keepInt(key: number, ints: Int32Array): number {
    const slot = this.#slots++;
    if (slot < ints.length) ints[slot] = key;
    else {
      this.#intKeys = lengthened(ints, Math.max(INTS_MIN, 2 * slot, this.#expected));
      this.#intKeys[slot] = key;
    }
    return slot;
  }

  #leaveInts(ints: Int32Array): void {
    this.#intKeys = undefined;
    for (let slot = 0; slot < this.#slots; slot++) this.#keys.push(ints[slot]);
  }

  #leavePairs(): void {
    this.#arePairs = false;
    for (let slot = 0; slot < this.#slots; slot++) this.#keys.push(PAIR);
  }
}

/** The decoded key, frozen where freezing protects it: not with dates, which `keyAt` decodes again each time. */
function ownKey(encoding: string): Key {
  const key = decodeKey(encoding);
  if (!Array.isArray(key)) return key;
  const parts = key.map((part) => (typeof part === "string" ? flatten(part) : part));
  return parts.some((part) => part instanceof Date) ? parts : Object.freeze(parts);
}
