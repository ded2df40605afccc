/**
 * Watermarks of a source's subtask, made of each part that it reads at the same time (a partition, or the current split).
 *
 *   1. each part's watermark rises by its own records
 *   2. a part without records for `idleAfterMs` is idle, unless it is paused or nothing may be pushed
 *   3. what goes on is the lowest of the parts that are not idle; when all are, the highest, and the subtask is idle
 *   4. a part that is further than `maxDriftMs` ahead of the lowest one, here or elsewhere, is paused until that follows
 *
 * A part of which no record has come yet may have the oldest of all: until it is idle, 3 and 4 wait for it. Nothing goes on
 * from a callback, as timers also run while a subtask is held at its end: they leave word, and `tick` acts when there may
 * be input.
 *
 * Holds no state: after a restart all begins anew from the records that follow.
 */

import { MillraceError } from "../../core/errors.ts";
import type { Push } from "../../core/operator.ts";
import type { SourceParts } from "../../core/source.ts";
import { isEventTime, NO_TIMESTAMP } from "../../core/time.ts";
import type { SourceWatermarkSpec, WatermarkGenerator } from "../../core/watermark.ts";
import type { Chain } from "./chain.ts";
import type { SourceAlignment } from "./source-alignment.ts";

const NONE = Number.NEGATIVE_INFINITY;

/** What is being read. */
interface Part {
  readonly name: string;
  readonly generator: WatermarkGenerator | undefined;
  latest: number;
  watermark: number;
  /** Whether records have come since the last batch's end. */
  fresh: boolean;
  silentSince: number;
  idle: boolean;
  paused: boolean;
}

export class SourceWatermarks implements SourceParts {
  readonly push: Push<unknown>;
  readonly #spec: SourceWatermarkSpec;
  readonly #chain: Chain;
  readonly #alignment: SourceAlignment | undefined;
  readonly #outOfOrdernessMs: number;
  #pause: ((part: string, paused: boolean) => void) | undefined;
  #parts = new Map<string, Part>();
  #current: Part;
  /** No split is being read, since when; a reader that has no parts for now has no such time: it is idle. */
  #betweenSince: number | undefined;
  #emitted = NONE;
  #idle = false;
  /** A callback has left word. */
  #due = false;

  constructor(spec: SourceWatermarkSpec, chain: Chain, alignment: SourceAlignment | undefined) {
    this.#spec = spec;
    this.#chain = chain;
    this.#alignment = alignment;
    const { strategy } = spec;
    this.#outOfOrdernessMs = strategy.kind === "bounded" ? strategy.outOfOrdernessMs : 0;
    this.#current = this.#newPart("");
    this.#betweenSince = chain.head.clock.now();
    this.push = this.#pushOf(chain.push);
    const { metrics } = chain.head;
    metrics.gauge("idleParts", () => this.#count(({ idle }) => idle));
    if (alignment !== undefined) metrics.gauge("pausedParts", () => this.#count(({ paused }) => paused));
    if (spec.idleAfterMs !== undefined) this.#watch(spec.idleAfterMs);
  }

  /** How the reader is told to pause a part, if it can. */
  pauseBy(pause: ((part: string, paused: boolean) => void) | undefined): void {
    this.#pause = pause;
  }

  /** Whether nothing may be read: all that could be is too far ahead. */
  get held(): boolean {
    return this.#parts.size > 0 && this.#count(({ paused }) => !paused) === 0;
  }

  /** A split begins: one part, until the reader says otherwise. */
  splitBegun(): void {
    this.replace([""]);
    this.reading("");
  }

  splitEnded(): void {
    this.replace([]);
    this.#betweenSince = this.#chain.head.clock.now();
  }

  replace(names: readonly string[]): void {
    this.#parts = new Map(names.map((name) => [name, this.#parts.get(name) ?? this.#newPart(name)]));
    this.#betweenSince = undefined;
    this.#due = true;
  }

  reading(name: string): void {
    const part = this.#parts.get(name);
    if (part !== undefined) this.#current = part;
  }

  /** How far those elsewhere are for which this subtask waits; undefined: nobody. */
  aligned(watermark: number | undefined): void {
    this.#alignment?.others(watermark);
    this.#due = true;
  }

  /** Does what has become due since. */
  tick(): void {
    if (!this.#due) return;
    this.#due = false;
    if (this.#spec.idleAfterMs !== undefined) this.#findIdle(this.#spec.idleAfterMs);
    this.#goOn();
  }

  batchEnd(): void {
    const now = this.#chain.head.clock.now();
    for (const part of this.#parts.values()) {
      if (part.generator !== undefined) this.#raise(part, () => part.generator?.onBatchEnd(), undefined);
      if (!part.fresh) continue;
      if (this.#spec.strategy.kind === "bounded") part.watermark = part.latest - this.#outOfOrdernessMs - 1;
      part.fresh = false;
      part.idle = false;
      part.silentSince = now;
    }
    this.#goOn();
  }

  #pushOf(push: Push<unknown>): Push<unknown> {
    const { timestampOf } = this.#spec;
    return (value, given) => {
      const timestamp = timestampOf === undefined ? this.#checked(given, value) : this.#timeOf(timestampOf, value);
      const part = this.#current;
      part.fresh = true;
      if (this.#idle) this.#setIdle(false);
      if (timestamp > part.latest) part.latest = timestamp;
      push(value, timestamp);
      if (part.generator !== undefined) this.#raise(part, () => part.generator?.onRecord(value, timestamp), value);
    };
  }

  #timeOf(timestampOf: (value: unknown) => number, value: unknown): number {
    let timestamp: number;
    try {
      timestamp = timestampOf(value);
    } catch (error) {
      throw this.#chain.head.failure(error, value);
    }
    return this.#checked(timestamp, value);
  }

  #checked(timestamp: number, value: unknown): number {
    if (isEventTime(timestamp)) return timestamp;
    const { operator } = this.#chain.head;
    const message =
      timestamp === NO_TIMESTAMP && this.#spec.timestampOf === undefined
        ? `"${operator}" makes watermarks, but gives this record no timestamp; say by watermarks.timestamp what its event time is`
        : `watermarks.timestamp of "${operator}" returned ${String(timestamp)}; it must return the event time as a finite number of epoch milliseconds, at most 8.64e15 from 1970`;
    throw this.#chain.head.failure(new MillraceError("WRONG_SHAPE", message, { operator }), value);
  }

  #raise(part: Part, generate: () => number | undefined, value: unknown): void {
    const { head } = this.#chain;
    let watermark: number | undefined;
    try {
      watermark = generate();
    } catch (error) {
      throw head.failure(error, value);
    }
    if (watermark === undefined) return;
    if (typeof watermark !== "number" || Number.isNaN(watermark)) {
      const message = `the watermark function of "${head.operator}" returned ${String(watermark)}; it must return epoch milliseconds, or undefined for no change`;
      throw head.failure(new MillraceError("WRONG_SHAPE", message, { operator: head.operator }), value);
    }
    if (watermark > part.watermark) part.watermark = watermark;
  }

  /** The lowest watermark goes on; parts that are ahead wait, and those that are not go on. */
  #goOn(): void {
    let lowest = Number.POSITIVE_INFINITY;
    let highest = NONE;
    for (const { idle, watermark } of this.#parts.values()) {
      if (!idle) lowest = Math.min(lowest, watermark);
      highest = Math.max(highest, watermark);
    }
    const allIdle = lowest === Number.POSITIVE_INFINITY;
    const goesOn = allIdle ? highest : lowest;
    if (goesOn > this.#emitted) {
      this.#emitted = goesOn;
      this.#chain.watermark(goesOn);
    }
    this.#setIdle(allIdle && (this.#betweenSince === undefined || this.#isSilent(this.#betweenSince)));
    if (this.#alignment !== undefined) this.#align(this.#alignment, allIdle ? undefined : lowest);
  }

  #align(alignment: SourceAlignment, slowest: number | undefined): void {
    const limit = alignment.rise(slowest);
    for (const part of this.#parts.values()) {
      const paused = part.watermark > limit;
      if (paused === part.paused) continue;
      part.paused = paused;
      part.silentSince = this.#chain.head.clock.now();
      this.#pause?.(part.name, paused);
    }
  }

  #setIdle(idle: boolean): void {
    if (this.#idle === idle) return;
    this.#idle = idle;
    this.#chain.head.markIdle(idle);
  }

  #watch(idleAfterMs: number): void {
    const { head } = this.#chain;
    head.callAt(head.clock.now() + idleAfterMs, () => {
      this.#due = true;
      this.#watch(Math.max(1, Math.ceil(idleAfterMs / 4)));
    });
  }

  #findIdle(idleAfterMs: number): void {
    const { clock, gate } = this.#chain.head;
    const now = clock.now();
    for (const part of this.#parts.values()) {
      if (part.fresh || part.paused || gate.blocked) part.silentSince = now;
      else if (now - part.silentSince >= idleAfterMs) part.idle = true;
    }
  }

  #isSilent(since: number): boolean {
    const { idleAfterMs } = this.#spec;
    return idleAfterMs !== undefined && this.#chain.head.clock.now() - since >= idleAfterMs;
  }

  #newPart(name: string): Part {
    const { strategy } = this.#spec;
    return {
      name,
      generator: generatorOf(strategy),
      latest: NONE,
      watermark: NONE,
      fresh: false,
      silentSince: this.#chain.head.clock.now(),
      idle: false,
      paused: false,
    };
  }

  #count(wanted: (part: Part) => boolean): number {
    let count = 0;
    for (const part of this.#parts.values()) if (wanted(part)) count++;
    return count;
  }
}

function generatorOf(strategy: SourceWatermarkSpec["strategy"]): WatermarkGenerator | undefined {
  if (strategy.kind === "custom") return strategy.generator();
  if (strategy.kind === "punctuated") return { onRecord: strategy.watermarkOf, onBatchEnd: () => undefined };
  return undefined;
}
