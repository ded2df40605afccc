/** The examples' data, read without Millrace, and the examples' output, as their users see it. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { text } from "node:stream/consumers";
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

/** A row with all its columns. */
export interface RetailSale extends Sale {
  readonly item_id: number;
  readonly unit_price: number;
  readonly country: string | null;
}

export function readSales(): Promise<readonly Sale[]> {
  return readRetail();
}

export async function readRetail(): Promise<readonly RetailSale[]> {
  const bytes = readFileSync(`${root}/examples/data/online-retail.parquet`);
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  const rows = await parquetReadObjects({ file, compressors });
  expect(rows).toHaveLength(320_705);
  return rows as unknown as RetailSale[];
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

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Whether a process that it started lives on. */
  readonly leftBehind: boolean;
}

const runMsMax = 100_000;

/** Runs `node examples/x.ts …options` in a process group of its own; what does not end in time is killed: no code. */
export async function startExample(example: string, ...options: readonly string[]): Promise<Exit> {
  const child = spawn(process.execPath, [`examples/${example}`, ...options], {
    cwd: root,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const group = -(child.pid as number);
  const killed = setTimeout(() => process.kill(group, "SIGKILL"), runMsMax);
  const exited = once(child, "exit") as Promise<[number | null]>;
  const [[code], stdout, stderr] = await Promise.all([exited, text(child.stdout), text(child.stderr)]);
  clearTimeout(killed);
  return { code, stdout, stderr, leftBehind: isAlive(group) };
}

function isAlive(group: number): boolean {
  try {
    return process.kill(group, 0);
  } catch {
    return false;
  }
}
