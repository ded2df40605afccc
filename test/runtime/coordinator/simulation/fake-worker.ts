/**
 * A worker that does with its slots what a real one does, in virtual time: every slot reads splits, collects a row of
 * each, and ends when there are no more. It may crash, hang and wake as a zombie, and lose its connection. Slots of jobs
 * that take checkpoints stay until one holds their end; what a worker has to say of one may come late or never.
 */

import type { VertexId } from "../../../../core/ids.ts";
import type { AttemptId, WorkerId } from "../../../../runtime/cluster-ids.ts";
import {
  CONTROL_PROTOCOL,
  type Envelope,
  type FromWorker,
  type Greeting,
  type Labels,
  type RegionDeployment,
  type ToWorker,
  type WorkerHello,
} from "../../../../runtime/cluster-protocol.ts";
import type { ControlConnection } from "../../../../runtime/coordinator/worker-registry.ts";
import type { ErrorReport, FromSlot, SubtaskSnapshot, ToSlot } from "../../../../runtime/protocol.ts";
import type { CheckpointStore } from "../../../../runtime/state/checkpoint-store.ts";
import { failed } from "../fixtures/errors.ts";
import { dealtIn, FakeDealer, FakeReaders } from "./fake-checkpoints.ts";
import { FakeConnection } from "./fake-connection.ts";
import { type FakeSlot, hasRead } from "./fake-slot.ts";
import type { World } from "./world.ts";

/** What the workers see of a coordinator; it changes when the coordinator is restarted. */
export interface CoordinatorDoor {
  hello(hello: WorkerHello, connection: ControlConnection): Greeting | undefined;
  receive(worker: WorkerId, envelope: Envelope<FromWorker>): void;
  connectionLost(worker: WorkerId, epoch: number): void;
}

export interface Chances {
  /** Of a slot, at each split. */
  readonly slotFails: number;
  readonly slotLost: number;
  /** That a slot does not listen when it is told to end, until it is killed. */
  readonly slotDeaf: number;
  /** That a worker says nothing of a checkpoint, or that it failed. */
  readonly checkpointLost: number;
  readonly checkpointDeclined: number;
}

/** Splits that each source has. */
export const SPLITS = 4;

export class FakeWorker {
  readonly id: WorkerId;
  readonly #world: World;
  readonly #door: () => CoordinatorDoor;
  readonly #slotCount: number;
  readonly #labels: Labels;
  readonly #chances: () => Chances;
  readonly #openStore: (folder: string) => CheckpointStore;
  readonly #slots = new Map<string, FakeSlot>();
  #epoch = 0;
  #connection: FakeConnection | undefined;
  #alive = true;
  /** What it would have done while it hung. */
  #frozen: (() => void)[] | undefined;
  readonly seenEpochs: number[] = [];
  onDeployed: (attempt: AttemptId, slot: number) => void = () => {};

  constructor(
    id: string,
    slots: number,
    labels: Labels,
    world: World,
    door: () => CoordinatorDoor,
    chances: () => Chances,
    openStore: (folder: string) => CheckpointStore,
  ) {
    this.#openStore = openStore;
    this.id = id as WorkerId;
    this.#slotCount = slots;
    this.#labels = labels;
    this.#world = world;
    this.#door = door;
    this.#chances = chances;
    this.#connectSoon();
    this.#beat();
  }

  get alive(): boolean {
    return this.#alive;
  }

  get busySlots(): number {
    return [...this.#slots.values()].filter((slot) => !slot.ended).length;
  }

  attempts(): AttemptId[] {
    return [...new Set([...this.#slots.values()].map(({ deployment }) => deployment.attempt))];
  }

  crash(): void {
    this.#alive = false;
    this.#connection?.cut();
  }

  /** As SIGSTOP and SIGCONT: nothing happens in between, and then all at once. */
  hang(ms: number): void {
    if (this.#frozen !== undefined) return;
    this.#frozen = [];
    this.#world.after(ms, () => {
      const waiting = this.#frozen ?? [];
      this.#frozen = undefined;
      for (const act of waiting) this.#do(act);
    });
  }

  cutConnection(): void {
    this.#connection?.cut();
  }

  loseLink(peer: WorkerId): void {
    this.#do(() => this.#send({ kind: "linkLost", peer, attempts: this.attempts(), reason: "simulated" }));
  }

  /** The worker's own doing: not while it hangs, never after its end. */
  #do(act: () => void): void {
    if (!this.#alive) return;
    if (this.#frozen === undefined) act();
    else this.#frozen.push(act);
  }

  #after(ms: number, act: () => void): void {
    this.#world.after(ms, () => this.#do(act));
  }

  #beat(): void {
    this.#after(500, () => {
      this.#send({ kind: "heartbeat", serial: 0, rssBytes: 1 });
      this.#beat();
    });
  }

  #connectSoon(): void {
    this.#after(this.#world.between(10, 400), () => this.#connect());
  }

  #connect(): void {
    const connection = new FakeConnection(this.#world, (arrived) => this.#do(arrived));
    const description = {
      ...{ worker: this.id, host: "sim", pid: 1, slots: this.#slotCount, labels: this.#labels, memoryBytes: 0 },
      exchange: { kind: "unix" as const, path: `/${this.id}` },
    };
    const greeting = this.#door().hello(
      { kind: "hello", protocol: CONTROL_PROTOCOL, version: "sim", description },
      connection,
    );
    if (greeting?.kind !== "welcome") {
      this.#connectSoon();
      return;
    }
    this.#connection = connection;
    const door = this.#door();
    connection.onCoordinatorSide = () => door.connectionLost(this.id, greeting.epoch);
    connection.onWorkerSide = () => {
      if (this.#connection === connection) this.#connection = undefined;
      this.#connectSoon();
    };
    connection.onMessage = (envelope) => this.#receive(envelope);
    // The greeting is the first that comes.
    connection.deliver(() => {
      this.#slots.clear();
      this.#epoch = greeting.epoch;
      this.seenEpochs.push(greeting.epoch);
    });
  }

  #send(message: FromWorker): void {
    const envelope = { epoch: this.#epoch, message };
    const door = this.#door();
    this.#connection?.toCoordinator(() => door.receive(this.id, envelope));
  }

  #receive({ epoch, message }: Envelope<ToWorker>): void {
    if (epoch !== this.#epoch) return;
    switch (message.kind) {
      case "deploy":
        for (const { slot, worker } of message.deployment.placement) {
          if (worker === this.id) this.#start(message.deployment, slot);
        }
        break;
      case "toSlot": {
        const slot = this.#slots.get(`${message.attempt}#${message.slot}`);
        if (slot !== undefined && !slot.ended) this.#toSlot(slot, message.message);
        break;
      }
      case "end":
        for (const slot of this.#slots.values()) {
          if (slot.deployment.attempt === message.attempt) this.#tellEnd(slot, message.how);
        }
        break;
      case "checkpoint":
        this.#checkpoint(message);
        break;
      case "checkpointEnded":
        for (const slot of this.#slotsOf(message.attempt)) {
          if (message.complete && slot.heldBy === message.checkpoint) this.#endIfHeld(slot);
        }
        break;
      case "heartbeat":
      case "prepare":
      case "bundle":
      case "shutdown":
      case "store":
        break;
    }
  }

  #tellEnd(slot: FakeSlot, how: "cancel" | "stop" | "kill"): void {
    if (how === "cancel" && slot.deaf) return;
    // Stopped sources end as if they had read everything.
    this.#after(this.#world.between(1, 50), () => this.#end(slot, undefined));
  }

  #start(deployment: RegionDeployment, slot: number): void {
    const head = deployment.jobGraph.vertices.map(({ id }) => id).find((id) => id.startsWith("source")) as VertexId;
    const region = deployment.placement.map((each) => each.slot);
    const sources = deployment.executionGraph.subtasks.filter(
      (each) => each.vertex.startsWith("source") && region.includes(each.slot),
    );
    const own = sources.filter((each) => each.slot === slot).map((each) => `${each.vertex}/${each.subtask}`);
    const fake: FakeSlot = {
      deployment,
      slot,
      reading: new Set(own),
      deaf: this.#world.chance(this.#chances().slotDeaf),
      dealer: new FakeDealer(SPLITS),
      readers: new FakeReaders(own),
      mail: [],
      unanswered: 0,
      aligning: false,
      heldBy: undefined,
      told: 0,
      ended: false,
    };
    this.#slots.set(`${deployment.attempt}#${slot}`, fake);
    this.onDeployed(deployment.attempt, slot);
    const first = own.find((subtask) => subtask.endsWith("/0"))?.split("/")[0] as VertexId;
    const restored = dealtIn(this.#openStore(deployment.restore?.folder ?? ""), deployment, first);
    void restored.then((cut) => {
      fake.dealer = new FakeDealer(SPLITS, cut);
      const mail = fake.mail ?? [];
      fake.mail = undefined;
      for (const message of mail) this.#toSlot(fake, message);
      this.#slotAfter(fake, this.#world.between(1, 200), () => {
        this.#fromSlot(fake, { kind: "running" });
        for (const subtask of own) this.#ask(fake, subtask);
        if (own.length === 0 || head === undefined) this.#end(fake, undefined);
      });
    });
  }

  /** A slot's own doing: not after its end. */
  #slotAfter(slot: FakeSlot, ms: number, act: () => void): void {
    this.#after(ms, () => {
      if (!slot.ended && this.#slots.get(`${slot.deployment.attempt}#${slot.slot}`) === slot) act();
    });
  }

  #fromSlot({ deployment, slot }: FakeSlot, message: FromSlot): void {
    this.#send({ kind: "fromSlot", attempt: deployment.attempt, slot, message });
  }

  #ask(slot: FakeSlot, subtask: string): void {
    const [vertex, number] = subtask.split("/") as [VertexId, string];
    this.#fromSlot(slot, { kind: "requestSplit", vertex, subtask: Number(number) });
  }

  #toSlot(slot: FakeSlot, message: ToSlot): void {
    if (slot.mail !== undefined) {
      slot.mail.push(message);
      return;
    }
    switch (message.kind) {
      case "dealSplit": {
        const { vertex, subtask } = message;
        const dealt = slot.dealer.deal(subtask);
        const none = dealt === undefined;
        if (none) slot.told++;
        this.#fromSlot(slot, { kind: "splitDealt", vertex, subtask, split: dealt ?? null, none });
        this.#endIfDone(slot);
        break;
      }
      case "split":
        this.#slotAfter(slot, this.#world.between(1, 2000), () => this.#read(slot, message));
        break;
      case "cutEnumerator": {
        const { checkpoint, vertex, lastSerials } = message;
        this.#slotAfter(slot, this.#world.between(1, 50), () => {
          const state = slot.dealer.cut(lastSerials);
          this.#fromSlot(slot, { kind: "enumeratorCut", checkpoint, vertex, state });
        });
        break;
      }
      case "collected":
        slot.unanswered--;
        this.#ask(slot, this.#unanswered.get(message.serial) as string);
        this.#unanswered.delete(message.serial);
        break;
      case "cancel":
      case "stop":
      case "oversize":
      case "checkpoint":
      case "checkpointEnded":
      case "overtake":
      case "aligned":
      case "released":
      case "stored":
        break;
    }
  }

  /** One that deals splits has to have said that nothing of them is left: nobody can ask it later. */
  #endIfHeld(slot: FakeSlot): void {
    const { subtasks } = slot.deployment.executionGraph;
    const deals = subtasks.some(
      (each) => each.slot === slot.slot && each.subtask === 0 && each.vertex.startsWith("source"),
    );
    if (!deals || slot.dealer.final) this.#end(slot, undefined);
    else {
      slot.heldBy = undefined;
      this.#fromSlot(slot, { kind: "wantsCheckpoint" });
    }
  }

  #slotsOf(attempt: AttemptId): readonly FakeSlot[] {
    return [...this.#slots.values()].filter((slot) => slot.deployment.attempt === attempt && !slot.ended);
  }

  #checkpoint({ attempt, checkpoint }: Extract<ToWorker, { kind: "checkpoint" }>): void {
    const slots = this.#slotsOf(attempt);
    const subtasks: SubtaskSnapshot[] = [];
    let left = slots.length;
    for (const slot of slots) {
      this.#slotAfter(slot, this.#world.between(1, 50), () =>
        this.#cut(slot, checkpoint, (snapshot) => {
          subtasks.push(...snapshot);
          if (--left === 0) this.#acknowledge(slots, checkpoint, subtasks);
        }),
      );
    }
  }

  /** At its barrier: when all its rows are safe. */
  #cut(slot: FakeSlot, checkpoint: number, done: (snapshot: readonly SubtaskSnapshot[]) => void): void {
    slot.aligning = slot.unanswered > 0;
    if (slot.aligning) {
      this.#slotAfter(slot, 10, () => this.#cut(slot, checkpoint, done));
      return;
    }
    if (hasRead(slot)) slot.heldBy = checkpoint;
    done(slot.readers.snapshot(slot.deployment.attemptNumber));
  }

  #acknowledge(slots: readonly FakeSlot[], checkpoint: number, subtasks: readonly SubtaskSnapshot[]): void {
    const { checkpointLost, checkpointDeclined } = this.#chances();
    if (this.#world.chance(checkpointLost)) return;
    const [first] = slots as [FakeSlot];
    const { attempt } = first.deployment;
    const declined = this.#world.chance(checkpointDeclined);
    this.#slotAfter(first, this.#world.between(1, 300), () => {
      if (declined) this.#send({ kind: "snapshotDeclined", attempt, checkpoint, error: failed("a full disk") });
      else
        this.#send({
          kind: "snapshot",
          attempt,
          checkpoint,
          slots: slots.map(({ slot }) => slot),
          written: [],
          subtasks,
        });
    });
  }

  readonly #unanswered = new Map<number, string>();
  #serial = 0;

  #read(slot: FakeSlot, { vertex, subtask, split, none }: Extract<ToSlot, { kind: "split" }>): void {
    if (slot.aligning) {
      this.#slotAfter(slot, 10, () => this.#read(slot, { kind: "split", vertex, subtask, split, none }));
      return;
    }
    const { slotFails, slotLost } = this.#chances();
    if (this.#world.chance(slotFails)) {
      this.#fromSlot(slot, { kind: "failed", error: failed("simulated") });
      this.#end(slot, undefined);
    } else if (this.#world.chance(slotLost)) {
      this.#end(slot, failed("simulated", "SLOT_LOST"));
    } else if (none) {
      slot.reading.delete(`${vertex}/${subtask}`);
      slot.readers.ended(`${vertex}/${subtask}`);
      this.#endIfDone(slot);
    } else {
      const dealt = split as { readonly serial: number; readonly split: number };
      slot.readers.read(`${vertex}/${subtask}`, dealt.serial);
      slot.unanswered++;
      this.#unanswered.set(++this.#serial, `${vertex}/${subtask}`);
      this.#fromSlot(slot, {
        kind: "collect",
        operator: `rows-of-${vertex}`,
        rows: [dealt.split],
        serial: this.#serial,
      });
    }
  }

  /** A slot ends when its subtasks have read everything; one that deals splits when it has told every reader so. */
  #endIfDone(slot: FakeSlot): void {
    if (!hasRead(slot)) return;
    if (!slot.deployment.checkpointing) this.#end(slot, undefined);
    else if (slot.heldBy === undefined) this.#fromSlot(slot, { kind: "wantsCheckpoint" });
  }

  #end(slot: FakeSlot, lost: ErrorReport | undefined): void {
    if (slot.ended) return;
    slot.ended = true;
    const { attempt } = slot.deployment;
    this.#slots.delete(`${attempt}#${slot.slot}`);
    this.#send({ kind: "slotEnded", attempt, slot: slot.slot, lost });
  }
}
