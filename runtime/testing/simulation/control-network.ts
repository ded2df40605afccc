/**
 * Control connections between simulated processes: what `wire/connection.ts` promises, over a network that breaks them, and
 * processes that die. Messages are copied, as between processes.
 *
 * When a connection breaks, each side hears of it in its own time; what was under way until then still arrives, so that one
 * side may hear an old connection while the other has a new one.
 */

import { MillraceError } from "../../../core/errors.ts";
import { attachConnection } from "../../coordinator/control-rim.ts";
import type {
  CloseKind,
  CloseReason,
  ConnectionToCoordinator,
  CoordinatorMessage,
  MessageConnection,
  WorkerMessage,
} from "../../wire/connection.ts";
import { type Breakable, type Network, Pipe } from "./network.ts";
import type { SimulatedProcess } from "./process.ts";

/** Who takes connections. */
export interface ControlDoor {
  readonly process: SimulatedProcess;
  readonly cluster: Parameters<typeof attachConnection>[1]["cluster"];
}

/** A connection that breaks is noticed within so long; one to a process that has died at once. */
const BREAK_NOTICED_MS_MAX = 1500;
const DEATH_NOTICED_MS_MAX = 20;
const CONNECT_TIMEOUT_MS = 2000;
const REFUSED_AFTER_MS = 5;

export class ControlNetwork {
  readonly #network: Network;
  door: ControlDoor | undefined;

  constructor(network: Network) {
    this.#network = network;
  }

  /** As `wire/connect-control.ts`. @throws COORDINATOR_UNREACHABLE, NOT_READY */
  connect(worker: SimulatedProcess): Promise<ConnectionToCoordinator> {
    const { door } = this;
    const reached = door !== undefined && this.#network.reaches(worker.host, door.process.host);
    const ms = reached || door === undefined ? REFUSED_AFTER_MS : CONNECT_TIMEOUT_MS;
    return worker.later(ms, "connects", () => {
      if (door === undefined || door !== this.door || !door.process.alive) throw unreachable();
      if (!this.#network.reaches(worker.host, door.process.host)) throw unreachable();
      if (!door.cluster.ready) throw new MillraceError("NOT_READY", "the coordinator is starting or stopping");
      return this.#open(worker, door);
    });
  }

  #open(worker: SimulatedProcess, { process, cluster }: ControlDoor): ConnectionToCoordinator {
    const toCoordinator = new Pipe(this.#network, worker, process);
    const toWorker = new Pipe(this.#network, process, worker);
    const near = new ControlEnd<WorkerMessage, CoordinatorMessage>(process.name, worker, toCoordinator);
    const far = new ControlEnd<CoordinatorMessage, WorkerMessage>(worker.name, process, toWorker);
    near.other = far;
    far.other = near;
    const connection: Breakable = {
      kind: "control",
      break: () => {
        for (const end of [near, far]) end.lostWithin(BREAK_NOTICED_MS_MAX, "the network lost it");
      },
    };
    this.#network.opened(connection);
    const forget = (): void => this.#network.closed(connection);
    void near.closed.then(forget);
    void far.closed.then(forget);
    worker.onDeath.push(() => far.lostWithin(DEATH_NOTICED_MS_MAX, `${worker.name} has died`));
    process.onDeath.push(() => near.lostWithin(DEATH_NOTICED_MS_MAX, `${process.name} has died`));
    attachConnection(far, { cluster, log: () => {} });
    return near;
  }
}

class ControlEnd<Send, Receive> implements MessageConnection<Send, Receive> {
  readonly peer: string;
  readonly queuedBytes = 0;
  readonly closed: Promise<CloseReason>;
  readonly #process: SimulatedProcess;
  readonly #pipe: Pipe;
  readonly #closed = Promise.withResolvers<CloseReason>();
  /** What came before anybody wanted it. */
  readonly #early: Receive[] = [];
  #receive: ((message: Receive) => void) | undefined;
  #over = false;
  other: ControlEnd<Receive, Send> | undefined;

  constructor(peer: string, process: SimulatedProcess, pipe: Pipe) {
    this.peer = peer;
    this.#process = process;
    this.#pipe = pipe;
    this.closed = this.#closed.promise;
  }

  send(message: Send): void {
    if (this.#over) return;
    const copy = structuredClone(message);
    this.#pipe.put(nameOf(copy), () => this.other?.came(copy));
  }

  came(message: Receive): void {
    if (this.#over) return;
    if (this.#receive === undefined) this.#early.push(message);
    else this.#receive(message);
  }

  onMessage(receive: (message: Receive) => void): void {
    this.#receive = receive;
    for (const message of this.#early.splice(0)) this.#receive(message);
  }

  close(reason = "closed by this side"): void {
    if (this.#over) return;
    this.#pipe.put("ended", () => this.other?.end("ended", `${this.peer} ended the connection`));
    this.end("closed", reason);
  }

  destroy(reason = "closed by this side"): void {
    if (this.#over) return;
    this.#pipe.close();
    this.other?.lostWithin(DEATH_NOTICED_MS_MAX, "the other side has destroyed it");
    this.end("closed", reason);
  }

  lostWithin(ms: number, reason: string): void {
    const { world } = this.#process;
    this.#process.after(world.between(0, ms), "loses its connection", () => this.end("lost", reason));
  }

  end(kind: CloseKind, message: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#closed.resolve({ kind, message });
  }
}

function nameOf(message: unknown): string {
  const { kind, message: inner } = message as { readonly kind?: string; readonly message?: { readonly kind: string } };
  const innermost = (inner as { readonly message?: { readonly kind?: string } } | undefined)?.message?.kind;
  return innermost ?? inner?.kind ?? kind ?? "";
}

function unreachable(): MillraceError {
  return new MillraceError("COORDINATOR_UNREACHABLE", "no connection to the coordinator");
}
