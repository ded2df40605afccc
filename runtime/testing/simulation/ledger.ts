/**
 * The world outside of a simulated cluster, as its sinks see it: rows are staged, durably, when a checkpoint is prepared, and
 * published when it is complete. What is published stays, whatever dies.
 *
 *   prepare   the rows are staged under a name of their own
 *   commit    they are published; once more does nothing. What checkpoints retain of them has to be what was staged
 */

import type { Sink, SinkContext, SinkWriter } from "../../../core/sink.ts";
import type { SimulatedProcess } from "./process.ts";

interface Part {
  readonly id: string;
}

const STEP_MS_MAX = 8;

export class Ledger {
  readonly #staged = new Map<string, readonly string[]>();
  readonly #published = new Map<string, Set<string>>();
  /** What no sink may be asked for. */
  readonly problems: string[] = [];

  sink(name: string, original: Sink<unknown>, process: SimulatedProcess | undefined): Sink<unknown> {
    const { parallelism } = original;
    return {
      name: original.name,
      ...(parallelism === undefined ? {} : { parallelism }),
      writer: (context) => new LedgerWriter(this, name, context, process as SimulatedProcess), // planning makes no writers
    };
  }

  stage(id: string, rows: readonly string[]): void {
    if (this.#staged.has(id)) this.problems.push(`${id} was prepared twice`);
    this.#staged.set(id, rows);
  }

  /** What checkpoints keep of a part: its rows, one by one. */
  async *pieces({ id }: Part): AsyncGenerator<Uint8Array> {
    for (const row of this.#staged.get(id) ?? []) yield Buffer.from(row);
  }

  /** A part of another attempt comes with what its checkpoint has kept of it. */
  async compare({ id }: Part, retained: AsyncIterable<Uint8Array>): Promise<void> {
    const rows: string[] = [];
    for await (const piece of retained) rows.push(Buffer.from(piece).toString());
    const staged = this.#staged.get(id) ?? [];
    if (rows.length !== staged.length || rows.some((row, at) => row !== staged[at]))
      this.problems.push(`of ${id} ${staged.length} rows were prepared and ${rows.length} retained, or others`);
  }

  publish(sink: string, { id }: Part): void {
    if (!this.#staged.has(id)) this.problems.push(`${id} was committed and never prepared`);
    const parts = this.#published.get(sink) ?? new Set();
    this.#published.set(sink, parts.add(id));
  }

  /** The rows that were published by each sink, as texts, sorted. */
  get rows(): ReadonlyMap<string, readonly string[]> {
    return new Map(
      [...this.#published].map(([sink, parts]) => [
        sink,
        [...parts].flatMap((id) => this.#staged.get(id) ?? []).sort(),
      ]),
    );
  }
}

class LedgerWriter implements SinkWriter<unknown> {
  readonly #ledger: Ledger;
  readonly #sink: string;
  readonly #process: SimulatedProcess;
  /** Of this writer alone: an attempt may be tried by several processes, one of which is late. */
  readonly #name: string;
  readonly #own = new Set<string>();
  readonly #restoredFrom: number;
  #rows: string[] = [];
  #prepared = 0;

  constructor(ledger: Ledger, sink: string, { subtask, attempt, restored }: SinkContext, process: SimulatedProcess) {
    this.#restoredFrom = restored?.checkpoint ?? 0;
    this.#ledger = ledger;
    this.#sink = sink;
    this.#process = process;
    this.#name = `${sink} ${subtask} of attempt ${attempt} in ${process.name}`;
  }

  write(value: unknown): void {
    this.#rows.push(textOf(value));
  }

  async prepare(): Promise<Part | undefined> {
    const rows = this.#rows;
    this.#rows = [];
    if (rows.length === 0) return undefined;
    const id = `${this.#name}, part ${++this.#prepared}`;
    await this.#takesTime("stages", () => this.#ledger.stage(id, rows));
    this.#own.add(id);
    return { id };
  }

  retained(prepared: unknown): AsyncIterable<Uint8Array> {
    return { [Symbol.asyncIterator]: () => this.#ledger.pieces(prepared as Part) }; // of `prepare`
  }

  async commit(checkpoint: number, prepared: unknown, retained?: AsyncIterable<Uint8Array>): Promise<void> {
    const part = prepared as Part; // likewise
    // Checkpoints behind the end of a subtask name what it had prepared last, and do not keep it.
    const ended = checkpoint < this.#restoredFrom;
    if (retained !== undefined && !ended) await this.#ledger.compare(part, retained);
    else if (!ended && !this.#own.has(part.id)) this.#ledger.problems.push(`nothing is retained of ${part.id}`);
    await this.#takesTime("publishes", () => this.#ledger.publish(this.#sink, part));
  }

  /** The step is done on one side of the wait or the other, so that the process may die before or behind it. */
  async #takesTime(what: string, act: () => void): Promise<void> {
    const { world, alive } = this.#process;
    const first = world.chance(0.5);
    if (first && alive) act();
    await this.#process.later(world.between(0, STEP_MS_MAX), `sink ${what}`, first ? () => {} : act);
  }
}

/** A row as text: what JSON lacks is said too. */
export function textOf(value: unknown): string {
  return (
    JSON.stringify(value, (_, inner: unknown) => {
      if (typeof inner === "bigint") return `${inner}n`;
      if (typeof inner === "number" && !Number.isFinite(inner)) return String(inner);
      if (ArrayBuffer.isView(inner))
        return Buffer.from(inner.buffer, inner.byteOffset, inner.byteLength).toString("hex");
      if (inner instanceof Map || inner instanceof Set) return [...inner];
      return inner;
    }) ?? "undefined"
  );
}
