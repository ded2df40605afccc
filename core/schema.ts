/** The columns that a batch function demands, as data; `runtime/exchange` maps them to Arrow. */

export type ScalarColumn = "int32" | "int64" | "float32" | "float64" | "bool" | "utf8" | "binary" | "timestamp";

/** A scalar column, a list of scalars, or either of them with nulls. */
export type ColumnType = ScalarColumn | `list<${ScalarColumn}>`;

export interface ColumnField {
  readonly type: ColumnType;
  readonly nullable: boolean;
}

/** Column name → type; a name ending is never special. `"utf8?"` allows nulls. */
export type Schema = Readonly<Record<string, ColumnType | `${ColumnType}?`>>;

export function columnField(type: ColumnType | `${ColumnType}?`): ColumnField {
  return type.endsWith("?")
    ? { type: type.slice(0, -1) as ColumnType, nullable: true }
    : { type: type as ColumnType, nullable: false };
}

/**
 * What core knows of an Apache Arrow RecordBatch. Functions may declare their parameter as apache-arrow's `RecordBatch`,
 * which has all of this and more.
 */
export interface ArrowBatch {
  readonly numRows: number;
  readonly numCols: number;
  getChild(name: string): ArrowColumn | null;
}

export interface ArrowColumn {
  readonly length: number;
  readonly nullCount: number;
  get(row: number): unknown;
  /** The column's values; for numeric columns a typed array over the batch's own memory. */
  toArray(): ArrayLike<unknown>;
}
