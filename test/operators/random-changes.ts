/** Random changelogs of a table of sales, with the table behind each change; and the table that a changelog makes. */

import fc from "fast-check";
import { addsRow, type Change, deleted, inserted, updatedFrom, updatedTo } from "../../index.ts";

export interface Sale {
  readonly id: number;
  readonly shop: string;
  readonly amount: number;
  readonly note: string | null;
}

/** A change with the rows that there are behind it. */
export interface Changed {
  readonly change: Change<Sale>;
  readonly table: readonly Sale[];
}

const amount = fc.constantFrom(-2, -1, 0, 1, 1, 2, 3, 5, 8);
const sale = fc.record({
  id: fc.nat(5),
  shop: fc.constantFrom("a", "b"),
  amount,
  note: fc.constantFrom(null, "x", "y"),
});
const step = fc.tuple(fc.boolean(), sale, fc.constantFrom("put", "put", "delete"));

/** Rows with ids: each is there once, is replaced and deleted; `-U` may go to another key than the `+U` behind it. */
export const changesOfRows = fc
  .array(step, { minLength: 1, maxLength: 24 })
  .map((steps) => changesBy(steps, ({ id }) => `${id}`));

/** Rows without ids: as many alike as come. */
export const changesOfCopies = fc
  .array(step, { minLength: 1, maxLength: 24 })
  .map((steps) => changesBy(steps, undefined));

function changesBy(
  steps: readonly (readonly [boolean, Sale, string])[],
  idOf: ((row: Sale) => string) | undefined,
): readonly Changed[] {
  const table: Sale[] = [];
  const changed: Changed[] = [];
  const note = (change: Change<Sale>): void => {
    if (addsRow(change)) table.push(change.value);
    else
      table.splice(
        table.findIndex((row) => sameRow(row, change.value)),
        1,
      );
    changed.push({ change, table: [...table] });
  };
  for (const [, row, what] of steps) {
    const former = table.find((each) => (idOf === undefined ? sameRow(each, row) : idOf(each) === idOf(row)));
    if (what === "delete" && former !== undefined) note(deleted(former));
    else if (what !== "delete" && (idOf === undefined || former === undefined)) note(inserted(row));
    else if (what !== "delete" && former !== undefined && !sameRow(former, row)) {
      note(updatedFrom(former));
      note(updatedTo(row));
    }
  }
  return changed;
}

export function sameRow(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** The rows that stand behind more changes. @throws where one takes out a row that is not there. */
export function applied<T>(standing: readonly T[], changes: readonly Change<T>[]): readonly T[] {
  const rows = [...standing];
  for (const [at, change] of changes.entries()) {
    if (change.kind === "updateBefore" && changes[at + 1]?.kind !== "updateAfter")
      throw new Error("updateBefore without its updateAfter behind it");
    if (addsRow(change)) {
      rows.push(change.value);
      continue;
    }
    const place = rows.findIndex((row) => sameRow(row, change.value));
    if (place < 0) throw new Error(`${change.kind} of ${JSON.stringify(change.value)}, which is not there`);
    rows.splice(place, 1);
  }
  return rows;
}
