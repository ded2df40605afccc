import { expect, test } from "vitest";
import type { OperatorId, VertexId } from "../../../core/ids.ts";
import {
  joinManifests,
  manifestOf,
  positionIn,
  preparedIn,
  restsOf,
  type WrittenBlocks,
} from "../../../runtime/checkpoints/manifest-parts.ts";
import type { SubtaskSnapshot } from "../../../runtime/protocol.ts";
import { decodeManifest, encodeManifest } from "../../../runtime/state/checkpoint-manifest.ts";
import { checkpointName } from "../../../runtime/state/checkpoint-store.ts";
import { plannedJob } from "../coordinator/fixtures/planned-jobs.ts";
import { items, nothing } from "../graph/programs.ts";

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const source = "items" as VertexId;
const counted = "counted" as OperatorId;
const sink = "nothing" as OperatorId;
const jobGraph = plannedJob(
  (env) =>
    env
      .from(items("items"))
      .keyBy((item) => item.id)
      .process(counted, { process: () => {} })
      .to(nothing, { name: sink }),
  2,
).jobGraph;
const vertices = jobGraph.vertices.map(({ id }) => id);

const block = (worker: string, number: number): WrittenBlocks["blocks"][number] => ({
  ...{ worker, number, name: "count", section: "table", schema: 1, rows: 1, bytes: 10, crc: 5, first: 0, last: 3 },
});
const state = { name: "count", section: "table", schema: 1, schemaText: "text" } as const;
const written = (worker: string): WrittenBlocks => ({ operator: counted, states: [state], blocks: [block(worker, 0)] });

function snapshot(vertex: VertexId, subtask: number, more: Partial<SubtaskSnapshot> = {}): SubtaskSnapshot {
  return { vertex, subtask, finished: false, operators: [], commits: [], ...more };
}

function parts(change: Partial<Parameters<typeof manifestOf>[0]> = {}): Parameters<typeof manifestOf>[0] {
  return {
    ...{ checkpoint: 7, lineage: "job@1", savepoint: false, createdAtMs: 5, chain: [], jobGraph },
    written: [written("b"), written("a")],
    subtasks: [
      snapshot(vertices[1] as VertexId, 1, {
        operators: [{ operator: counted, rest: bytes(11) }],
        commits: [{ operator: sink, prepared: bytes(21) }],
      }),
      snapshot(vertices[1] as VertexId, 0, {
        operators: [{ operator: counted, rest: bytes(10) }],
        commits: [{ operator: sink, prepared: bytes(20) }],
      }),
      snapshot(source, 1, { source: { lastSerial: 3, current: bytes(31) } }),
      snapshot(source, 0, { source: { lastSerial: Number.POSITIVE_INFINITY } }),
    ],
    cuts: new Map([[source, bytes(1, 2, 3)]]),
    ...change,
  };
}

test("what slots say of a checkpoint comes back from its bytes, in the order of subtasks", () => {
  const name = checkpointName(7);
  const manifest = decodeManifest(encodeManifest(manifestOf(parts())), name);
  expect(manifest).toMatchObject({ checkpoint: 7, lineage: "job@1", savepoint: false, keyGroups: jobGraph.keyGroups });
  expect(restsOf(manifest, counted)).toEqual([bytes(10), bytes(11)]);
  expect(preparedIn(manifest, sink)).toEqual([bytes(20), bytes(21)]);
  expect(positionIn(manifest, source)).toEqual({ enumerator: bytes(1, 2, 3), current: [bytes(31)] });
  expect(manifest.operators).toMatchObject([{ operator: counted, parallelism: 2, states: [state] }]);
  expect(manifest.operators[0]?.blocks).toEqual([block("b", 0), block("a", 0)]);
});

test("what a checkpoint knows nothing of is absent", () => {
  const manifest = manifestOf(parts({ written: [], subtasks: [], cuts: new Map() }));
  expect(manifest.operators).toEqual([]);
  expect(restsOf(manifest, counted)).toEqual([]);
  expect(preparedIn(manifest, sink)).toEqual([]);
  expect(positionIn(manifest, source)).toBeUndefined();
});

test("regions' parts of a savepoint are one manifest", () => {
  const other = "other" as VertexId;
  const joined = joinManifests([
    manifestOf(parts({ savepoint: true })),
    manifestOf(parts({ savepoint: true, written: [], subtasks: [], cuts: new Map([[other, bytes(9)]]) })),
  ]);
  expect(joined.savepoint).toBe(true);
  expect(positionIn(joined, source)?.enumerator).toEqual(bytes(1, 2, 3));
  expect(positionIn(joined, other)).toEqual({ enumerator: bytes(9), current: [] });
  expect(restsOf(joined, counted)).toHaveLength(2);
});
