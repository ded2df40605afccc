/** Makes what was drawn (`faults.ts`) happen to a simulated cluster, and stops when it is told to. */

import type { FaultKind, PlannedFault } from "./faults.ts";
import { folderOfHost } from "./host-stores.ts";
import type { Host, SimulatedProcess } from "./process.ts";
import type { SimulatedCluster } from "./simulated-cluster.ts";

const RESTART_MS_MIN = 50;
const RESTART_MS_MAX = 3000;
const SHORT_PAUSE_MS_MAX = 800;
/** Longer than any heartbeat waits: others take it for dead, and it comes back. */
const LONG_PAUSE_MS_MAX = 9000;
const CUT_MS_MAX = 8000;
const SLOW_MS_MAX = 3000;
const FULL_MS_MAX = 4000;
const JUMP_AHEAD_MS_MAX = 3_600_000;
const JUMP_BACK_MS_MAX = 30_000;

export class FaultInjector {
  readonly #cluster: SimulatedCluster;
  readonly #faults: readonly PlannedFault[];
  readonly counts = new Map<string, number>();
  #ended = false;
  #hostLost = false;

  constructor(cluster: SimulatedCluster, faults: readonly PlannedFault[]) {
    this.#cluster = cluster;
    this.#faults = faults;
  }

  begin(): void {
    const { world } = this.#cluster;
    for (const fault of this.#faults)
      if ("ms" in fault.at) world.after(fault.at.ms, `fault ${fault.kind}`, () => this.#strike(fault, undefined));
  }

  stepReached(step: string, nth: number, process: SimulatedProcess): void {
    for (const fault of this.#faults)
      if ("step" in fault.at && fault.at.step === step && fault.at.nth === nth) this.#strike(fault, process);
  }

  /** Nothing goes wrong any more, and what was out of order is not. */
  end(): void {
    this.#ended = true;
    this.#cluster.network.heal();
    this.#cluster.disk.fullUntilMs = 0;
    this.#cluster.disk.slowUntilMs = 0;
  }

  /** `at`: the process that has come to the fault's step. */
  #strike(fault: PlannedFault, at: SimulatedProcess | undefined): void {
    if (this.#ended) return;
    const { kind } = fault;
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
    this.#cluster.note("step" in fault.at ? `${kind} at ${fault.at.step} ${fault.at.nth}` : kind);
    this.#do(kind, fault, at);
  }

  #do(kind: FaultKind, { which, amount }: PlannedFault, at: SimulatedProcess | undefined): void {
    const cluster = this.#cluster;
    const { network, disk, world } = cluster;
    const restartMs = RESTART_MS_MIN + amount * RESTART_MS_MAX;
    const pauseMs = which < 0.5 ? amount * SHORT_PAUSE_MS_MAX : amount * LONG_PAUSE_MS_MAX;
    const worker = at ?? pick(cluster.workers, which)?.process;
    switch (kind) {
      case "workerDies":
        if (worker !== undefined) cluster.kill(worker, restartMs);
        break;
      case "workerLosesPower":
        if (worker !== undefined) cluster.losePower(worker.host, restartMs);
        break;
      case "coordinatorDies":
        if (cluster.coordinator !== undefined) cluster.kill(cluster.coordinator, restartMs);
        break;
      case "coordinatorLosesPower":
        cluster.losePower(cluster.coordinatorHost, restartMs);
        break;
      case "clusterLosesPower":
        for (const host of this.#hosts) cluster.losePower(host, restartMs);
        break;
      case "hostIsLost":
        this.#lose(worker?.host, restartMs);
        break;
      case "slotDies":
        pick(pick(cluster.workers, which)?.slots ?? [], amount)?.lose(new Error("simulated"));
        break;
      case "workerStandsStill":
        worker?.standStill(pauseMs);
        break;
      case "coordinatorStandsStill":
        cluster.coordinator?.standStill(pauseMs);
        break;
      case "controlBreaks":
        pick(network.connections("control"), which)?.break();
        break;
      case "linkBreaks":
        pick(network.connections("link"), which)?.break();
        break;
      case "wayIsCut":
        this.#cut(which, amount);
        break;
      case "hostIsCutOff":
        this.#cutOff(at?.host ?? (pick(this.#hosts, which) as Host), amount * CUT_MS_MAX);
        break;
      case "networkIsSlow":
        network.slowUntilMs = world.nowMs + amount * SLOW_MS_MAX;
        break;
      case "diskIsFull":
        disk.fullUntilMs = world.nowMs + amount * FULL_MS_MAX;
        break;
      case "diskIsSlow":
        disk.slowUntilMs = world.nowMs + amount * SLOW_MS_MAX;
        break;
      case "clockJumps":
        this.#jump(pick(this.#hosts, which) as Host, amount);
        break;
    }
  }

  get #hosts(): readonly Host[] {
    return [this.#cluster.coordinatorHost, ...this.#cluster.hosts];
  }

  /** With all that its worker has stored. A second one could have the only copies that are left. */
  #lose(host: Host | undefined, restartMs: number): void {
    if (host === undefined || this.#hostLost || !this.#cluster.hasCopies) return;
    this.#hostLost = true;
    this.#cluster.losePower(host, restartMs);
    this.#cluster.disk.remove(folderOfHost(host), host);
  }

  /** One way only. */
  #cut(which: number, amount: number): void {
    const hosts = this.#hosts;
    const at = Math.floor(which * hosts.length);
    const other = (at + 1 + Math.floor(amount * (hosts.length - 1))) % hosts.length;
    this.#cluster.network.cut(hosts[at] as Host, hosts[other] as Host, ((amount * 97) % 1) * CUT_MS_MAX);
  }

  #cutOff(host: Host, ms: number): void {
    for (const other of this.#hosts) {
      if (other === host) continue;
      this.#cluster.network.cut(host, other, ms);
      this.#cluster.network.cut(other, host, ms);
    }
  }

  #jump(host: Host, amount: number): void {
    const ahead = amount * 2 - 1;
    host.clockOffsetMs += Math.round(ahead > 0 ? ahead * JUMP_AHEAD_MS_MAX : ahead * JUMP_BACK_MS_MAX);
  }
}

function pick<T>(from: readonly T[], which: number): T | undefined {
  return from[Math.floor(which * from.length)];
}
