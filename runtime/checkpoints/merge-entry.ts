/**
 * A thread that merges checkpoints: what is restored and encoded on the way would stand in the way of everything else. The
 * store is its process's (`merge-in-thread.ts`), as LevelDB is opened once: blocks come and go by messages.
 */

import { parentPort, workerData } from "node:worker_threads";
import { openCheckpoint } from "../state/checkpoint-reader.ts";
import type {
  BlockBatch,
  BlockPlace,
  CheckpointName,
  CheckpointReads,
  CheckpointWrites,
} from "../state/checkpoint-store.ts";
import { type MergedBlocks, mergeBlocks, writtenBy } from "../state/merge-checkpoint.ts";

export interface MergeTask {
  readonly name: CheckpointName;
  /** By which name it writes. */
  readonly worker: string;
  /** Whether only what was written by that name is merged. */
  readonly ownOnly: boolean;
}

export type ToStore = { readonly serial: number } & (
  | { readonly kind: "readManifest"; readonly name: CheckpointName }
  | { readonly kind: "readBlocks"; readonly places: readonly BlockPlace[] }
  | { readonly kind: "writeBlocks"; readonly batch: BlockBatch }
);

export type FromMerge = { readonly kind: "ask"; readonly ask: ToStore } | MergeEnd;

interface MergeEnd {
  readonly kind: "merged";
  readonly written: readonly MergedBlocks[];
}

export interface FromStore {
  readonly serial: number;
  readonly found?: readonly (Uint8Array | undefined)[];
  readonly error?: Error;
}

/** Blocks asked for in one message. */
const BLOCKS_ASKED = 16;

const port = parentPort as NonNullable<typeof parentPort>; // this is a thread
const waiting = new Map<number, PromiseWithResolvers<readonly (Uint8Array | undefined)[]>>();
let serials = 0;

port.on("message", ({ serial, found = [], error }: FromStore) => {
  const asked = waiting.get(serial);
  waiting.delete(serial);
  if (error === undefined) asked?.resolve(found);
  else asked?.reject(error);
});

type Untold<Ask> = Ask extends { readonly serial: number } ? Omit<Ask, "serial"> : never;

function ask(what: Untold<ToStore>): Promise<readonly (Uint8Array | undefined)[]> {
  const serial = ++serials;
  const asked = Promise.withResolvers<readonly (Uint8Array | undefined)[]>();
  waiting.set(serial, asked);
  port.postMessage({ kind: "ask", ask: { ...what, serial } satisfies ToStore } satisfies FromMerge);
  return asked.promise;
}

const store: CheckpointReads & CheckpointWrites = {
  readManifest: async (manifest) => (await ask({ kind: "readManifest", name: manifest }))[0],
  async *readBlocks(places) {
    for (let at = 0; at < places.length; at += BLOCKS_ASKED)
      yield* await ask({ kind: "readBlocks", places: places.slice(at, at + BLOCKS_ASKED) });
  },
  writeBlocks: async (batch) => void (await ask({ kind: "writeBlocks", batch })),
};

const { name, worker, ownOnly } = workerData as MergeTask; // `merge-in-thread.ts` starts it
const checkpoint = await openCheckpoint(store, name);
const written = await mergeBlocks(store, ownOnly ? writtenBy(checkpoint, worker) : checkpoint, { worker });
port.postMessage({ kind: "merged", written } satisfies FromMerge);
port.close();
