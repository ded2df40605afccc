/**
 * A worker that does with its slots what a real one does, in virtual time: every slot reads splits, collects a row of
 * each, and ends when there are no more. It may crash, hang and wake as a zombie, and lose its connection.
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
import type { ErrorReport, FromSlot, ToSlot } from "../../../../runtime/protocol.ts";
import { failed } from "../fixtures/errors.ts";
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
}

/** Splits that each source has. */
export const SPLITS = 4;

interface FakeSlot {
  readonly deployment: RegionDeployment;
  readonly slot: number;
  /** The source's subtasks that it has. */
  readonly reading: Set<string>;
  readonly deaf: boolean;
  dealt: number;
  told: number;
  ended: boolean;
}

export class FakeWorker {
  readonly id: WorkerId;
  readonly #world: World;
  readonly #door: () => CoordinatorDoor;
  readonly #slotCount: number;
  readonly #labels: Labels;
  readonly #chances: () => Chances;
  readonly #slots = new Map<string, FakeSlot>();
  #epoch = 0;
  #connection: Connection | undefined;
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
  ) {
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
    const connection = new Connection(this.#world, (arrived) => this.#do(arrived));
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
      case "heartbeat":
      case "prepare":
      case "checkpoint":
      case "checkpointEnded":
      case "bundle":
      case "shutdown":
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
      dealt: 0,
      told: 0,
      ended: false,
    };
    this.#slots.set(`${deployment.attempt}#${slot}`, fake);
    this.onDeployed(deployment.attempt, slot);
    this.#slotAfter(fake, this.#world.between(1, 200), () => {
      this.#fromSlot(fake, { kind: "running" });
      for (const subtask of own) this.#ask(fake, subtask);
      if (own.length === 0 || head === undefined) this.#end(fake, undefined);
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
    switch (message.kind) {
      case "dealSplit": {
        const none = slot.dealt >= SPLITS;
        if (none) slot.told++;
        const { vertex, subtask } = message;
        this.#fromSlot(slot, { kind: "splitDealt", vertex, subtask, split: none ? null : slot.dealt++, none });
        this.#endIfDone(slot);
        break;
      }
      case "split":
        this.#slotAfter(slot, this.#world.between(1, 2000), () => this.#read(slot, message));
        break;
      case "collected":
        this.#ask(slot, this.#unanswered.get(message.serial) as string);
        this.#unanswered.delete(message.serial);
        break;
      case "cancel":
      case "stop":
      case "oversize":
      case "checkpoint":
      case "cutEnumerator":
      case "checkpointEnded":
      case "stored":
        break;
    }
  }

  readonly #unanswered = new Map<number, string>();
  #serial = 0;

  #read(slot: FakeSlot, { vertex, subtask, split, none }: Extract<ToSlot, { kind: "split" }>): void {
    const { slotFails, slotLost } = this.#chances();
    if (this.#world.chance(slotFails)) {
      this.#fromSlot(slot, { kind: "failed", error: failed("simulated") });
      this.#end(slot, undefined);
    } else if (this.#world.chance(slotLost)) {
      this.#end(slot, failed("simulated", "SLOT_LOST"));
    } else if (none) {
      slot.reading.delete(`${vertex}/${subtask}`);
      this.#endIfDone(slot);
    } else {
      this.#unanswered.set(++this.#serial, `${vertex}/${subtask}`);
      this.#fromSlot(slot, { kind: "collect", operator: `rows-of-${vertex}`, rows: [split], serial: this.#serial });
    }
  }

  /** A slot ends when its subtasks have read everything; one that deals splits when it has told every reader so. */
  #endIfDone(slot: FakeSlot): void {
    const { subtasks } = slot.deployment.executionGraph;
    const heads = subtasks.filter(
      (each) => each.slot === slot.slot && each.subtask === 0 && each.vertex.startsWith("source"),
    );
    const readers = subtasks.filter((each) => heads.some((head) => head.vertex === each.vertex)).length;
    if (slot.reading.size === 0 && slot.told >= readers) this.#end(slot, undefined);
  }

  #end(slot: FakeSlot, lost: ErrorReport | undefined): void {
    if (slot.ended) return;
    slot.ended = true;
    const { attempt } = slot.deployment;
    this.#slots.delete(`${attempt}#${slot.slot}`);
    this.#send({ kind: "slotEnded", attempt, slot: slot.slot, lost });
  }
}

/** Messages in order, each side's after a delay; what is under way when it is cut is lost, or comes late as a zombie's. */
class Connection implements ControlConnection {
  readonly #world: World;
  readonly #workerDoes: (act: () => void) => void;
  #open = true;
  #nextToWorker = 0;
  #nextToCoordinator = 0;
  onMessage: (envelope: Envelope<ToWorker>) => void = () => {};
  onWorkerSide: () => void = () => {};
  onCoordinatorSide: () => void = () => {};

  constructor(world: World, workerDoes: (act: () => void) => void) {
    this.#world = world;
    this.#workerDoes = workerDoes;
  }

  send(envelope: Envelope<ToWorker>): void {
    this.deliver(() => this.onMessage(envelope));
  }

  deliver(arrive: () => void): void {
    if (!this.#open) return;
    this.#nextToWorker = Math.max(this.#nextToWorker, this.#world.clock.now() + this.#world.between(0, 20));
    this.#world.after(this.#nextToWorker - this.#world.clock.now(), () => {
      if (this.#open) this.#workerDoes(arrive);
    });
  }

  toCoordinator(arrive: () => void): void {
    // What a process has written arrives even if it has gone: sometimes long after.
    const late = this.#open ? 0 : this.#world.between(0, 5000);
    if (!this.#open && this.#world.chance(0.5)) return;
    this.#nextToCoordinator = Math.max(
      this.#nextToCoordinator,
      this.#world.clock.now() + this.#world.between(0, 20) + late,
    );
    this.#world.after(this.#nextToCoordinator - this.#world.clock.now(), arrive);
  }

  cut(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#world.after(this.#world.between(0, 100), () => this.onCoordinatorSide());
    this.#world.after(this.#world.between(0, 100), () => this.#workerDoes(() => this.onWorkerSide()));
  }

  /** By the coordinator. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#world.after(this.#world.between(0, 100), () => this.#workerDoes(() => this.onWorkerSide()));
  }
}
