/** The footer of a Parquet file: read, judged, and reduced to what the readers need. */

import type { FileHandle } from "node:fs/promises";
import { type FileMetaData, parquetMetadata, parquetSchema, type RowGroup, type SchemaTree } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { MillraceError } from "../../core/errors.ts";
import { readInto } from "./input-files.ts";

const MAGIC = "PAR1";
const ENCRYPTED_MAGIC = "PARE";

export interface ParquetFooter {
  readonly metadata: FileMetaData;
  /** The columns to read, in the order of the record's fields. */
  readonly columns: readonly SchemaTree[];
  readonly groups: readonly ParquetGroup[];
}

export interface ParquetGroup {
  readonly rowGroup: RowGroup;
  /** The number of its first row in the file. */
  readonly start: number;
  readonly rows: number;
}

/**
 * @param wanted the columns to read; undefined: all.
 * @throws MillraceError INPUT_FORMAT when this is no whole Parquet file that can be read here, or lacks a wanted column.
 */
export async function readFooter(
  handle: FileHandle,
  path: string,
  size: number,
  wanted: readonly string[] | undefined,
): Promise<ParquetFooter> {
  const metadata = await readMetadata(handle, path, size);
  try {
    const columns = chosen(parquetSchema(metadata).children, wanted, path);
    let start = 0;
    const groups = metadata.row_groups.map((rowGroup) => {
      const group = { rowGroup, start, rows: Number(rowGroup.num_rows) };
      checkGroup(group, columns, path, size);
      start += group.rows;
      return group;
    });
    return { metadata, columns, groups };
  } catch (cause) {
    throw cause instanceof MillraceError ? cause : damaged(path, "its footer cannot be understood", cause);
  }
}

/**
 *   "PAR1"   column chunks …   metadata (Thrift)   its length, 4 bytes little-endian   "PAR1"
 */
async function readMetadata(handle: FileHandle, path: string, size: number): Promise<FileMetaData> {
  const [head, tail] = [Buffer.alloc(4), Buffer.alloc(8)];
  if (size > 0) await readInto(handle, head, 0, path);
  if (size >= 8) await readInto(handle, tail, size - 8, path);
  const magic = head.toString("latin1");
  if (size === 0) throw damaged(path, "it is empty (0 bytes)");
  if (magic === ENCRYPTED_MAGIC) throw damaged(path, "it is encrypted, which is not supported; decrypt it first");
  if (magic !== MAGIC)
    throw damaged(path, `it is no Parquet file: it begins with ${JSON.stringify(magic)}, not with "PAR1"`);
  if (size < 12 || tail.toString("latin1", 4) !== MAGIC) throw damaged(path, "it is cut short: its footer is missing");
  const length = tail.readUInt32LE(0);
  if (length > size - 12) throw damaged(path, `its footer claims ${length} bytes, more than the file has`);
  const footer = new Uint8Array(length + 8);
  await readInto(handle, footer, size - footer.length, path);
  try {
    return parquetMetadata(footer.buffer, { geoparquet: false });
  } catch (cause) {
    throw damaged(path, "its footer cannot be understood", cause);
  }
}

function chosen(
  present: readonly SchemaTree[],
  wanted: readonly string[] | undefined,
  path: string,
): readonly SchemaTree[] {
  if (wanted === undefined) return present;
  return wanted.map((name) => {
    const column = present.find(({ element }) => element.name === name);
    if (column !== undefined) return column;
    const names = present.map(({ element }) => `"${element.name}"`).join(", ");
    throw new MillraceError(
      "INPUT_FORMAT",
      `${path} has no column "${name}"; it has ${names}. Correct the option columns`,
    );
  });
}

function checkGroup(
  { rowGroup, rows }: ParquetGroup,
  columns: readonly SchemaTree[],
  path: string,
  size: number,
): void {
  if (!Number.isSafeInteger(rows) || rows < 0) throw damaged(path, `a row group claims ${rows} rows`);
  const names = new Set(columns.map(({ element }) => element.name));
  for (const { meta_data: chunk, file_path: elsewhere } of rowGroup.columns) {
    const name = chunk?.path_in_schema[0] ?? "";
    if (chunk === undefined || !names.has(name)) continue;
    if (elsewhere !== undefined) throw damaged(path, `column "${name}" lies in another file, which is not supported`);
    if (chunk.codec !== "UNCOMPRESSED" && compressors[chunk.codec] === undefined) {
      const known = ["UNCOMPRESSED", ...Object.keys(compressors)].join(", ");
      throw new MillraceError(
        "INPUT_FORMAT",
        `${path}: column "${name}" is compressed with ${chunk.codec ?? "an unknown codec"}; ` +
          `supported are ${known}. Write the file anew with one of these`,
      );
    }
    const { start, end } = chunkRange(chunk);
    if (!(start >= 0 && start <= end && end <= size)) throw damaged(path, `column "${name}" lies outside of the file`);
  }
}

/** Where a column chunk lies in its file. */
export function chunkRange(chunk: NonNullable<RowGroup["columns"][number]["meta_data"]>): {
  readonly start: number;
  readonly end: number;
} {
  // Some writers set a dictionary offset of 0 when there is no dictionary.
  const start = Number(chunk.dictionary_page_offset || chunk.data_page_offset);
  return { start, end: start + Number(chunk.total_compressed_size) };
}

export function damaged(path: string, what: string, cause?: unknown): MillraceError {
  const reason = cause instanceof Error ? ` (${cause.message})` : "";
  return new MillraceError(
    "INPUT_FORMAT",
    `cannot read ${path} as Parquet: ${what}${reason}. Check it with another tool, or copy or write it again`,
    cause === undefined ? {} : { cause },
  );
}
