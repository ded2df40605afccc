/** The rows of `collectTo` sinks in memory, with whence they came: a restart takes back those that will come again. */

import { MillraceError } from "../../core/errors.ts";
import { COLLECT_ROWS_MAX } from "../../core/limits.ts";
import { type HeldRows, keptLots, type RowsLot } from "../checkpoints/collected-rows.ts";

interface Lot extends RowsLot {
  readonly from: number;
}

export class KeptRows {
  readonly #rows = new Map<string, unknown[]>();
  readonly #lots = new Map<string, Lot[]>();

  of(sink: string): readonly unknown[] {
    return this.#rows.get(sink) ?? [];
  }

  get sinks(): readonly string[] {
    return [...this.#rows.keys()];
  }

  /** @throws BAD_OPTION when they are too many. */
  add(sink: string, added: readonly unknown[], origin: Pick<RowsLot, "attempt" | "slot">): void {
    const rows = this.#rows.get(sink) ?? [];
    this.#rows.set(sink, rows);
    if (rows.length + added.length > COLLECT_ROWS_MAX) {
      throw new MillraceError(
        "BAD_OPTION",
        `sink "${sink}" has collected more than ${COLLECT_ROWS_MAX} rows in memory; write them to a file or topic instead`,
        { operator: sink },
      );
    }
    const lots = this.#lots.get(sink) ?? [];
    this.#lots.set(sink, lots);
    lots.push({ ...origin, rows: added.length, from: rows.length });
    for (const row of added) rows.push(row);
  }

  /** Drops what a checkpoint does not hold. `held` undefined: it holds all that there is. */
  keep(sink: string, held: HeldRows | undefined): void {
    const rows = this.of(sink);
    const kept: unknown[] = [];
    const lots = keptLots(this.#lots.get(sink) ?? [], held).map((lot): Lot => {
      const from = kept.length;
      for (let at = lot.from; at < lot.from + lot.rows; at++) kept.push(rows[at]);
      return { ...lot, from };
    });
    this.#rows.set(sink, kept);
    this.#lots.set(sink, lots);
  }

  clear(): void {
    this.#rows.clear();
    this.#lots.clear();
  }
}
