/** Rows as a table of plain text that fits a terminal: names are cut where there is no room, numbers never. */

export interface Column<Row> {
  readonly title: string;
  readonly of: (row: Row) => string;
  readonly align?: "right";
  /** May be cut to so many characters when the table is too wide. */
  readonly least?: number;
}

export const COLUMNS_DEFAULT = 80;
const gap = "  ";

/** With a line of titles, and an end of line after each row. */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], width = COLUMNS_DEFAULT): string {
  const cells = [columns.map(({ title }) => title), ...rows.map((row) => columns.map(({ of }) => printable(of(row))))];
  const widths = fitted(columns, naturalWidths(columns, cells), width);
  return cells
    .map(
      (line) =>
        `${line
          .map((text, at) => cell(text, columns[at], widths[at]))
          .join(gap)
          .trimEnd()}\n`,
    )
    .join("");
}

function naturalWidths(columns: readonly unknown[], cells: readonly (readonly string[])[]): number[] {
  return columns.map((_, at) => Math.max(...cells.map((line) => line[at]?.length ?? 0)));
}

/** Takes what is too much from the widest of the columns that may be cut, a character at a time. */
function fitted<Row>(columns: readonly Column<Row>[], natural: readonly number[], width: number): number[] {
  const widths = [...natural];
  const total = (): number => widths.reduce((sum, each) => sum + each, 0) + gap.length * (widths.length - 1);
  while (total() > width) {
    const spare = widths.map((each, at) => each - (columns[at]?.least ?? each));
    const most = Math.max(...spare);
    if (most <= 0) break;
    const at = spare.indexOf(most);
    widths[at] = (widths[at] ?? 0) - 1;
  }
  return widths;
}

function cell(text: string, column: { readonly align?: "right" } | undefined, width = 0): string {
  const cut = text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
  return column?.align === "right" ? cut.padStart(width) : cut.padEnd(width);
}

/** Names come from programs: what would steer the terminal is shown instead of sent. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, "\ufffd");
}
