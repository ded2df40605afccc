/**
 * What goes wrong in a simulated cluster, and when: drawn from the seed before the run begins.
 *
 * A fault strikes at a moment, or when a process comes to a named step of a protocol (`fault-point.ts`) for the nth time. Both
 * are drawn from what a run without faults has shown, so that all of a job's life is hit alike, however long it takes, and
 * from one with restarts, which have steps of their own.
 */

import type { World } from "./world.ts";

export const faultKinds = [
  "workerDies",
  "workerLosesPower",
  "coordinatorDies",
  "coordinatorLosesPower",
  "clusterLosesPower",
  "slotDies",
  "workerStandsStill",
  "coordinatorStandsStill",
  "controlBreaks",
  "linkBreaks",
  "wayIsCut",
  "hostIsCutOff",
  "networkIsSlow",
  "hostIsLost",
  "diskIsFull",
  "diskIsSlow",
  "clockJumps",
] as const;

export type FaultKind = (typeof faultKinds)[number];

/** What may happen to the process that has come to a step of a protocol. */
const atSteps: readonly FaultKind[] = [
  "workerDies",
  "workerDies",
  "workerLosesPower",
  "clusterLosesPower",
  "workerStandsStill",
  "controlBreaks",
  "linkBreaks",
  "slotDies",
  "hostIsCutOff",
];

export interface PlannedFault {
  readonly kind: FaultKind;
  readonly at: { readonly ms: number } | { readonly step: string; readonly nth: number };
  /** From 0 to 1: which of those that it may hit, and how hard. */
  readonly which: number;
  readonly amount: number;
}

/** What runs have shown. */
export interface Shown {
  /** Of one without faults. */
  readonly durationMs: number;
  /** How often each step of a protocol was reached. */
  readonly steps: ReadonlyMap<string, number>;
}

/** The steps of runs, each as often as in the one that reached it most often. */
export function mostSteps(runs: readonly Pick<Shown, "steps">[]): Shown["steps"] {
  const steps = new Map<string, number>();
  for (const run of runs) for (const [step, times] of run.steps) steps.set(step, Math.max(times, steps.get(step) ?? 0));
  return steps;
}

/** A worker dies in a job's life, and later the coordinator. */
export function plainRestarts(kinds: ReadonlySet<FaultKind>, durationMs: number): readonly PlannedFault[] {
  const deaths: readonly (readonly [FaultKind, number])[] = [
    ["workerDies", 0.35],
    ["coordinatorDies", 0.7],
  ];
  return deaths
    .filter(([kind]) => kinds.has(kind))
    .map(([kind, share]) => ({ kind, at: { ms: share * durationMs }, which: 0, amount: 0 }));
}

/** A quiet run, a usual one, a storm. */
const FAULTS_MAX = 5;
const STORM_FAULTS_MAX = 14;
const STORM_SHARE = 0.15;
const AT_STEP_SHARE = 0.6;

/** `kinds`: which there may be. */
export function drawFaults(world: World, kinds: ReadonlySet<FaultKind>, { durationMs, steps }: Shown): PlannedFault[] {
  const allowed = faultKinds.filter((kind) => kinds.has(kind));
  if (allowed.length === 0) return [];
  const most = world.chance(STORM_SHARE) ? STORM_FAULTS_MAX : FAULTS_MAX;
  const names = [...steps.keys()].sort();
  const stepKinds = atSteps.filter((kind) => kinds.has(kind));
  return Array.from({ length: world.whole(1, most) }, () => {
    const atStep = names.length > 0 && stepKinds.length > 0 && world.chance(AT_STEP_SHARE);
    const step = world.random.pick(names);
    const at = atStep
      ? { step, nth: world.whole(1, steps.get(step) ?? 1) }
      : { ms: world.between(0, durationMs * 1.3) };
    const kind = world.random.pick(atStep ? stepKinds : allowed);
    return { kind, at, which: world.random.next(), amount: world.random.next() };
  });
}
