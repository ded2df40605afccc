/** A sink of this process that publishes rows in two phases, as a crash would otherwise leave some of them twice. */

import type { Sink, SinkWriter } from "millrace";

interface Part {
  /** Tells parts apart, so that one which is committed again is known. */
  readonly id: string;
  readonly rows: readonly object[];
}

export class Ledger {
  readonly rows: object[] = [];
  readonly #committed = new Set<string>();

  sink(): Sink<object> {
    return Object.freeze<Sink<object>>({
      name: "ledger",
      writer: ({ subtask, attempt }) => this.#writer(`${attempt}/${subtask}`),
    });
  }

  #writer(name: string): SinkWriter<object> {
    let rows: object[] = [];
    return {
      write(row) {
        rows.push(row);
      },
      prepare(checkpoint): Part {
        const part = { id: `${name}/${checkpoint}`, rows };
        rows = [];
        return part;
      },
      commit: (_checkpoint, prepared) => this.#commit(prepared as Part),
    };
  }

  #commit({ id, rows }: Part): void {
    if (this.#committed.has(id)) return;
    this.#committed.add(id);
    for (const row of rows) this.rows.push(row);
  }
}
