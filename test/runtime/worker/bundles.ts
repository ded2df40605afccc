/** Bundles and deployments of them, as a coordinator has them. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import type { Job, Params } from "../../../core/job.ts";
import { resolveImportsOf } from "../../../runtime/bundle-resolution.ts";
import { attemptId, type BundleHash, type JobId } from "../../../runtime/cluster-ids.ts";
import type { RegionDeployment, SlotPlacement } from "../../../runtime/cluster-protocol.ts";
import { planJob } from "../../../runtime/graph/plan.ts";

export interface Program {
  readonly code: Uint8Array;
  readonly hash: BundleHash;
  /** The deployment of all its slots; `place` says where each goes. */
  deployment(options: DeploymentOptions): RegionDeployment;
}

export interface DeploymentOptions {
  readonly parallelism: number;
  readonly params?: Params;
  readonly workingDirectory?: string;
  readonly watchdogMs?: number;
  readonly slotHeapMb?: number;
  readonly attempt?: number;
  readonly place: (slot: number) => Omit<SlotPlacement, "slot">;
}

/** The bundle in the fixtures of that name. */
export async function programOf(name: string): Promise<Program> {
  const path = `${import.meta.dirname}/fixtures/${name}.mjs`;
  const { href } = pathToFileURL(path);
  resolveImportsOf(href);
  const { default: job } = (await import(href)) as { readonly default: Job };
  const code = readFileSync(path);
  const hash = createHash("sha256").update(code).digest("hex") as BundleHash;
  return { code, hash, deployment: (options) => deploymentOf(job, hash, options) };
}

function deploymentOf(job: Job, bundle: BundleHash, options: DeploymentOptions): RegionDeployment {
  const { parallelism, params = {}, place, workingDirectory = "/", watchdogMs = 60_000, attempt = 1 } = options;
  const plan = planJob(job, { parallelism, params });
  return {
    attempt: attemptId("job" as JobId, 0, attempt),
    jobId: "job" as JobId,
    jobName: job.name,
    lineage: "job",
    attemptNumber: attempt,
    bundle,
    params: plan.params,
    workingDirectory,
    jobGraph: plan.jobGraph,
    executionGraph: plan.executionGraph,
    graphHash: plan.graphHash,
    showRecordsInErrors: false,
    watchdogMs,
    slotHeapMb: options.slotHeapMb,
    placement: Array.from({ length: plan.executionGraph.slots }, (_, slot) => ({ slot, ...place(slot) })),
    checkpointing: false,
    restore: undefined,
  };
}
