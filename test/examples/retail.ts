/** The examples' data, read without Millrace, and the examples' output, as their users see it. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { expect } from "vitest";

const root = resolve(import.meta.dirname, "../..");

export interface Sale {
  readonly user_id: number | null;
  readonly description: string | null;
  readonly quantity: number;
  readonly timestamp: Date;
}

export async function readSales(): Promise<readonly Sale[]> {
  const bytes = readFileSync(`${root}/examples/data/online-retail.parquet`);
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  const rows = await parquetReadObjects({ file, compressors });
  expect(rows).toHaveLength(320_705);
  return rows as unknown as Sale[];
}

/** What `node examples/x.ts` prints, one value a line, without the subtask's number in front. */
export function printed(example: string): unknown[] {
  const run = spawnSync(process.execPath, [`examples/${example}`], { cwd: root, encoding: "utf8", timeout: 110_000 });
  expect(run).toMatchObject({ status: 0, stderr: "" });
  return run.stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line.replace(/^\d+> /, "")));
}
