/**
 * Approximate deduplication: of the records of each key the first that comes, told by Bloom filters instead of the keys.
 *
 *  1. A key's hash names its key group, whose filters tell whether the key has come.
 *  2. Filters grow: when one holds as many keys as it was made for, another one of twice the size and half the rate of
 *     false positives follows (Almeida et al. 2007), so that the rate stays below what was asked for, however many come.
 *  3. With a time to live, time is cut into slices of a third of it. A key is added to the filters of its slice, and looked
 *     for in that one and the three before it: it is remembered for the time to live at least, and a third longer at most.
 *     Filters of slices that are over are dropped as a whole.
 *
 * State: table "filters", by the slice and a key of the group, so that it moves with its group: the group's filters, with the
 * number of keys in the last one. No timers. O(filters) a record, which are at most log2(keys / capacity) + 1 a slice.
 */

import { addToFilter, type BloomFilter, bloomFilter, mayBeInFilter } from "../core/aggregates/bloom-filter.ts";
import { hash52 } from "../core/aggregates/hyper-log-log.ts";
import { type ApproximateSpec, type DeduplicateSpec, SLICES } from "../core/deduplicate.ts";
import { hashKey } from "../core/key.ts";
import { keyGroupOf } from "../core/key-group.ts";
import type { Operator, OperatorContext } from "../core/operator.ts";
import type { StatePane, StateTable } from "../core/state-backend.ts";
import type { Counter } from "../core/telemetry.ts";
import { GroupKeys } from "./group-keys.ts";
import { requireTime } from "./keyed-record.ts";

/** How many standard deviations a group's first filter has room for above its share of the keys. */
const SPARE_DEVIATIONS = 3;
const ROOM_MIN = 8;

export class ApproximateDeduplicate implements Operator {
  readonly #spec: DeduplicateSpec;
  readonly #approximate: ApproximateSpec;
  readonly #context: OperatorContext;
  readonly #filters: StateTable;
  readonly #groupKeys: GroupKeys;
  readonly #duplicates: Counter;
  /** Those that have filters. */
  #slices: readonly number[];
  /** Of a group's first filter. */
  readonly #room: number;
  /** The slice up to which filters were dropped. */
  #dropped = Number.NEGATIVE_INFINITY;

  constructor(spec: DeduplicateSpec, approximate: ApproximateSpec, context: OperatorContext) {
    const { keyGroupCount } = context;
    this.#spec = spec;
    this.#approximate = approximate;
    this.#context = context;
    this.#filters = context.state.table("filters", { numbers: 1, values: true });
    this.#slices = this.#filters.namespaces();
    this.#groupKeys = new GroupKeys(keyGroupCount, context.operator);
    this.#duplicates = context.metrics.counter("duplicateRecords");
    const share = approximate.capacity / keyGroupCount;
    this.#room = Math.max(ROOM_MIN, Math.ceil(share + SPARE_DEVIATIONS * Math.sqrt(share)));
  }

  process(value: unknown, timestamp: number): void {
    const { time, ttlMs } = this.#spec;
    const ages = ttlMs < Number.POSITIVE_INFINITY;
    if (ages && time === "event") requireTime(this.#context, value, timestamp, "the time to live");
    const { hash, groupKey } = this.#find(value);
    const slice = ages ? this.#sliceAt(timestamp) : 0;
    if (this.#hasCome(slice, groupKey, hash)) {
      this.#duplicates.add();
      return;
    }
    this.#remember(slice, groupKey, hash);
    this.#context.output.push(value, timestamp);
  }

  /** @throws what the key function throws, or BAD_KEY, with the record. */
  #find(value: unknown): { readonly hash: number; readonly groupKey: number } {
    const { operator, keyGroupCount } = this.#context;
    try {
      const key = this.#spec.key.select(value);
      const groupKey = this.#groupKeys.of(keyGroupOf(hashKey(key, operator), keyGroupCount));
      return { hash: hash52(key), groupKey };
    } catch (error) {
      throw this.#context.failure(error, value);
    }
  }

  #sliceAt(timestamp: number): number {
    const { sliceMs } = this.#approximate;
    const { clock, currentWatermark } = this.#context;
    const isEvent = this.#spec.time === "event";
    // No later record's slice is before this one.
    const least = Math.floor((isEvent ? currentWatermark : clock.now()) / sliceMs);
    if (least > this.#dropped) this.#dropBefore(least);
    return isEvent ? Math.max(least, Math.floor(timestamp / sliceMs)) : least;
  }

  #dropBefore(slice: number): void {
    this.#dropped = slice;
    for (const over of this.#slices.filter((each) => each <= slice - SLICES)) this.#filters.drop(over);
    this.#slices = this.#filters.namespaces();
  }

  #hasCome(slice: number, groupKey: number, hash: number): boolean {
    for (const each of this.#slices) {
      if (each <= slice - SLICES) continue;
      const pane = this.#filters.pane(each);
      const slot = pane.find(groupKey);
      if (slot >= 0 && filtersAt(pane, slot).some((filter) => mayBeInFilter(filter, hash))) return true;
    }
    return false;
  }

  #remember(slice: number, groupKey: number, hash: number): void {
    const pane = this.#filters.pane(slice);
    if (!this.#slices.includes(slice)) this.#slices = this.#filters.namespaces();
    const slot = pane.slotOf(groupKey);
    const [counts] = pane.numbers as readonly [Float64Array];
    let filters = filtersAt(pane, slot);
    const room = this.#room * 2 ** (filters.length - 1);
    if (filters.length === 0 || (counts[slot] as number) >= room) {
      filters = [...filters, this.#nextFilter(filters.length)];
      pane.values[slot] = filters;
      counts[slot] = 0;
    }
    addToFilter(filters.at(-1) as BloomFilter, hash);
    counts[slot] = (counts[slot] as number) + 1;
  }

  /** Of twice the size and half the rate of the one before: the rates of all add up to less than the whole. */
  #nextFilter(before: number): BloomFilter {
    const falsePositiveRate = this.#approximate.falsePositiveRate * 2 ** -(before + 1);
    return bloomFilter({ capacity: this.#room * 2 ** before, falsePositiveRate });
  }
}

function filtersAt(pane: StatePane, slot: number): readonly BloomFilter[] {
  return (pane.values[slot] ?? []) as readonly BloomFilter[]; // of this operator
}
