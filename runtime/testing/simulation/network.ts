/**
 * The network between hosts: how long what is sent takes, and which ways are cut. What is sent on a connection while its way
 * is cut waits, as TCP sends it again; whoever connects meanwhile does not come through.
 *
 * A pipe is one direction of a connection: what is put in comes out in its order, each thing once, or from some point on
 * nothing any more.
 */

import type { Host, SimulatedProcess } from "./process.ts";
import type { World } from "./world.ts";

const LATENCY_MS_MIN = 0.1;
const LATENCY_MS_MAX = 2;
/** Now and then something is lost and sent again. */
const RESENT_SHARE = 0.01;
const RESENT_MS_MAX = 250;
const SLOWER = 60;

export class Network {
  readonly world: World;
  /** Until when everything takes longer. */
  slowUntilMs = 0;
  /** Until when nothing gets from one host to another, by their names. */
  readonly #cuts = new Map<string, number>();
  readonly #connections = new Set<Breakable>();

  constructor(world: World) {
    this.world = world;
  }

  cut(from: Host, to: Host, ms: number): void {
    const way = wayOf(from, to);
    this.#cuts.set(way, Math.max(this.#cuts.get(way) ?? 0, this.world.nowMs + ms));
  }

  /** Everything gets through at its usual pace from now on. */
  heal(): void {
    this.#cuts.clear();
    this.slowUntilMs = 0;
  }

  /** How long it takes now; what is cut comes when it is not any more. */
  latencyMs(from: Host, to: Host): number {
    const { world } = this;
    const slow = world.nowMs < this.slowUntilMs ? SLOWER : 1;
    const usual = world.between(LATENCY_MS_MIN, LATENCY_MS_MAX) * slow;
    const resent = world.chance(RESENT_SHARE) ? world.between(0, RESENT_MS_MAX) : 0;
    return usual + resent + Math.max(0, (this.#cuts.get(wayOf(from, to)) ?? 0) - world.nowMs);
  }

  /** Whether somebody who connects gets through, both ways. */
  reaches(from: Host, to: Host): boolean {
    const { nowMs } = this.world;
    return [wayOf(from, to), wayOf(to, from)].every((way) => (this.#cuts.get(way) ?? 0) <= nowMs);
  }

  opened(connection: Breakable): void {
    this.#connections.add(connection);
  }

  closed(connection: Breakable): void {
    this.#connections.delete(connection);
  }

  /** Those that are open. */
  connections(kind: Breakable["kind"]): readonly Breakable[] {
    return [...this.#connections].filter((each) => each.kind === kind);
  }
}

/** A connection, as faults see it. */
export interface Breakable {
  readonly kind: "control" | "link";
  /** Each side hears of it by itself. */
  break(): void;
}

function wayOf(from: Host, to: Host): string {
  return `${from.name}>${to.name}`;
}

export class Pipe {
  readonly #network: Network;
  readonly #from: SimulatedProcess;
  readonly #to: SimulatedProcess;
  #nextMs = 0;
  #open = true;

  constructor(network: Network, from: SimulatedProcess, to: SimulatedProcess) {
    this.#network = network;
    this.#from = from;
    this.#to = to;
  }

  /** `arrive` happens at the other end, behind all that was put in before. */
  put(what: string, arrive: () => void): void {
    const { world } = this.#network;
    if (!this.#from.alive) return;
    const atMs = world.nowMs + this.#network.latencyMs(this.#from.host, this.#to.host);
    this.#nextMs = Math.max(this.#nextMs, atMs);
    this.#to.after(this.#nextMs - world.nowMs, what, () => {
      if (this.#open) arrive();
    });
  }

  /** What has not come out is lost. */
  close(): void {
    this.#open = false;
  }
}
