/**
 * One attempt of a job that takes checkpoints, in the calling thread: relays what its slots say to each other, takes a
 * checkpoint whenever it is told to or a slot wants one, and can be dropped at any moment, as if its process had died.
 *
 *         take            all slots have acknowledged      all enumerators are cut        the manifest is there
 *   idle ──────► pending ───────────────────────────► cutting ──────────────────► writing ─────────────────────► idle
 *                  └──── declined, or a slot has ended without it: told to the slots as come to nothing ──────────►┘
 */

import { AssertionFailure } from "../../core/assert.ts";
import type { VertexId } from "../../core/ids.ts";
import { manifestOf } from "../checkpoints/manifest-parts.ts";
import { type Acknowledgement, SlotSnapshots } from "../checkpoints/slot-snapshots.ts";
import { answerRead } from "../checkpoints/stored-reads.ts";
import { Alignment } from "../coordinator/alignment.ts";
import { fromErrorReport } from "../error-report.ts";
import type { Plan } from "../graph/plan.ts";
import type { FromSlot, SubtaskSnapshot, ToSlot } from "../protocol.ts";
import { type ChainLink, encodeManifest, manifestCrc } from "../state/checkpoint-manifest.ts";
import { type CheckpointStore, checkpointName } from "../state/checkpoint-store.ts";
import type { InThreadSlot } from "./in-thread-slot.ts";

export interface CheckpointedAttemptOptions {
  readonly plan: Plan;
  /** The sources, whose enumerators run in the first slot. */
  readonly sources: readonly VertexId[];
  readonly store: CheckpointStore;
  /** The number that was given last. */
  readonly last: number;
  /** It crashes when it has completed so many, before anybody hears of the last. */
  readonly crashAtCheckpoint: number | undefined;
  readonly collect: (operator: string, slot: number, rows: readonly unknown[]) => void;
  readonly log: (message: Extract<FromSlot, { kind: "log" }>) => void;
}

interface UnderWay {
  readonly checkpoint: number;
  acknowledgement: Acknowledgement | undefined;
  readonly cuts: Map<VertexId, Uint8Array>;
  writing: boolean;
  overtakes: boolean;
}

export class CheckpointedAttempt {
  readonly #options: CheckpointedAttemptOptions;
  readonly #snapshots: SlotSnapshots;
  readonly #alignment = new Alignment();
  #slots: readonly InThreadSlot[] = [];
  readonly #open = new Set<number>();
  readonly #newest = new Map<string, SubtaskSnapshot>();
  #cuts: ReadonlyMap<VertexId, Uint8Array> = new Map();
  #chain: readonly ChainLink[] = [];
  #current: UnderWay | undefined;
  #wanted = false;
  #dropped = false;
  #completed = 0;
  crashed = false;
  /** The first thing that went wrong. */
  failure: Error | undefined;
  last: number;

  constructor(options: CheckpointedAttemptOptions) {
    this.#options = options;
    this.last = options.last;
    this.#snapshots = new SlotSnapshots({
      worker: "in-thread",
      acknowledge: (acknowledgement) => this.#acknowledged(acknowledgement),
      decline: (_, cause) => this.#fail(cause),
    });
  }

  get underWay(): boolean {
    return this.#current !== undefined;
  }

  /** Resolves when all slots have ended. */
  async run(slots: readonly InThreadSlot[]): Promise<void> {
    this.#slots = slots;
    for (const at of slots.keys()) this.#open.add(at);
    for (const [at, slot] of slots.entries()) slot.port.onMessage((message) => this.#receive(at, message));
    await Promise.all(slots.map((slot, at) => this.#untilEnded(slot, at)));
    if (this.failure !== undefined) throw this.failure;
  }

  /** Begins a checkpoint, unless one is under way. */
  take(): void {
    if (this.#current !== undefined || this.#open.size === 0 || this.failure !== undefined) return;
    this.#wanted = false;
    const checkpoint = ++this.last;
    this.#current = { checkpoint, acknowledgement: undefined, cuts: new Map(), writing: false, overtakes: false };
    this.#snapshots.begin(checkpoint, [...this.#open], Promise.resolve(this.#options.store));
    this.#tellAll({ kind: "checkpoint", checkpoint, full: false });
  }

  /** The checkpoint under way does not wait for barriers any more. */
  overtake(): void {
    if (this.#current === undefined || this.#current.overtakes) return;
    this.#current.overtakes = true;
    this.#tellAll({ kind: "overtake", checkpoint: this.#current.checkpoint });
  }

  /** The checkpoint under way comes to nothing, unless its manifest is being written. */
  giveUp(): void {
    if (this.#current !== undefined && !this.#current.writing) this.#over(this.#current.checkpoint, false);
  }

  /** Nothing that its slots still say is heard any more. Frees what they have open. */
  async drop(): Promise<void> {
    this.#dropped = true;
    await Promise.all(this.#slots.map((slot) => slot.abandon()));
  }

  cancel(): void {
    this.#tellAll({ kind: "cancel" });
  }

  async #untilEnded(slot: InThreadSlot, at: number): Promise<void> {
    await slot.ended;
    await slot.port.closed;
    this.#open.delete(at);
    this.#snapshots.slotEnded(at);
    const current = this.#current;
    if (current === undefined || current.writing) return;
    // The first slot had to say what it has dealt out, too.
    if (current.acknowledgement === undefined || at === 0) this.#over(current.checkpoint, false);
  }

  #receive(slot: number, message: FromSlot): void {
    if (this.#dropped) return;
    switch (message.kind) {
      case "running":
      case "report":
        break;
      case "log":
        this.#options.log(message);
        break;
      case "requestSplit":
        this.#tell(0, { ...message, kind: "dealSplit" });
        break;
      case "splitDealt":
        this.#tell(this.#slotOf(message.vertex, message.subtask), { ...message, kind: "split" });
        break;
      case "oversize":
        this.#tell(message.toSlot, message);
        break;
      case "align":
        for (const { slot: to, ...aligned } of this.#alignment.report(slot, message))
          this.#tell(to, { kind: "aligned", ...aligned });
        break;
      case "collect":
        this.#options.collect(message.operator, slot, message.rows);
        this.#tell(slot, { kind: "collected", serial: message.serial });
        break;
      case "blocks":
      case "snapshotted":
        this.#snapshots.receive(slot, message);
        break;
      case "declined":
        if (this.#current?.checkpoint === message.checkpoint) this.#over(message.checkpoint, false);
        break;
      case "enumeratorCut":
        this.#cut(message.checkpoint, message.vertex, message.state);
        break;
      case "wantsCheckpoint":
      case "atEnd":
        this.#wanted = true;
        this.take();
        break;
      case "readManifest":
      case "readBlocks":
        void answerRead(Promise.resolve(this.#options.store), message).then((stored) => this.#tell(slot, stored));
        break;
      case "failed":
        this.#fail(fromErrorReport(message.error));
        break;
      case "printed":
        throw new AssertionFailure("a slot of a job in one thread prints by itself");
    }
  }

  #acknowledged(acknowledgement: Acknowledgement): void {
    const current = this.#current;
    if (this.#dropped || current?.checkpoint !== acknowledgement.checkpoint) return;
    current.acknowledgement = acknowledgement;
    for (const snapshot of acknowledgement.subtasks)
      this.#newest.set(`${snapshot.vertex} ${snapshot.subtask}`, snapshot);
    // The first slot stays as long as it has enumerators; afterwards the last cut holds all there is.
    const asked = this.#open.has(0) ? this.#options.sources : [];
    for (const vertex of asked) {
      const lastSerials = this.#lastSerials(vertex);
      this.#tell(0, { kind: "cutEnumerator", checkpoint: current.checkpoint, vertex, lastSerials });
    }
    if (asked.length === 0) void this.#write(current, acknowledgement);
  }

  #lastSerials(vertex: VertexId): readonly number[] {
    const parallelism = this.#options.plan.jobGraph.vertices.find(({ id }) => id === vertex)?.parallelism ?? 0;
    return Array.from({ length: parallelism }, (_, at) => this.#newest.get(`${vertex} ${at}`)?.source?.lastSerial ?? 0);
  }

  #cut(checkpoint: number, vertex: VertexId, state: Uint8Array): void {
    const current = this.#current;
    if (current?.checkpoint !== checkpoint || current.acknowledgement === undefined) return;
    current.cuts.set(vertex, state);
    if (current.cuts.size === this.#options.sources.length) void this.#write(current, current.acknowledgement);
  }

  async #write(current: UnderWay, { written }: Acknowledgement): Promise<void> {
    const { checkpoint, cuts } = current;
    current.writing = true;
    const { plan, store } = this.#options;
    this.#cuts = new Map([...this.#cuts, ...cuts]);
    const manifest = manifestOf({
      ...{ checkpoint, lineage: "in-thread", savepoint: false, createdAtMs: 0 },
      ...{ chain: this.#chain, jobGraph: plan.jobGraph, written },
      subtasks: [...this.#newest.values()],
      cuts: this.#cuts,
    });
    const bytes = encodeManifest(manifest);
    const name = checkpointName(checkpoint);
    await store.writeManifest(name, bytes);
    if (++this.#completed === this.#options.crashAtCheckpoint) this.crashed = true;
    if (this.#dropped || this.crashed) return;
    this.#chain = [...this.#chain, { name, crc: manifestCrc(bytes) }];
    this.#over(checkpoint, true);
  }

  #over(checkpoint: number, complete: boolean): void {
    this.#current = undefined;
    this.#snapshots.ended(checkpoint);
    this.#tellAll({ kind: "checkpointEnded", checkpoint, complete });
    if (this.#wanted || !complete) this.take();
  }

  #fail(cause: Error): void {
    if (this.#dropped || this.failure !== undefined) return;
    this.failure = cause;
    this.cancel();
  }

  #slotOf(vertex: VertexId, subtask: number): number {
    const { subtasks } = this.#options.plan.executionGraph;
    const placement = subtasks.find((each) => each.vertex === vertex && each.subtask === subtask);
    return placement?.slot ?? 0;
  }

  #tell(slot: number, message: ToSlot): void {
    if (!this.#dropped && this.#open.has(slot)) this.#slots[slot]?.port.send(message);
  }

  #tellAll(message: ToSlot): void {
    for (const slot of this.#open) this.#tell(slot, message);
  }
}
