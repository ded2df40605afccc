/** Packed values: which values are packed, and that their memory comes back. */

import { describe, expect, test } from "vitest";
import { PackedValues } from "../../../runtime/state/packed-values.ts";

describe("packed values", () => {
  test("are numbers, records and texts as they were given, and go when they are replaced", () => {
    const values = new PackedValues();
    const given = Array.from({ length: 3000 }, (_, i) => [{ i }, i, `text ${i}`, null, true, [i]][i % 6]);
    const cells = given.map((value) => values.cellOf(value));
    expect(cells.map((cell) => values.valueOf(cell))).toStrictEqual(given);
    for (const cell of cells) values.release(cell);
    expect(values.rows.size).toBe(0);
  });

  test("are kept as they come while most are replaced, but for numbers, and packed again behind that", () => {
    const values = new PackedValues();
    for (let i = 0; i < 10_000; i++) values.release(values.cellOf({ i }));
    const record = { record: true };
    expect(values.cellOf(record)).toBe(record);
    expect(values.valueOf(values.cellOf(7))).toBe(7);
    for (let i = 0; i < 10_000; i++) values.cellOf({ i });
    expect(values.cellOf({})).toBeTypeOf("number");
  });
});
