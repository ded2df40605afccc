/**
 * From which attempt and slot the rows in a result file came, beside the file, for jobs that take checkpoints:
 *
 *   <sink>.jsonl        the rows
 *   <sink>.lots         one JSON line a lot: [attempt, slot, rows, bytes], written after its rows
 *
 * Dropping lots writes both files anew: `.lots.next` first, then the rows, then `.lots.next` takes its place. A crash in
 * between is seen at the next time by which of the two the rows agree with.
 */

import { type HeldRows, keptLots, type RowsLot } from "../checkpoints/collected-rows.ts";
import { type Files, unlessAbsent } from "../state/files.ts";

interface StoredLot extends RowsLot {
  readonly bytes: number;
}

type LotLine = readonly [attempt: number, slot: number, rows: number, bytes: number];

export async function appendLot(
  files: Files,
  rowsFile: string,
  { attempt, slot, rows, bytes }: StoredLot,
): Promise<void> {
  const line: LotLine = [attempt, slot, rows, bytes];
  await using file = await files.open(lotsFile(rowsFile), "a");
  await file.writeFile(`${JSON.stringify(line)}\n`);
}

/** The rows survive a loss of power, and whence they came. */
export async function syncLots(files: Files, rowsFile: string): Promise<void> {
  for (const path of [rowsFile, lotsFile(rowsFile)]) {
    await using file = await unlessAbsent(files.open(path));
    await file?.sync();
  }
}

export async function removeLots(files: Files, rowsFile: string): Promise<void> {
  await Promise.all([lotsFile(rowsFile), nextFile(rowsFile)].map((path) => files.rm(path, { force: true })));
}

/** Drops the rows that a checkpoint does not hold, and those of which nobody knows whence they came. */
export async function keepLots(files: Files, rowsFile: string, held: HeldRows | undefined): Promise<void> {
  if ((await sizeOf(files, rowsFile)) === 0) {
    // A loss of power may have left lots, the last one cut, whose rows it took: they say nothing of what comes now.
    await removeLots(files, rowsFile);
    return;
  }
  await finishEarlier(files, rowsFile);
  const lots = (await readLots(files, lotsFile(rowsFile))) ?? [];
  const kept = new Set<StoredLot>(keptLots(lots, held));
  await writeLots(files, nextFile(rowsFile), [...kept]);
  await copyKept(files, rowsFile, lots, kept);
  await files.rename(nextFile(rowsFile), lotsFile(rowsFile));
}

/** A crash may have left new lots beside rows that are old or new. */
async function finishEarlier(files: Files, rowsFile: string): Promise<void> {
  const next = await readLots(files, nextFile(rowsFile));
  if (next === undefined) return;
  const bytes = next.reduce((sum, lot) => sum + lot.bytes, 0);
  if ((await sizeOf(files, rowsFile)) !== bytes) {
    await files.rm(nextFile(rowsFile), { force: true });
    return;
  }
  // Whoever wrote them may have died before they were safe, and what they take the place of is.
  await using file = await files.open(nextFile(rowsFile));
  await file.sync();
  await files.rename(nextFile(rowsFile), lotsFile(rowsFile));
}

async function copyKept(
  files: Files,
  rowsFile: string,
  lots: readonly StoredLot[],
  kept: ReadonlySet<StoredLot>,
): Promise<void> {
  const copy = `${rowsFile}.next`;
  await using target = await files.open(copy, "w");
  if ((await sizeOf(files, rowsFile)) > 0) {
    await using source = await files.open(rowsFile);
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
  await files.rename(copy, rowsFile);
}

async function writeLots(files: Files, path: string, lots: readonly StoredLot[]): Promise<void> {
  await using file = await files.open(path, "w");
  const lines = lots.map(({ attempt, slot, rows, bytes }) => `${JSON.stringify([attempt, slot, rows, bytes])}\n`);
  await file.writeFile(lines.join(""));
  await file.sync();
}

/** A line that a crash has cut does not count. */
async function readLots(files: Files, path: string): Promise<readonly StoredLot[] | undefined> {
  const bytes = await unlessAbsent(files.readFile(path));
  if (bytes === undefined) return undefined;
  const text = Buffer.from(bytes).toString("utf8");
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => {
      const [attempt, slot, rows, bytes] = JSON.parse(line) as LotLine; // written above
      return { attempt, slot, rows, bytes };
    });
}

async function sizeOf(files: Files, path: string): Promise<number> {
  await using file = await unlessAbsent(files.open(path));
  return file === undefined ? 0 : (await file.stat()).size;
}

function lotsFile(rowsFile: string): string {
  return rowsFile.replace(/\.jsonl$/, ".lots");
}

function nextFile(rowsFile: string): string {
  return `${lotsFile(rowsFile)}.next`;
}
