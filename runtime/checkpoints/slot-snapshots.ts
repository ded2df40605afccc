/**
 * What the slots of one process give to a checkpoint: their blocks go to the store, synced, and when all of these slots
 * have been saved the process acknowledges for all of them at once. Serves the embedded runtime and workers alike.
 *
 * The law: nothing is acknowledged before what it speaks of survives a loss of power. A newer checkpoint ends the older.
 */

import type { OperatorId } from "../../core/ids.ts";
import { faultPoint } from "../fault-point.ts";
import type { FromSlot, SubtaskSnapshot } from "../protocol.ts";
import { type CheckpointWrites, checkpointName } from "../state/checkpoint-store.ts";
import { CheckpointWriter } from "../state/checkpoint-writer.ts";
import type { WrittenBlocks } from "./manifest-parts.ts";

export interface Acknowledgement {
  readonly checkpoint: number;
  readonly slots: readonly number[];
  readonly written: readonly WrittenBlocks[];
  readonly subtasks: readonly SubtaskSnapshot[];
  /** The stores that have the blocks; absent where everyone reaches the same store. */
  readonly holders?: readonly string[];
}

export interface SlotSnapshotsOptions {
  /** By which name the process writes: no other may write under it in the same checkpoint. */
  readonly worker: string;
  readonly acknowledge: (acknowledgement: Acknowledgement) => void;
  readonly decline: (checkpoint: number, cause: Error) => void;
}

interface UnderWay {
  readonly checkpoint: number;
  readonly slots: readonly number[];
  readonly store: Promise<CheckpointWrites>;
  readonly writer: Promise<CheckpointWriter>;
  readonly waitsFor: Set<number>;
  readonly subtasks: SubtaskSnapshot[];
  /** All that was asked of the writer, one after the other. */
  writing: Promise<void>;
  /** How much of that has not begun. */
  waiting: number;
}

export class SlotSnapshots {
  readonly #options: SlotSnapshotsOptions;
  #current: UnderWay | undefined;

  constructor(options: SlotSnapshotsOptions) {
    this.#options = options;
  }

  /** `slots`: those that are asked. REQUIRES: at least one; each says "snapshotted", or that it has ended. */
  begin(checkpoint: number, slots: readonly number[], store: Promise<CheckpointWrites>): void {
    const name = checkpointName(checkpoint);
    const writer = store.then((opened) => new CheckpointWriter(opened, name, this.#options.worker));
    const waitsFor = new Set(slots);
    const current: UnderWay = {
      ...{ checkpoint, slots, store, writer, waitsFor },
      ...{ subtasks: [], writing: Promise.resolve(), waiting: 0 },
    };
    this.#current = current;
    this.#write(current, () => {});
  }

  /** What a slot says of its checkpoint. */
  receive(slot: number, message: Extract<FromSlot, { readonly kind: "blocks" | "snapshotted" }>): void {
    if (message.kind === "blocks") this.blocks(message.checkpoint, message.operator, message.blocks);
    else this.snapshotted(slot, message.checkpoint, message.subtasks);
  }

  /** REQUIRES: nobody else uses the blocks any more, and each has memory of its own. */
  blocks(checkpoint: number, operator: OperatorId, blocks: readonly Uint8Array[]): void {
    const current = this.#of(checkpoint);
    if (current === undefined) return;
    this.#write(current, (writer) => {
      for (const block of blocks) writer.add(operator, block);
      // A store that is slow has more waiting behind each batch, and so fewer and larger ones.
      const isIdle = current.waiting === 0;
      return writer.isFull || (isIdle && writer.isWorthwhile) ? flush(writer) : undefined;
    });
  }

  snapshotted(slot: number, checkpoint: number, subtasks: readonly SubtaskSnapshot[]): void {
    const current = this.#of(checkpoint);
    if (current === undefined || !current.waitsFor.delete(slot)) return;
    current.subtasks.push(...subtasks);
    if (current.waitsFor.size === 0) this.#write(current, (writer) => this.#finish(current, writer));
  }

  /** It says nothing any more: without what it owes, the checkpoint cannot be. */
  slotEnded(slot: number): void {
    if (this.#current?.waitsFor.has(slot) === true) this.#current = undefined;
  }

  /** Complete or not, it is over. */
  ended(checkpoint: number): void {
    if (this.#current !== undefined && this.#current.checkpoint <= checkpoint) this.#current = undefined;
  }

  async #finish(current: UnderWay, writer: CheckpointWriter): Promise<void> {
    await flush(writer);
    faultPoint("worker.blocks-synced");
    if (this.#current !== current) return;
    this.#current = undefined;
    const { checkpoint, slots, subtasks, store } = current;
    const { holders } = await store;
    const held = holders === undefined ? {} : { holders };
    this.#options.acknowledge({ checkpoint, slots, written: writer.records(), subtasks, ...held });
    faultPoint("worker.acknowledged");
  }

  #write(current: UnderWay, act: (writer: CheckpointWriter) => void | Promise<void>): void {
    current.waiting++;
    current.writing = current.writing.then(async () => {
      current.waiting--;
      if (this.#current !== current) return;
      try {
        await act(await current.writer);
      } catch (cause) {
        if (this.#current !== current) return;
        this.#current = undefined;
        this.#options.decline(current.checkpoint, cause as Error);
      }
    });
  }

  #of(checkpoint: number): UnderWay | undefined {
    return this.#current?.checkpoint === checkpoint ? this.#current : undefined;
  }
}

/** The thread makes hardly any garbage, so its collector would come to what was written late, or never. */
async function flush(writer: CheckpointWriter): Promise<void> {
  for (const { buffer } of await writer.flush()) if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}
