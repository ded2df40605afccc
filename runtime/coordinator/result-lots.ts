/**
 * From which attempt and slot the rows in a result file came, beside the file, for jobs that take checkpoints:
 *
 *   <sink>.jsonl        the rows
 *   <sink>.lots         one JSON line a lot: [attempt, slot, rows, bytes], written after its rows
 *
 * Dropping lots writes both files anew: `.lots.next` first, then the rows, then `.lots.next` takes its place. A crash in
 * between is seen at the next time by which of the two the rows agree with.
 */

import { appendFile, open, readFile, rename, rm, stat } from "node:fs/promises";
import { type HeldRows, keptLots, type RowsLot } from "../checkpoints/collected-rows.ts";

interface StoredLot extends RowsLot {
  readonly bytes: number;
}

type LotLine = readonly [attempt: number, slot: number, rows: number, bytes: number];

export async function appendLot(rowsFile: string, { attempt, slot, rows, bytes }: StoredLot): Promise<void> {
  const line: LotLine = [attempt, slot, rows, bytes];
  await appendFile(lotsFile(rowsFile), `${JSON.stringify(line)}\n`);
}

export async function removeLots(rowsFile: string): Promise<void> {
  await Promise.all([rm(lotsFile(rowsFile), { force: true }), rm(nextFile(rowsFile), { force: true })]);
}

/** Drops the rows that a checkpoint does not hold, and those of which nobody knows whence they came. */
export async function keepLots(rowsFile: string, held: HeldRows | undefined): Promise<void> {
  if ((await sizeOf(rowsFile)) === 0) return;
  await finishEarlier(rowsFile);
  const lots = (await readLots(lotsFile(rowsFile))) ?? [];
  const kept = new Set<StoredLot>(keptLots(lots, held));
  await writeLots(nextFile(rowsFile), [...kept]);
  await copyKept(rowsFile, lots, kept);
  await rename(nextFile(rowsFile), lotsFile(rowsFile));
}

/** A crash may have left new lots beside rows that are old or new. */
async function finishEarlier(rowsFile: string): Promise<void> {
  const next = await readLots(nextFile(rowsFile));
  if (next === undefined) return;
  const bytes = next.reduce((sum, lot) => sum + lot.bytes, 0);
  if ((await sizeOf(rowsFile)) === bytes) await rename(nextFile(rowsFile), lotsFile(rowsFile));
  else await rm(nextFile(rowsFile));
}

async function copyKept(rowsFile: string, lots: readonly StoredLot[], kept: ReadonlySet<StoredLot>): Promise<void> {
  const copy = `${rowsFile}.next`;
  await using target = await open(copy, "w");
  if ((await sizeOf(rowsFile)) > 0) {
    await using source = await open(rowsFile);
    let from = 0;
    for (const lot of lots) {
      if (kept.has(lot)) {
        const bytes = new Uint8Array(lot.bytes);
        await source.read(bytes, 0, lot.bytes, from);
        await target.writeFile(bytes);
      }
      from += lot.bytes;
    }
  }
  await target.sync();
  await rename(copy, rowsFile);
}

async function writeLots(path: string, lots: readonly StoredLot[]): Promise<void> {
  await using file = await open(path, "w");
  const lines = lots.map(({ attempt, slot, rows, bytes }) => `${JSON.stringify([attempt, slot, rows, bytes])}\n`);
  await file.writeFile(lines.join(""));
  await file.sync();
}

/** A line that a crash has cut does not count. */
async function readLots(path: string): Promise<readonly StoredLot[] | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw cause;
  }
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => {
      const [attempt, slot, rows, bytes] = JSON.parse(line) as LotLine; // written above
      return { attempt, slot, rows, bytes };
    });
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw cause;
  }
}

function lotsFile(rowsFile: string): string {
  return rowsFile.replace(/\.jsonl$/, ".lots");
}

function nextFile(rowsFile: string): string {
  return `${lotsFile(rowsFile)}.next`;
}
