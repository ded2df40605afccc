/** A sink in two phases that publishes into memory: what a job's output is after crashes. */

import type { Sink, SinkWriter } from "../../../index.ts";

interface Part {
  readonly id: string;
  readonly rows: readonly unknown[];
}

export class Ledger {
  readonly #published = new Map<string, string>();

  /** All that was published, in no particular order. */
  get rows(): readonly string[] {
    const parts = [...this.#published.values()].map((rows) => JSON.parse(rows) as unknown[]);
    return parts
      .flat()
      .map((row) => JSON.stringify(row))
      .sort();
  }

  /** What was published already may come again, but only as it was. */
  publish({ id, rows }: Part): void {
    const text = JSON.stringify(rows);
    const before = this.#published.get(id) ?? text;
    if (before !== text) throw new Error(`part ${id} was published with other rows before`);
    this.#published.set(id, text);
  }

  /** Where `slow`, its steps wait for something outside, as those of files do. */
  sink<T>(name: string, slow = false): Sink<T> {
    return { name, writer: ({ subtask, attempt }) => new LedgerWriter<T>(this, `${name} ${subtask} ${attempt}`, slow) };
  }
}

class LedgerWriter<T> implements SinkWriter<T> {
  readonly #ledger: Ledger;
  readonly #name: string;
  readonly #slow: boolean;
  #rows: T[] = [];

  constructor(ledger: Ledger, name: string, slow: boolean) {
    this.#ledger = ledger;
    this.#name = name;
    this.#slow = slow;
  }

  write(value: T): void {
    this.#rows.push(value);
  }

  prepare(checkpoint: number): Part | undefined | Promise<Part> {
    if (this.#rows.length === 0) return undefined;
    const part = { id: `${this.#name} ${checkpoint}`, rows: this.#rows };
    this.#rows = [];
    return this.#slow ? aMoment().then(() => part) : part;
  }

  async commit(_checkpoint: number, prepared: unknown): Promise<void> {
    if (this.#slow) await aMoment();
    this.#ledger.publish(prepared as Part);
  }
}

/** Long enough for others to do something meanwhile. */
function aMoment(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}
