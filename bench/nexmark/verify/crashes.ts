/**
 * Two crashes amid the events of a run: each attempt is dropped as soon as it has read a third of them.
 *
 * The law: what is gone on from is neither the beginning nor the end. So the source is read in small parts, between which
 * checkpoints are taken, and it is told how many events each attempt has read.
 */

import type { Push, ReadStep, Source, SourceReader } from "millrace";
import type { InThreadOptions } from "millrace/testing";

/** Of the scheduler from the end of a checkpoint to the beginning of the next one. */
const CHECKPOINT_STEPS = 10;
/** Into so many parts the events are divided. */
const PARTS = 30;
const CRASHES = 2;

export class Crashes {
  readonly #events: number;
  /** How many events each attempt has read, by its number. */
  readonly #read = new Map<number, number>();

  /** @param events how many the source has */
  constructor(events: number) {
    this.#events = events;
  }

  /** What the run is to be told. */
  get options(): Pick<InThreadOptions, "checkpoints" | "crashes"> {
    const third = Math.ceil(this.#events / (CRASHES + 1));
    const crashes = Array.from({ length: CRASHES }, (_, i) => ({ when: () => this.#readBy(i + 1) >= third }));
    return { checkpoints: { everySteps: CHECKPOINT_STEPS }, crashes };
  }

  /** The same source, read in parts. */
  inParts<T>(source: Source<T>): Source<T> {
    return Object.freeze<Source<T>>({
      ...source,
      reader: (context) => this.#counted(source.reader(context), context.attempt),
    });
  }

  /** @throws Error unless every attempt but the first went on from amid the events. */
  check(): void {
    const last = this.#readBy(CRASHES + 1);
    if (last > 0 && last < this.#events) return;
    throw new Error(`the ${this.#events} events are too few to crash amid them: ${JSON.stringify([...this.#read])}`);
  }

  #readBy(attempt: number): number {
    return this.#read.get(attempt) ?? 0;
  }

  #counted<T>(reader: SourceReader<T>, attempt: number): SourceReader<T> {
    const part = Math.ceil(this.#events / PARTS);
    return {
      begin: (split, position) => reader.begin(split, position),
      position: () => reader.position(),
      read: (push, max, gate) => {
        const counted: Push<T> = (record, timestamp) => {
          this.#read.set(attempt, this.#readBy(attempt) + 1);
          push(record, timestamp);
        };
        const step = reader.read(counted, Math.min(max, part), gate);
        return step instanceof Promise ? step.then(paused) : paused(step);
      },
      close: () => reader.close?.(),
    };
  }
}

/** Between two parts everybody else comes to rest. */
function paused(step: ReadStep): ReadStep {
  return step === "more" ? 1 : step;
}
