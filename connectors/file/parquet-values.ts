/** What a record holds of Parquet's types. */

import type { DecodedArray, ParquetParsers, SchemaElement, SchemaTree } from "hyparquet";
import { convert, DEFAULT_PARSERS, parseDecimal } from "hyparquet/src/convert.js";

export type Timestamps = "ms" | "date";

/** Physical values to logical ones. */
export type Convert = (values: DecodedArray) => ArrayLike<unknown>;

/** The parsers that hyparquet calls for timestamps and dates, which are epoch milliseconds or Dates. */
export function parsersOf(timestamps: Timestamps): ParquetParsers {
  const at = (ms: number): Date => (timestamps === "ms" ? (ms as unknown as Date) : new Date(ms));
  return {
    ...DEFAULT_PARSERS,
    timestampFromMilliseconds: (ms) => at(Number(ms)),
    timestampFromMicroseconds: (us) => at(floored(us, 1000n)),
    timestampFromNanoseconds: (ns) => at(floored(ns, 1_000_000n)),
    dateFromDays: (days) => at(days * 86_400_000),
  };
}

/** Rounds down, as before 1970 a division of bigints would round up. */
function floored(value: bigint, unit: bigint): number {
  return Number((value - (((value % unit) + unit) % unit)) / unit);
}

/** The conversion of a flat column's values. */
export function converterOf(column: SchemaTree, schemaPath: readonly SchemaTree[], parsers: ParquetParsers): Convert {
  const element = readable(column.element);
  if (element.converted_type === "DECIMAL") return (values) => decimals(values, element.scale ?? 0);
  const decoder = {
    pathInSchema: column.path,
    type: element.type ?? "BYTE_ARRAY",
    element,
    schemaPath: [...schemaPath],
    codec: "UNCOMPRESSED" as const,
    parsers,
    utf8: false,
  };
  return (values) => convert(values, decoder) as ArrayLike<unknown>;
}

/** Enums are strings, which hyparquet does not know. */
function readable(element: SchemaElement): SchemaElement {
  const isEnum = element.converted_type === "ENUM" || element.logical_type?.type === "ENUM";
  if (isEnum) return { ...element, converted_type: "UTF8" };
  return element.logical_type?.type === "DECIMAL" && element.converted_type === undefined
    ? { ...element, converted_type: "DECIMAL", scale: element.logical_type.scale }
    : element;
}

/** Divided and not multiplied by 0.01, so that the number is the nearest one to the decimal. */
function decimals(values: DecodedArray, scale: number): number[] {
  const unit = 10 ** scale;
  return Array.from(values as ArrayLike<unknown>, (value) => {
    return (value instanceof Uint8Array ? parseDecimal(value) : Number(value)) / unit;
  });
}

/** Missing values inside of nested ones as null, as everywhere else. The values were decoded just now. */
export function withNulls(value: unknown): unknown {
  if (value === undefined || value === null) return null;
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) value[at] = withNulls(value[at]);
  } else if (Object.getPrototypeOf(value) === Object.prototype) {
    const fields = value as Record<string, unknown>;
    for (const name of Object.keys(fields)) fields[name] = withNulls(fields[name]);
  }
  return value;
}
