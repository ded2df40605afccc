/** One attempt of an embedded job that takes checkpoints or goes on from one: what its slots say, and what it tells them. */

import type { VertexId } from "../../core/ids.ts";
import { SlotSnapshots } from "../checkpoints/slot-snapshots.ts";
import { answerRead } from "../checkpoints/stored-reads.ts";
import { dealersOf } from "../graph/dealers.ts";
import type { Plan } from "../graph/plan.ts";
import type { FromSlot, SlotDeployment, SlotRestore, ToSlot } from "../protocol.ts";
import type { CheckpointStore } from "../state/checkpoint-store.ts";
import type { RegionCheckpoints } from "./region-checkpoints.ts";

export interface LocalCheckpointsOptions {
  readonly plan: Pick<Plan, "jobGraph" | "executionGraph">;
  /** Undefined: none are taken. */
  readonly taken: TakenCheckpoints | undefined;
  /** What it goes on from; undefined: it begins. */
  readonly restore: LocalRestore | undefined;
}

export interface TakenCheckpoints {
  readonly checkpoints: RegionCheckpoints;
  readonly store: CheckpointStore;
  /** The greatest number that the store knows. */
  readonly last: number;
  /** Whose state they are. */
  readonly lineage: string;
}

export interface LocalRestore extends SlotRestore {
  /** Where it is: of a savepoint another one than that of the job's checkpoints. */
  readonly store: CheckpointStore;
}

/** By which name an embedded job writes: it is one process. */
const EMBEDDED = "embedded";

type Send = (slot: number, message: ToSlot) => void;

export class LocalCheckpoints {
  readonly #options: LocalCheckpointsOptions;
  readonly #snapshots: SlotSnapshots;
  readonly #dealers: ReadonlyMap<VertexId, number>;
  readonly #starting: Set<number>;
  readonly #open: Set<number>;
  #send: Send = () => {};

  constructor(options: LocalCheckpointsOptions) {
    const { plan, taken } = options;
    this.#options = options;
    this.#dealers = dealersOf(plan.jobGraph, plan.executionGraph);
    this.#starting = new Set(Array.from({ length: plan.executionGraph.slots }, (_, slot) => slot));
    this.#open = new Set(this.#starting);
    this.#snapshots = new SlotSnapshots({
      worker: EMBEDDED,
      acknowledge: (acknowledgement) => taken?.checkpoints.acknowledged(acknowledgement),
      decline: (checkpoint, cause) => taken?.checkpoints.declined(checkpoint, cause),
    });
  }

  /** What a slot's deployment says of it. */
  deployment(slot: number): Pick<SlotDeployment, "checkpointing" | "lineage" | "enumerates" | "restore"> {
    const { restore, taken } = this.#options;
    const enumerates = [...this.#dealers].filter(([, dealer]) => dealer === slot).map(([vertex]) => vertex);
    const restored = restore && { restore: { checkpoint: restore.checkpoint, upgrade: restore.upgrade } };
    const lineage = taken && { lineage: taken.lineage };
    return { checkpointing: taken !== undefined, ...lineage, enumerates, ...restored };
  }

  /** By which way slots are told. */
  attach(send: Send): void {
    this.#send = send;
  }

  receive(slot: number, message: FromSlot): void {
    const { restore, taken } = this.#options;
    switch (message.kind) {
      case "running":
        this.#started(slot);
        break;
      case "requestSplit":
        this.#send(this.#dealers.get(message.vertex) ?? 0, { ...message, kind: "dealSplit" });
        break;
      case "splitDealt":
        this.#send(this.#slotOf(message.vertex, message.subtask), { ...message, kind: "split" });
        break;
      case "blocks":
      case "snapshotted":
        this.#snapshots.receive(slot, message);
        break;
      case "declined":
      case "enumeratorCut":
      case "wantsCheckpoint":
      case "atEnd":
        taken?.checkpoints.receive(slot, message);
        break;
      case "readManifest":
      case "readBlocks":
        if (restore !== undefined)
          void answerRead(Promise.resolve(restore.store), message).then((answer) => this.#send(slot, answer));
        break;
      case "printed":
      case "oversize":
      case "align":
      case "collect":
      case "report":
      case "log":
      case "failed":
        break;
    }
  }

  slotEnded(slot: number): void {
    this.#open.delete(slot);
    this.#snapshots.slotEnded(slot);
    this.#options.taken?.checkpoints.slotEnded(slot);
    this.#started(slot);
  }

  /** Its slots are told to end. */
  close(): void {
    this.#options.taken?.checkpoints.close();
  }

  #started(slot: number): void {
    if (!this.#starting.delete(slot) || this.#starting.size > 0 || this.#open.size === 0) return;
    const { taken } = this.#options;
    if (taken === undefined) return;
    const tellAll = (message: ToSlot): void => {
      for (const open of this.#open) this.#send(open, message);
    };
    taken.checkpoints.open(
      {
        slots: [...this.#open],
        dealers: this.#dealers,
        begin: (checkpoint) => this.#begin(checkpoint, taken.store, tellAll),
        overtake: (checkpoint) => tellAll({ kind: "overtake", checkpoint }),
        cut: (checkpoint, vertex, lastSerials) =>
          this.#send(this.#dealers.get(vertex) ?? 0, { kind: "cutEnumerator", checkpoint, vertex, lastSerials }),
        ended: (checkpoint, complete) => {
          this.#snapshots.ended(checkpoint);
          tellAll({ kind: "checkpointEnded", checkpoint, complete });
        },
        released: () => tellAll({ kind: "released" }),
      },
      taken.last,
    );
  }

  #begin(checkpoint: number, store: CheckpointStore, tellAll: (message: ToSlot) => void): void {
    this.#snapshots.begin(checkpoint, [...this.#open], Promise.resolve(store));
    tellAll({ kind: "checkpoint", checkpoint, full: false });
  }

  #slotOf(vertex: VertexId, subtask: number): number {
    const { subtasks } = this.#options.plan.executionGraph;
    return subtasks.find((placed) => placed.vertex === vertex && placed.subtask === subtask)?.slot ?? 0;
  }
}
