/**
 * Placement: which worker runs which slot.
 *
 * The strategy is a seam: this one knows the slots that are wanted and the workers that are there. One that also knows
 * queues, priorities or costs fulfils the same contract.
 */

import type { WorkerId } from "../cluster-ids.ts";
import type { Labels } from "../cluster-protocol.ts";
import { labelsText } from "../graph/regions.ts";

export interface WantedSlot {
  /** Of the execution graph. */
  readonly slot: number;
  /** What its worker must have. */
  readonly labels: Labels;
}

export interface WorkerCapacity {
  readonly worker: WorkerId;
  readonly slots: number;
  readonly free: number;
  readonly labels: Labels;
}

export type Placement =
  /** A worker for each wanted slot, in their order. */
  | { readonly kind: "placed"; readonly workers: readonly WorkerId[] }
  | {
      readonly kind: "missing";
      /** As a sentence goes on: "needs 4 slots, 2 are free; …". */
      readonly what: string;
      /** Whether the present workers could run it if nothing else ran. */
      readonly fitsWhenIdle: boolean;
    };

export interface PlacementStrategy {
  /** All or nothing. REQUIRES: no worker is named twice. ENSURES: the same input gives the same answer. */
  place(wanted: readonly WantedSlot[], workers: readonly WorkerCapacity[]): Placement;
}

/**
 * Spreads slots over workers: each goes to the one that is used least and has the labels.
 *
 * 1. The slots with the fewest fitting workers come first.
 * 2. Each takes the fitting worker with the fewest slots in use that has one free.
 * 3. Where none is free, slots placed before move to other workers along an augmenting path, so that a placement is
 *    found whenever there is one (Kuhn's algorithm, with workers of more than one place).
 */
export const spreadPlacement: PlacementStrategy = {
  place(wanted, workers) {
    const placed = assign(wanted, workers);
    if (placed.every((worker) => worker !== undefined)) return { kind: "placed", workers: placed };
    const idle = workers.map((worker) => ({ ...worker, free: worker.slots }));
    const fitsWhenIdle = assign(wanted, idle).every((worker) => worker !== undefined);
    return { kind: "missing", what: describeMissing(wanted, workers, placed), fitsWhenIdle };
  },
};

function assign(wanted: readonly WantedSlot[], workers: readonly WorkerCapacity[]): (WorkerId | undefined)[] {
  const fitting = wanted.map(({ labels }) => workers.filter((worker) => hasLabels(worker.labels, labels)));
  const order = wanted.map((_, at) => at).sort((a, b) => lengthOf(fitting[a]) - lengthOf(fitting[b]) || a - b);
  const held = new Map<WorkerCapacity, number[]>(workers.map((worker) => [worker, []]));
  for (const at of order) seat(at, fitting, held, new Set());
  const placed = new Array<WorkerId | undefined>(wanted.length).fill(undefined);
  for (const [{ worker }, slots] of held) for (const at of slots) placed[at] = worker;
  return placed;
}

/** Finds a place for a slot, moving others where needed. A worker is visited once a search. */
function seat(
  at: number,
  fitting: readonly (readonly WorkerCapacity[])[],
  held: ReadonlyMap<WorkerCapacity, number[]>,
  visited: Set<WorkerCapacity>,
): boolean {
  const slotsOf = (worker: WorkerCapacity): number[] => held.get(worker) as number[];
  const used = (worker: WorkerCapacity): number => worker.slots - worker.free + slotsOf(worker).length;
  const byUse = [...(fitting[at] ?? [])].sort((a, b) => used(a) - used(b));
  const open = byUse.find((worker) => slotsOf(worker).length < worker.free);
  if (open !== undefined) {
    slotsOf(open).push(at);
    return true;
  }
  for (const worker of byUse) {
    if (visited.has(worker)) continue;
    visited.add(worker);
    for (const other of slotsOf(worker)) {
      if (!seat(other, fitting, held, visited)) continue;
      const slots = slotsOf(worker);
      slots.splice(slots.indexOf(other), 1, at);
      return true;
    }
  }
  return false;
}

export function hasLabels(offered: Labels, required: Labels): boolean {
  return Object.entries(required).every(([name, value]) => Object.hasOwn(offered, name) && offered[name] === value);
}

function describeMissing(
  wanted: readonly WantedSlot[],
  workers: readonly WorkerCapacity[],
  placed: readonly (WorkerId | undefined)[],
): string {
  const free = workers.reduce((sum, worker) => sum + worker.free, 0);
  const total = workers.reduce((sum, worker) => sum + worker.slots, 0);
  const unplaced = wanted.filter((_, at) => placed[at] === undefined);
  const lines = [...Map.groupBy(unplaced, ({ labels }) => labelsText(labels)).values()].map((same) =>
    describeGroup(same, workers),
  );
  const head = `needs ${count(wanted.length, "slot")}, ${free} of ${total} on ${count(workers.length, "worker")} ${free === 1 ? "is" : "are"} free`;
  return [head, ...lines].join("; ");
}

/** "slot 3 needs a worker with gpu=true, no worker has it". */
function describeGroup(same: readonly WantedSlot[], workers: readonly WorkerCapacity[]): string {
  const labels = same[0]?.labels ?? {};
  const names = same.map(({ slot }) => slot + 1).join(", ");
  const who = same.length === 1 ? `slot ${names} needs` : `slots ${names} need`;
  if (Object.keys(labels).length === 0) return `${who} any worker`;
  const fitting = workers.filter((worker) => hasLabels(worker.labels, labels));
  const slots = fitting.reduce((sum, worker) => sum + worker.slots, 0);
  const there =
    fitting.length === 0
      ? "no worker has it"
      : `${count(fitting.length, "worker")} with ${count(slots, "slot")} ${fitting.length === 1 ? "has" : "have"} it`;
  return `${who} a worker with ${labelsText(labels)}, ${there}`;
}

function count(number: number, one: string): string {
  return `${number} ${one}${number === 1 ? "" : "s"}`;
}

function lengthOf(list: readonly unknown[] | undefined): number {
  return list?.length ?? 0;
}
