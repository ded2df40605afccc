import { expect, test } from "vitest";
import { checkFits, jobOf, newLineage } from "../../../runtime/checkpoints/lineage.ts";
import type { CheckpointManifest } from "../../../runtime/state/checkpoint-manifest.ts";
import { checkpointName } from "../../../runtime/state/checkpoint-store.ts";
import { oneRegion, plannedJob } from "../coordinator/fixtures/planned-jobs.ts";

const { jobGraph } = plannedJob(oneRegion);

function opened(change: Partial<CheckpointManifest>): Parameters<typeof checkFits>[0] {
  const manifest: CheckpointManifest = {
    ...{ checkpoint: 3, lineage: newLineage(jobGraph.jobName, "1"), savepoint: true, createdAtMs: 0 },
    ...{ keyGroups: jobGraph.keyGroups, chain: [], operators: [], positions: { "source-a": "" }, markers: {} },
    ...change,
  };
  return { name: checkpointName(3), manifest, layers: [{ name: checkpointName(3), crc: 0, manifest }] };
}

test("a lineage names its job, whatever the job's name holds", () => {
  expect(jobOf(newLineage("a@b", "1234"))).toBe("a@b");
});

test("a job goes on from its own checkpoint", () => {
  expect(() => checkFits(opened({}), jobGraph)).not.toThrow();
});

test.each([
  ["of another job", { lineage: newLineage("other", "1") }, 'is of job "other"'],
  ["of other key groups", { keyGroups: 7 }, "has 7 key groups"],
  ["with a source that is gone", { positions: { gone: "" } }, 'holds state of "gone"'],
  ["with a sink that is gone", { markers: { gone: "" } }, 'holds state of "gone"'],
] as const)("a checkpoint %s is refused by name", (_, change, message) => {
  expect(() => checkFits(opened(change), jobGraph)).toThrow(message);
});
