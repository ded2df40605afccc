/**
 * The enumerators that a slot runs for its region: they answer its own subtasks directly, those of other slots by message.
 *
 * The slot is needed until every subtask has heard that there is no more for it, though its own may have finished. A
 * failure of an enumerator fails the slot, not the subtask that happened to ask.
 */

import type { VertexId } from "../../core/ids.ts";
import type { StreamGraph } from "../../core/stream-graph.ts";
import type { SourcePosition } from "../checkpoints/manifest-parts.ts";
import { toErrorReport } from "../error-report.ts";
import { faultPoint } from "../fault-point.ts";
import type { DealtSplit, FromSlot, SlotDeployment, ToSlot } from "../protocol.ts";
import { SplitDealer } from "../splits/split-dealer.ts";

export interface SlotEnumeratorsOptions {
  readonly graph: StreamGraph;
  readonly deployment: SlotDeployment;
  readonly signal: AbortSignal;
  readonly send: (message: FromSlot) => void;
  readonly fail: (error: unknown) => void;
  /** What each source goes on from. */
  readonly restored?: ((source: VertexId) => SourcePosition | undefined) | undefined;
}

export class SlotEnumerators {
  readonly #options: SlotEnumeratorsOptions;
  readonly #dealer: SplitDealer;
  #stopped = false;

  /** Sources whose last cut says all that will ever have to be said of them. */
  readonly #finished = new Set<VertexId>();

  constructor(options: SlotEnumeratorsOptions) {
    this.#options = options;
    const { graph, deployment, signal, fail } = options;
    const { jobGraph, enumerates, workingDirectory, checkpointing = false } = deployment;
    const { restored } = options;
    this.#dealer = new SplitDealer(graph, jobGraph, { workingDirectory, signal }, enumerates, {
      checkpointing,
      ...(restored === undefined ? {} : { restored }),
    });
    this.#dealer.ready().catch(fail);
  }

  has(vertex: VertexId): boolean {
    return this.#options.deployment.enumerates.includes(vertex);
  }

  /**
   * Where checkpoints are taken also until each source was cut with nothing on its way to readers: later checkpoints hold
   * that cut, and what an earlier one held as unread they would read again.
   */
  get needed(): boolean {
    const { checkpointing = false, enumerates } = this.#options.deployment;
    if (this.#stopped) return false;
    return !this.#dealer.exhausted || (checkpointing && enumerates.some((vertex) => !this.#finished.has(vertex)));
  }

  /** The next split for a subtask of this slot, undefined at the end. Never settles after a failure, which ends the slot. */
  next(vertex: VertexId, subtask: number): Promise<DealtSplit | undefined> {
    return new Promise((resolve) => {
      this.#dealer.next(vertex, subtask).then(resolve, this.#options.fail);
    });
  }

  /** Answers a subtask of another slot. */
  async deal(vertex: VertexId, subtask: number): Promise<void> {
    const split = await this.next(vertex, subtask);
    const none = split === undefined;
    this.#options.send({ kind: "splitDealt", vertex, subtask, split: split ?? null, none });
  }

  /** The cut of a source for a checkpoint. */
  async cut({ checkpoint, vertex, lastSerials }: Extract<ToSlot, { kind: "cutEnumerator" }>): Promise<void> {
    try {
      const state = await this.#dealer.cut(vertex, lastSerials);
      if (lastSerials.every((serial) => serial === Number.POSITIVE_INFINITY)) this.#finished.add(vertex);
      faultPoint("slot.enumerator-cut");
      this.#options.send({ kind: "enumeratorCut", checkpoint, vertex, state });
    } catch (error) {
      this.#options.send({ kind: "declined", checkpoint, error: toErrorReport(error) });
    }
  }

  /** Nobody waits for splits any more: sources end without. */
  stop(): void {
    this.#stopped = true;
  }

  /** @throws the first failure. */
  async close(): Promise<void> {
    await this.#dealer.close();
  }
}
