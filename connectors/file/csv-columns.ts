/** The columns of a CSV file: their types, and the function that makes fields a record. */

import { BadLineError } from "./bad-lines.ts";
import { objectLiteral } from "./object-literal.ts";

export type CsvColumnType = "string" | "number" | "boolean" | "date";

/** Column name → type. */
export type CsvColumns = Readonly<Record<string, CsvColumnType>>;

interface CsvValues {
  readonly string: string;
  readonly number: number | null;
  readonly boolean: boolean | null;
  readonly date: Date | null;
}

/** The record that the columns make: an empty field is null, but in a string column "". */
export type CsvRecord<Columns extends CsvColumns> = { readonly [name in keyof Columns]: CsvValues[Columns[name]] };

/** Makes one record of a line's fields. @throws BadLineError */
export type CsvConvert = (fields: readonly string[], offset: number) => unknown;

/**
 * @param header the names of the file's columns in their order.
 * @param columns those to read, with their types; every one of them is in the header.
 */
export function csvConverter(
  header: readonly string[],
  columns: CsvColumns,
  positionField: string | undefined,
): CsvConvert {
  const fields = Object.entries(columns).map(([name, type]): [string, string] => {
    const field = `fields[${header.indexOf(name)}]`;
    return [name, type === "string" ? field : `converters.${type}(${field}, ${JSON.stringify(name)})`];
  });
  if (positionField !== undefined) fields.push([positionField, "offset"]);
  const body = `return (fields, offset) => (${objectLiteral(fields)});`;
  const convert = new Function("converters", body)(converters) as CsvConvert;
  return (given, offset) => {
    if (given.length === header.length) return convert(given, offset);
    throw new BadLineError(`expected ${header.length} fields, got ${given.length}`);
  };
}

const converters = {
  number(field: string, column: string): number | null {
    if (field === "") return null;
    const number = Number(field);
    // Number takes blanks for 0, and reads "0x10" and "Infinity" too.
    if (!Number.isFinite(number) || !/^\s*[-+]?[\d.]+(?:e[-+]?\d+)?\s*$/i.test(field))
      throw wrong(column, "a number", field);
    return number;
  },
  boolean(field: string, column: string): boolean | null {
    switch (field.toLowerCase()) {
      case "":
        return null;
      case "true":
      case "1":
        return true;
      case "false":
      case "0":
        return false;
      default:
        throw wrong(column, "true, false, 1 or 0", field);
    }
  },
  date(field: string, column: string): Date | null {
    if (field === "") return null;
    const match = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[-+]\d\d:?\d\d)?)?$/.exec(field);
    // Without a zone it is UTC: the machine's own zone would make the same file mean different times.
    const [, day, time = "00:00", zone = "Z"] = match ?? [];
    const date = new Date(`${day}T${time}${zone}`);
    if (match === null || Number.isNaN(date.getTime())) throw wrong(column, "an ISO 8601 date", field);
    return date;
  },
};

function wrong(column: string, expected: string, field: string): BadLineError {
  return new BadLineError(`column "${column}" expected ${expected}, got ${JSON.stringify(field.slice(0, 100))}`);
}
