/**
 * The connection between a worker and a coordinator in virtual time: messages in order, each side's after a delay; what is
 * under way when it is cut is lost, or comes late as a zombie's.
 */

import type { Envelope, ToWorker } from "../../../../runtime/cluster-protocol.ts";
import type { ControlConnection } from "../../../../runtime/coordinator/worker-registry.ts";
import type { World } from "./world.ts";

export class FakeConnection implements ControlConnection {
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
