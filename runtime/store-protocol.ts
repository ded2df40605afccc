/**
 * What is asked of a worker's stores: by other workers on connections of their own, by the coordinator on the control
 * connection. `runtime/worker/stores/store-service.ts` answers.
 *
 * A place names one region's checkpoints: `<job>/<region>`. A worker has one store that it writes to, and may have taken
 * over those of workers that are gone; what is read or deleted is looked for in all of them.
 */

import type { WrittenBlocks } from "./checkpoints/manifest-parts.ts";
import type { StoreId, WorkerId } from "./cluster-ids.ts";
import type { ExchangeAddress } from "./cluster-protocol.ts";
import type { BlockBatch, BlockPlace, CheckpointName } from "./state/checkpoint-store.ts";
import type { ExpectedBlock } from "./state/verify-blocks.ts";

/** Before the place of a region's checkpoints, where other checkpoints have a folder or a URL. */
const PREFIX = "workers:";

/** Where a region's checkpoints are, if the workers keep them. */
export function workersLocation(place: string): string {
  return `${PREFIX}${place}`;
}

/** The place, if the location is the workers' own. */
export function placeIn(location: string): string | undefined {
  return location.startsWith(PREFIX) ? location.slice(PREFIX.length) : undefined;
}

/** A worker whose stores can be asked. */
export interface StoreAddress {
  readonly worker: WorkerId;
  readonly epoch: number;
  readonly exchange: ExchangeAddress;
}

/** What a worker has to know to read a checkpoint: the manifests that it consists of, and who has its blocks. */
export interface CheckpointSources {
  readonly manifests: readonly (readonly [CheckpointName, Uint8Array])[];
  /** By store. */
  readonly stores: Readonly<Record<StoreId, StoreAddress>>;
}

export type StoreRequest =
  /** Answered when the blocks survive a loss of power. */
  | ({ readonly kind: "writeBlocks"; readonly place: string } & BlockBatch)
  /** So many of the blocks as fit into one answer, the first at least. Fails where the store is not open. */
  | {
      readonly kind: "readBlocks";
      readonly place: string;
      readonly store: StoreId;
      readonly places: readonly BlockPlace[];
    }
  | {
      readonly kind: "writeManifest";
      readonly place: string;
      readonly name: CheckpointName;
      readonly manifest: Uint8Array;
    }
  | { readonly kind: "readManifest"; readonly place: string; readonly name: CheckpointName }
  | { readonly kind: "list"; readonly place: string }
  | {
      readonly kind: "delete";
      readonly place: string;
      readonly name: CheckpointName;
      readonly what: "manifest" | "blocks";
    }
  /** Reads blocks and says which are not those that are expected, by their places in the list. Fails as above. */
  | {
      readonly kind: "verify";
      readonly place: string;
      readonly store: StoreId;
      readonly blocks: readonly ExpectedBlock[];
    }
  /** Writes what one writer has written of a checkpoint and all that it builds on again, as one. */
  | {
      readonly kind: "merge";
      readonly place: string;
      readonly name: CheckpointName;
      readonly writer: string;
      readonly sources: CheckpointSources;
      readonly copyTo: readonly StoreAddress[];
    }
  /** Takes over a store that no living process has open. */
  | { readonly kind: "adopt"; readonly store: StoreId; readonly fenced: WorkerId | undefined }
  /** Everything of a job. */
  | { readonly kind: "forget"; readonly job: string };

export type StoreAnswer =
  | { readonly kind: "written"; readonly store: StoreId }
  | { readonly kind: "blocks"; readonly blocks: readonly (Uint8Array | undefined)[] }
  | { readonly kind: "manifest"; readonly manifest: Uint8Array | undefined }
  | {
      readonly kind: "listed";
      readonly manifests: readonly CheckpointName[];
      readonly withBlocks: readonly CheckpointName[];
    }
  | { readonly kind: "verified"; readonly damaged: readonly number[] }
  | { readonly kind: "merged"; readonly written: readonly WrittenBlocks[]; readonly holders: readonly StoreId[] }
  | { readonly kind: "adopted"; readonly served: boolean }
  | { readonly kind: "done" };

export type AnswerOf<Request extends StoreRequest> = Extract<
  StoreAnswer,
  { readonly kind: AnswerKinds[Request["kind"]] }
>;

interface AnswerKinds {
  readonly writeBlocks: "written";
  readonly readBlocks: "blocks";
  readonly writeManifest: "done";
  readonly readManifest: "manifest";
  readonly list: "listed";
  readonly delete: "done";
  readonly verify: "verified";
  readonly merge: "merged";
  readonly adopt: "adopted";
  readonly forget: "done";
}
