import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bytes, duration } from "../../../runtime/cli/quantity.ts";
import { type Column, table } from "../../../runtime/cli/table.ts";

interface Row {
  readonly name: string;
  readonly count: number;
}

const columns: readonly Column<Row>[] = [
  { title: "NAME", of: ({ name }) => name, least: 6 },
  { title: "N", of: ({ count }) => String(count), align: "right" },
];

describe("a table", () => {
  test("aligns its columns: texts to the left, numbers to the right", () => {
    const rows = [
      { name: "tea", count: 5 },
      { name: "coffee", count: 120 },
    ];
    expect(table(columns, rows)).toBe("NAME      N\ntea       5\ncoffee  120\n");
  });

  test("without rows has its titles", () => {
    expect(table(columns, [])).toBe("NAME  N\n");
  });

  test("fits its width by cutting names, never numbers, whatever the rows", () => {
    const row = fc.record({ name: fc.string({ maxLength: 200 }), count: fc.nat() });
    fc.assert(
      fc.property(fc.array(row), fc.integer({ min: 20, max: 120 }), (rows, width) => {
        const lines = table(columns, rows, width).trimEnd().split("\n");
        expect(lines).toHaveLength(rows.length + 1);
        for (const [at, line] of lines.entries()) {
          expect(line.length).toBeLessThanOrEqual(width);
          if (at > 0) expect(line.endsWith(` ${rows[at - 1]?.count}`)).toBe(true);
          // biome-ignore lint/suspicious/noControlCharactersInRegex: none of them may be left
          expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
        }
      }),
    );
  });
});

test.each([
  [-5, "0 ms"],
  [350, "350 ms"],
  [59_999, "59 s"],
  [60_000, "1 min"],
  [200_000, "3 min 20 s"],
  [7_500_000, "2 h 5 min"],
  [86_400_000 * 4 + 3_600_000 * 3, "4 d 3 h"],
])("%d ms are %s", (ms, text) => {
  expect(duration(ms)).toBe(text);
});

test.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1.0 KB"],
  [1.5 * 1024 ** 2, "1.5 MB"],
  [256 * 1024 ** 2, "256 MB"],
  [3 * 1024 ** 5, "3072 TB"],
])("%d bytes are %s", (count, text) => {
  expect(bytes(count)).toBe(text);
});
