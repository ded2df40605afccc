/** Reads a checkpoint for slots, which go on from it: a store is opened by one process, and slots ask that by their port. */

import { toErrorReport } from "../error-report.ts";
import type { FromSlot, ToSlot } from "../protocol.ts";
import type { CheckpointReads } from "../state/checkpoint-store.ts";

export type StoredRead = Extract<FromSlot, { readonly kind: "readManifest" | "readBlocks" }>;

type Stored = Extract<ToSlot, { readonly kind: "stored" }>;

/** The answer for the slot that asked; what went wrong is in it. */
export async function answerRead(store: Promise<CheckpointReads>, read: StoredRead): Promise<Stored> {
  const { serial } = read;
  try {
    return { kind: "stored", serial, found: await found(await store, read), error: null };
  } catch (cause) {
    return { kind: "stored", serial, found: [], error: toErrorReport(cause) };
  }
}

async function found(store: CheckpointReads, read: StoredRead): Promise<readonly (Uint8Array | null)[]> {
  if (read.kind === "readManifest") return [(await store.readManifest(read.checkpoint)) ?? null];
  const blocks: (Uint8Array | null)[] = [];
  for await (const block of store.readBlocks(read.places)) blocks.push(block ?? null);
  return blocks;
}
