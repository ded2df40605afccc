/**
 * What is done to a region's store when a checkpoint is complete, beside the job: old ones are discarded, and what the newest
 * consists of is written again as one where its chain is long, or where it has fewer copies than it could have, as a host is
 * there that was not when it was written. Nothing is lost when that fails: there is more on the disk than there has to be.
 */

import { CHECKPOINT_CHAIN_MAX, CHECKPOINT_CHAIN_MIN } from "../../core/limits.ts";
import { faultPoint } from "../fault-point.ts";
import { discardOld } from "../state/checkpoint-keeper.ts";
import { type ChainLink, type CheckpointManifest, decodeManifest, manifestCrc } from "../state/checkpoint-manifest.ts";
import type { CheckpointName } from "../state/checkpoint-store.ts";
import type { RegionCheckpointsOptions } from "./region-checkpoints.ts";

export type TidyingOptions = Pick<
  RegionCheckpointsOptions,
  "store" | "retained" | "merge" | "lackCopies" | "log" | "region"
>;

/**
 * @param underWayFrom what has this number or a higher one is still being written.
 * @param chain the newest complete checkpoint and behind what it builds on.
 * @returns what stands for the chain from now on; undefined: it stays.
 */
export async function tidyStore(
  options: TidyingOptions,
  underWayFrom: number,
  chain: () => readonly ChainLink[],
): Promise<ChainLink | undefined> {
  const { store, retained, merge, log, region } = options;
  try {
    await discardOld(await store(), { retained, underWayFrom });
    const links = chain();
    const newest = links.at(-1);
    if (newest === undefined || !(await wantsMerge(links, options))) return undefined;
    const name = await merge(newest.name);
    faultPoint("coordinator.merge-complete");
    const bytes = await (await store()).readManifest(name);
    return bytes === undefined ? undefined : linkTo(name, decodeManifest(bytes, name), bytes);
  } catch (cause) {
    log("warn", `old checkpoints could not be tidied up: ${(cause as Error).message}`, { region });
    return undefined;
  }
}

/** How those name it that build on it. */
export function linkTo(name: CheckpointName, { operators }: CheckpointManifest, encoded: Uint8Array): ChainLink {
  const blocks = operators.flatMap((operator) => operator.blocks);
  return { name, crc: manifestCrc(encoded), bytes: blocks.reduce((sum, { bytes }) => sum + bytes, 0) };
}

/**
 * A merge writes all of the state: so deltas have to be many, and half as large as what they build on, or so many that restoring
 * would read manifests rather than state.
 */
function isWorthMerging([base, ...deltas]: readonly ChainLink[]): boolean {
  if (base === undefined || deltas.length < CHECKPOINT_CHAIN_MIN) return false;
  if (deltas.length >= CHECKPOINT_CHAIN_MAX) return true;
  const [first, ...others] = [base, ...deltas].map(({ bytes = Number.NaN }) => bytes) as [number, ...number[]];
  const changed = others.reduce((sum, bytes) => sum + bytes, 0);
  return !(2 * changed < first); // nor where nobody knows
}

async function wantsMerge(chain: readonly ChainLink[], { lackCopies, log, region }: TidyingOptions): Promise<boolean> {
  if (isWorthMerging(chain)) return true;
  const lacking = (await lackCopies?.(chain.map(({ name }) => name))) ?? false;
  if (lacking) log("info", "what the newest checkpoint consists of is copied to another host", { region });
  return lacking;
}
