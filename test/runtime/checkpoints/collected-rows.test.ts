import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import type { OperatorId } from "../../../core/ids.ts";
import {
  type HeldRows,
  heldRows,
  keptLots,
  publishes,
  type RowsLot,
} from "../../../runtime/checkpoints/collected-rows.ts";
import { LineageFile } from "../../../runtime/checkpoints/lineage-file.ts";
import type { JobId } from "../../../runtime/cluster-ids.ts";
import { JobResultFiles } from "../../../runtime/coordinator/job-result-files.ts";
import { KeptRows } from "../../../runtime/coordinator/kept-rows.ts";
import type { CheckpointManifest } from "../../../runtime/state/checkpoint-manifest.ts";
import { openDirectoryStore } from "../../../runtime/state/directory-store.ts";
import { plainBytes } from "../../../runtime/state/plain-bytes.ts";

const folder = await mkdtemp(join(tmpdir(), "rows-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

const sink = "rows" as OperatorId;

/** A manifest whose only content is what a sink's subtasks have prepared. */
function manifest(...bySubtask: readonly (readonly { checkpoint: number; prepared: unknown }[])[]): CheckpointManifest {
  const marker = plainBytes(bySubtask.map((parts) => Uint8Array.from(plainBytes(parts)))).toString("base64");
  return {
    ...{ checkpoint: 9, lineage: "job@1", savepoint: false, createdAtMs: 0, keyGroups: 8, chain: [] },
    ...{ operators: [], positions: {}, markers: { [sink]: marker } },
  };
}

const mark = (subtask: number, rows: number, attempt = 2) => ({ kind: "millrace.collected", subtask, attempt, rows });

describe("what a checkpoint holds of collected rows", () => {
  test("is what each subtask said at its last barrier", () => {
    const held = heldRows(
      manifest(
        [
          { checkpoint: 8, prepared: mark(0, 3) },
          { checkpoint: 9, prepared: mark(0, 5) },
        ],
        [{ checkpoint: 9, prepared: mark(1, 7) }],
      ),
      sink,
      (subtask) => subtask + 10,
    );
    expect(held).toEqual({
      attempt: 2,
      bySlot: new Map([
        [10, 5],
        [11, 7],
      ]),
    });
  });

  test("is all of them where nobody had more to say", () => {
    expect(heldRows(manifest(), sink, (subtask) => subtask)).toBeUndefined();
  });

  test("is no output that others see; what another sink prepared is", () => {
    expect(publishes(manifest([{ checkpoint: 9, prepared: mark(0, 5) }]))).toBe(false);
    expect(publishes(manifest([{ checkpoint: 9, prepared: { file: "x" } }]))).toBe(true);
  });
});

const lots: readonly RowsLot[] = [
  { attempt: 1, slot: 0, rows: 2 },
  { attempt: 2, slot: 0, rows: 2 },
  { attempt: 2, slot: 1, rows: 3 },
  { attempt: 2, slot: 0, rows: 1 },
  { attempt: 3, slot: 0, rows: 4 },
];

test("earlier attempts stay, later ones go, and of its own stays what was before the barrier", () => {
  const held: HeldRows = { attempt: 2, bySlot: new Map([[0, 2]]) };
  expect(keptLots(lots, held)).toEqual(lots.slice(0, 3));
  expect(keptLots(lots, undefined)).toEqual(lots);
});

test("rows in files and in memory are taken back alike", async () => {
  let run = 0;
  const lot = fc.record({
    attempt: fc.integer({ min: 1, max: 3 }),
    slot: fc.integer({ min: 0, max: 1 }),
    rows: fc.integer({ min: 1, max: 4 }),
  });
  const barrier = fc.record({ attempt: fc.integer({ min: 1, max: 3 }), at: fc.nat() });
  await fc.assert(
    fc.asyncProperty(fc.array(lot, { maxLength: 12 }), barrier, async (unordered, { attempt, at }) => {
      const given = unordered.toSorted((a, b) => a.attempt - b.attempt);
      const job = `job${++run}` as JobId;
      const files = new JobResultFiles({ folder });
      const memory = new KeptRows();
      let row = 0;
      for (const { rows: count, ...origin } of given) {
        const rows = Array.from({ length: count }, () => ++row);
        await files.append(job, sink, rows, origin);
        memory.add(sink, rows, origin);
      }
      const before = given.filter((each) => each.attempt === attempt).slice(0, at % 5);
      const bySlot = new Map(
        [0, 1].map((slot) => [
          slot,
          before.filter((each) => each.slot === slot).reduce((sum, { rows }) => sum + rows, 0),
        ]),
      );
      const left = await files.keep(job, sink, { attempt, bySlot });
      memory.keep(sink, { attempt, bySlot });
      const expected = await files.read(job, sink, 0, 1000);
      expect(left).toBe(expected.length);
      expect(memory.of(sink)).toEqual(expected);
      // What is kept can be taken back once more.
      await files.keep(job, sink, { attempt: 0, bySlot: new Map() });
      memory.keep(sink, { attempt: 0, bySlot: new Map() });
      expect(await files.read(job, sink, 0, 1000)).toEqual([]);
      expect(memory.of(sink)).toEqual([]);
    }),
    { numRuns: 60 },
  );
});

test("a crash between the two files of a result is finished at the next time", async () => {
  const job = "crashed" as JobId;
  const files = new JobResultFiles({ folder });
  await files.append(job, sink, [1, 2], { attempt: 1, slot: 0 });
  await files.append(job, sink, [3], { attempt: 1, slot: 0 });
  // The rows were written anew, and their lots were not in their place yet.
  await writeFile(join(folder, job, "rows.jsonl"), "1\n2\n");
  await writeFile(join(folder, job, "rows.lots.next"), "[1,0,2,4]\n");
  const after = new JobResultFiles({ folder });
  expect(await after.keep(job, sink, { attempt: 1, bySlot: new Map([[0, 2]]) })).toBe(2);
  expect(await readFile(join(folder, job, "rows.lots"), "utf8")).toBe("[1,0,2,4]\n");
});

describe("the lineage file of a folder", () => {
  const open = async (name: string, job = "job@home") =>
    LineageFile.open(await openDirectoryStore(join(folder, name)), name, job, () => "id");

  test("keeps what is known for the next process", async () => {
    const first = await open("known");
    expect(first.lineage).toBe("job@home@id");
    await first.save({ completed: 4, committed: 3 });
    expect((await open("known")).known).toEqual({ completed: 4, committed: 3 });
  });

  test("refuses another job, another format and damage by name", async () => {
    await open("taken");
    await expect(open("taken", "other")).rejects.toMatchObject({ code: "CHECKPOINT_FOREIGN" });
    await writeFile(join(folder, "taken", "lineage.json"), JSON.stringify({ format: 2 }));
    await expect(open("taken")).rejects.toThrow("it has format 2");
    await writeFile(join(folder, "taken", "lineage.json"), "{");
    await expect(open("taken")).rejects.toMatchObject({ code: "STATE_CORRUPT" });
    await mkdir(join(folder, "in-the-way", "lineage.json"), { recursive: true });
    await expect(open("in-the-way")).rejects.toMatchObject({ code: "CHECKPOINT_STORE" });
  });
});
