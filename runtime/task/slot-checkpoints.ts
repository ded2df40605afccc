/**
 * The checkpoints of one slot: has each subtask cut, drives what they capture between the slot's other work, and says when
 * all of it has left the thread.
 *
 *            begin            every subtask is cut, every capture is through
 *   none ───────────► begun ───────────────────────────────────────────────► told
 *     ▲                 │                                                      │
 *     └──── ended ──────┴──────────────────────────────────────────────────────┘
 *
 * A barrier that overtakes its message waits for it: so whatever was said of earlier checkpoints is known before the cut,
 * and all slots' captures build on the same one. In an unaligned checkpoint the message overtakes the barriers: it comes by
 * the slot's mail, which never waits behind data.
 */

import type { OperatorId } from "../../core/ids.ts";
import { toErrorReport } from "../error-report.ts";
import { faultPoint } from "../fault-point.ts";
import type { FromSlot, JobEnd, SubtaskSnapshot } from "../protocol.ts";
import type { DeployedSubtask } from "./deploy.ts";
import type { Subtask } from "./subtask.ts";
import type { Checkpoints, OperatorCapture, OwnSnapshot } from "./subtask-cut.ts";

/**
 * Blocks are cut one behind the other and sent together, so many that a message costs little beside them and what they are cut
 * from stays in the caches, and few enough to take a millisecond or two.
 */
const BLOCKS_SENT_BYTES = 256 * 1024;
const BLOCKS_CUT = 16;

interface Begun {
  readonly checkpoint: number;
  readonly full: boolean;
  readonly ends: JobEnd | undefined;
  /** Subtasks that have not been cut. */
  readonly waitsFor: Set<Subtask>;
  readonly captures: OperatorCapture[];
  readonly subtasks: SubtaskSnapshot[];
  /** What was captured of one operator and is not sent. */
  unsent: { readonly operator: OperatorId; readonly blocks: Uint8Array<ArrayBuffer>[]; bytes: number } | undefined;
  /** Nothing more is said of it: all of it has been, or it was declined. */
  told: boolean;
}

export class SlotCheckpoints implements Checkpoints {
  readonly #send: (message: FromSlot) => void;
  #subtasks: readonly DeployedSubtask[] = [];
  #begun: Begun | undefined;
  /** Of the newest checkpoint that is over. */
  #over = 0;
  /** A checkpoint that holds the slot's end has been asked for. */
  #wanted = false;

  constructor(send: (message: FromSlot) => void) {
    this.#send = send;
  }

  deploy(subtasks: readonly DeployedSubtask[]): void {
    this.#subtasks = subtasks;
  }

  begin(checkpoint: number, full: boolean, ends?: JobEnd): void {
    if (this.#begun !== undefined) this.ended(this.#begun.checkpoint, false);
    const taking = this.#subtasks.map(({ subtask }) => subtask).filter((subtask) => subtask.takesPart);
    this.#begun = {
      checkpoint,
      full,
      ends,
      waitsFor: new Set(taking),
      captures: [],
      subtasks: [],
      unsent: undefined,
      told: false,
    };
    this.#wanted = false;
    for (const subtask of taking) subtask.beginCheckpoint(checkpoint);
    faultPoint("slot.checkpoint-begun");
    this.#tellIfDone(this.#begun);
  }

  ended(checkpoint: number, complete: boolean): void {
    const full = this.#begun?.checkpoint === checkpoint && this.#begun.full;
    if (this.#begun !== undefined && this.#begun.checkpoint <= checkpoint) this.#begun = undefined;
    this.#over = Math.max(this.#over, checkpoint);
    for (const { subtask } of this.#subtasks) if (subtask.takesPart) subtask.endCheckpoint(checkpoint, complete, full);
  }

  /** No checkpoint will follow. REQUIRES: the slot has said that it is at its end. */
  release(): void {
    for (const { subtask } of this.#subtasks) if (subtask.takesPart) subtask.release();
  }

  /** The checkpoint does not wait for barriers any more. */
  overtake(checkpoint: number): void {
    if (this.#begun?.checkpoint !== checkpoint) return;
    for (const subtask of this.#begun.waitsFor) subtask.overtakeBy(checkpoint);
  }

  want(): void {
    this.#send({ kind: "wantsCheckpoint" });
  }

  stateOf(checkpoint: number): "unknown" | "begun" | "over" {
    if (checkpoint <= this.#over || checkpoint < (this.#begun?.checkpoint ?? 0)) return "over";
    return this.#begun?.checkpoint === checkpoint ? "begun" : "unknown";
  }

  isFull(checkpoint: number): boolean {
    return this.#begun?.checkpoint === checkpoint && this.#begun.full;
  }

  endsBy(checkpoint: number): JobEnd | undefined {
    return this.#begun?.checkpoint === checkpoint ? this.#begun.ends : undefined;
  }

  cut(subtask: Subtask, snapshot: OwnSnapshot, captures: readonly OperatorCapture[], checkpoint: number): void {
    const begun = this.#begun;
    const placement = this.#subtasks.find((each) => each.subtask === subtask)?.placement;
    if (begun?.checkpoint !== checkpoint || placement === undefined || !begun.waitsFor.delete(subtask)) return;
    begun.subtasks.push({ vertex: placement.vertex, subtask: placement.subtask, ...snapshot });
    begun.captures.push(...captures);
    this.#tellIfDone(begun);
  }

  /** Makes some steps of what is captured; true if there is more. */
  work(): boolean {
    const begun = this.#begun;
    this.#wantIfDone();
    if (begun === undefined || begun.told) return false;
    const next = begun.captures.find(({ capture }) => capture.waits !== true);
    if (next === undefined) return false;
    try {
      this.#capture(begun, next);
    } catch (error) {
      begun.told = true;
      this.#send({ kind: "declined", checkpoint: begun.checkpoint, error: toErrorReport(error) });
      return false;
    }
    if (next.capture.done) {
      this.#sendBlocks(begun);
      begun.captures.splice(begun.captures.indexOf(next), 1);
    }
    this.#tellIfDone(begun);
    return !begun.told;
  }

  /** Up to where others may go on, or as many blocks as are sent together. */
  #capture(begun: Begun, { capture, operator }: OperatorCapture): void {
    let bytes = 0;
    for (let cut = 0; cut < BLOCKS_CUT && bytes < BLOCKS_SENT_BYTES; cut++) {
      const block = capture.done || capture.waits === true ? undefined : capture.step();
      if (block === undefined) return;
      this.#add(begun, operator, block);
      bytes += block.length;
    }
  }

  #add(begun: Begun, operator: OperatorId, block: Uint8Array<ArrayBuffer>): void {
    if (begun.unsent?.operator !== operator) this.#sendBlocks(begun);
    begun.unsent ??= { operator, blocks: [], bytes: 0 };
    begun.unsent.blocks.push(block);
    begun.unsent.bytes += block.length;
    if (begun.unsent.bytes >= BLOCKS_SENT_BYTES) this.#sendBlocks(begun);
  }

  #sendBlocks(begun: Begun): void {
    if (begun.unsent === undefined) return;
    const { operator, blocks } = begun.unsent;
    begun.unsent = undefined;
    this.#send({ kind: "blocks", checkpoint: begun.checkpoint, operator, blocks });
    faultPoint("slot.block-sent");
  }

  #tellIfDone(begun: Begun): void {
    if (begun.told || begun.waitsFor.size > 0 || begun.captures.length > 0) return;
    begun.told = true;
    faultPoint("slot.captured");
    this.#send({ kind: "snapshotted", checkpoint: begun.checkpoint, subtasks: begun.subtasks });
    faultPoint("slot.snapshotted");
  }

  /** When all that is left to do is to wait for a checkpoint, the next regular one may be far away. */
  #wantIfDone(): void {
    if (this.#wanted || this.#begun !== undefined) return;
    const left = this.#subtasks.filter(({ subtask }) => subtask.takesPart);
    if (left.length === 0 || !left.every(({ subtask }) => subtask.awaitsCheckpoint)) return;
    this.#wanted = true;
    this.#send({ kind: left.every(({ subtask }) => subtask.commitsNothing) ? "atEnd" : "wantsCheckpoint" });
  }
}
