/** Packed values: which values are packed, and that their memory comes back. */

import { describe, expect, test } from "vitest";
import { PackedValues } from "../../../runtime/state/packed-values.ts";

describe("packed values", () => {
  test("are numbers, records and texts as they were given, and go when they are replaced", () => {
    const values = new PackedValues();
    const given = Array.from({ length: 8000 }, (_, i) => [{ i }, i, `text ${i}`, null, true, [i]][i % 6]);
    const cells = given.map((value) => values.cellOf(value));
    expect(cells.map((cell) => values.valueOf(cell))).toStrictEqual(given);
    for (const cell of cells) values.release(cell);
    expect(values.rows.size).toBe(0);
  });

  /** Values come and are replaced when so many others have come behind them. */
  function replaceBehind(values: PackedValues, count: number, behind: number): void {
    const cells: unknown[] = [];
    for (let i = 0; i < count; i++) {
      cells.push(values.cellOf({ i }));
      if (cells.length > behind) values.release(cells.shift());
    }
    for (const cell of cells) values.release(cell);
  }

  test("are kept as they come while most are replaced after they were packed, but for numbers, and packed again behind that", () => {
    const values = new PackedValues();
    replaceBehind(values, 30_000, 5000);
    const record = { record: true };
    expect(values.cellOf(record)).toBe(record);
    expect(values.valueOf(values.cellOf(7))).toBe(7);
    for (let i = 0; i < 20_000; i++) values.cellOf({ i });
    expect(values.cellOf({})).toBeTypeOf("number");
  });

  test("are packed where they are replaced at once, as hardly one ever comes to be", () => {
    const values = new PackedValues();
    const stays = values.cellOf({ stays: true });
    replaceBehind(values, 30_000, 10);
    expect(values.cellOf({})).toBeTypeOf("number");
    expect(values.rows.packed).toBeLessThan(300);
    expect(values.valueOf(stays)).toStrictEqual({ stays: true });
  });

  test("are kept as they come while they are read again and again, those that were packed too; and that is tried anew", () => {
    const values = new PackedValues();
    const cells = Array.from({ length: 8000 }, (_, i) => values.cellOf([{ i }]));
    expect(values.becomesPlain(cells[0], values.read(cells[0]))).toBe(false);
    for (let i = 0; i < 20_000; i++) values.read(cells[i % 1000]);
    const { size } = values.rows;
    expect(values.becomesPlain(cells[0], values.read(cells[0]))).toBe(true);
    expect(values.rows.size).toBe(size - 1);
    replaceBehind(values, 8192 * 40, 10);
    expect(values.becomesPlain(cells[1], values.read(cells[1]))).toBe(false);
  });
});
