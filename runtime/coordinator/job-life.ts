/**
 * The life of a job, as pure transitions over those of its regions (`region-life.ts`).
 *
 *   CREATED ──► WAITING ──► RUNNING ───────────────────────► FINISHED
 *      │           │  ▲       │ ▲
 *      │           │  │       ▼ │
 *      │           │  └─ RESTARTING (a region failed and starts again; the others run on)
 *      │           │          │
 *      ├───────────┴──────────┼──► FAILING ────► FAILED
 *      └──────────────────────┴──► CANCELLING ─► CANCELED
 *
 * What the job is about (`aim`) and its regions' phases make its status:
 *
 *   store   being stored; nothing has started yet
 *   run     regions run, and restart by the strategy
 *   drain   stopped: sources end and what has come is brought to its end; a failure now fails the job
 *   fail    the first cause is the job's; all regions give up
 *   cancel  all regions give up; a failure does not change the outcome
 *   suspend the same behind a savepoint, by which another job goes on: so it has finished
 *
 * The job is over when all its regions are: then FAILED or CANCELED by the aim, else FINISHED. Final states stay.
 */

import { errorCodes } from "../../core/errors.ts";
import type { ErrorReport } from "../protocol.ts";
import type { JobStatus } from "../rest/views.ts";
import {
  createRegion,
  isDeployed,
  isOver,
  nextRegion,
  type RegionEffect,
  type RegionEvent,
  type RegionLife,
} from "./region-life.ts";
import { decideRestart, noFailures, type RestartHistory, type RestartRule } from "./restart-strategy.ts";

export interface JobLife {
  readonly aim: "store" | "run" | "drain" | "fail" | "cancel" | "suspend";
  readonly regions: readonly RegionLife[];
  /** Of each region. */
  readonly histories: readonly RestartHistory[];
  /** The latest failure that led to a restart. */
  readonly latest: ErrorReport | undefined;
  /** What it fails or failed with. */
  readonly cause: ErrorReport | undefined;
}

export interface JobPlan {
  /** How many slots each region has. */
  readonly regionSlots: readonly number[];
  readonly restart: RestartRule;
}

export type JobEvent =
  | { readonly kind: "stored" | "cancel" | "stop" | "suspend" }
  | { readonly kind: "region"; readonly region: number; readonly event: RegionEvent }
  | {
      readonly kind: "failure";
      readonly region: number;
      readonly attempt: number;
      readonly error: ErrorReport;
      readonly nowMs: number;
      readonly runningSinceMs: number | undefined;
      /** In [0, 1). */
      readonly random: number;
    }
  /** The slots that it waits for have not come in time. */
  | { readonly kind: "slotsMissing"; readonly error: ErrorReport }
  /** A region that is to start has nothing to go on from. */
  | { readonly kind: "notRestored"; readonly region: number; readonly error: ErrorReport };

export type JobEffect =
  | { readonly kind: "region"; readonly region: number; readonly effect: RegionEffect }
  | { readonly kind: "stopRegion"; readonly region: number }
  /** For the history: what failed, and whether the region restarts after it. */
  | {
      readonly kind: "exception";
      readonly region: number | undefined;
      readonly error: ErrorReport;
      readonly restarted: boolean;
    }
  | { readonly kind: "over" };

export interface JobTransition {
  readonly state: JobLife;
  readonly effects: readonly JobEffect[];
}

export function createJob(regions: number): JobLife {
  return {
    aim: "store",
    regions: Array.from({ length: regions }, () => createRegion()),
    histories: new Array<RestartHistory>(regions).fill(noFailures),
    latest: undefined,
    cause: undefined,
  };
}

export function nextJob(state: JobLife, event: JobEvent, plan: JobPlan): JobTransition {
  if (isJobOver(state)) return { state, effects: [] };
  const next = step(state, event, plan);
  return isJobOver(next.state) ? { state: next.state, effects: [...next.effects, { kind: "over" }] } : next;
}

function step(state: JobLife, event: JobEvent, plan: JobPlan): JobTransition {
  switch (event.kind) {
    case "stored":
      return state.aim === "store" ? everyRegion({ ...state, aim: "run" }, { kind: "wait" }, plan) : same(state);
    case "region":
      return regionStep(state, event.region, event.event, plan);
    case "failure":
      return failure(state, event, plan);
    case "slotsMissing":
      return slotsMissing(state, event.error, plan);
    case "cancel":
      return isEnding(state) ? same(state) : everyRegion({ ...state, aim: "cancel" }, { kind: "giveUp" }, plan);
    case "notRestored":
      return isEnding(state) ? same(state) : fail(state, event.region, event.error, event.error, plan);
    case "suspend":
      return isEnding(state) ? same(state) : everyRegion({ ...state, aim: "suspend" }, { kind: "giveUp" }, plan);
    case "stop":
      return stop(state, plan);
  }
}

function regionStep(state: JobLife, region: number, event: RegionEvent, plan: JobPlan): JobTransition {
  const before = state.regions[region];
  if (before === undefined) return same(state);
  const next = nextRegion(before, event, plan.regionSlots[region] ?? 0);
  if (next.state === before) return same(state);
  const effects = next.effects.map((effect): JobEffect => ({ kind: "region", region, effect }));
  // One that was still starting when the job was stopped.
  if (state.aim === "drain" && next.effects.some((effect) => effect.kind === "running")) {
    effects.push({ kind: "stopRegion", region });
  }
  return { state: { ...state, regions: state.regions.with(region, next.state) }, effects };
}

function failure(state: JobLife, event: Extract<JobEvent, { kind: "failure" }>, plan: JobPlan): JobTransition {
  const { region, error } = event;
  const life = state.regions[region];
  const history = state.histories[region];
  if (life === undefined || history === undefined || life.attempt !== event.attempt) return same(state);
  // While it ends, what else goes wrong in it is a consequence.
  if (!isDeployed(life) || isEnding(state)) return same(state);
  if (state.aim === "drain" || !canRestart(error)) return fail(state, region, error, error, plan);
  const decision = decideRestart(plan.restart, history, { ...event, cause: error });
  if (decision.kind === "giveUp") return fail(state, region, error, decision.cause, plan);
  const next = regionStep(state, region, { kind: "restart", afterMs: decision.afterMs }, plan);
  return {
    state: { ...next.state, histories: state.histories.with(region, decision.history), latest: error },
    effects: [{ kind: "exception", region, error, restarted: true }, ...next.effects],
  };
}

/** Whether a restart may help: what has no code is a defect, of which restarts heal those that depend on chance. */
export function canRestart({ code }: ErrorReport): boolean {
  return code === undefined || !Object.hasOwn(errorCodes, code) || errorCodes[code].retry === "restart";
}

function fail(
  state: JobLife,
  region: number | undefined,
  error: ErrorReport,
  cause: ErrorReport,
  plan: JobPlan,
): JobTransition {
  const next = everyRegion({ ...state, aim: "fail", cause }, { kind: "giveUp" }, plan);
  return { ...next, effects: [{ kind: "exception", region, error, restarted: false }, ...next.effects] };
}

function slotsMissing(state: JobLife, error: ErrorReport, plan: JobPlan): JobTransition {
  if (isEnding(state) || !state.regions.some(({ phase }) => phase === "waiting")) return same(state);
  // Where it waits since a failure, that failure is why slots are missing.
  const restarting = state.regions.some((region) => region.restarting);
  const cause = restarting && state.latest !== undefined ? { ...error, cause: state.latest } : error;
  return fail(state, undefined, cause, cause, plan);
}

function stop(state: JobLife, plan: JobPlan): JobTransition {
  if (isEnding(state) || state.aim === "drain") return same(state);
  const failed = state.regions.some((region) => region.restarting && !isOver(region));
  // What it lost by the failure would have to be read again first.
  if (failed && state.latest !== undefined) return fail(state, undefined, state.latest, state.latest, plan);
  const started = state.regions.some((region) => isDeployed(region) || region.phase === "scheduled");
  if (!started) return everyRegion({ ...state, aim: "cancel" }, { kind: "giveUp" }, plan);
  const running = [...state.regions.keys()].filter((region) => state.regions[region]?.phase === "running");
  return {
    state: { ...state, aim: "drain" },
    effects: running.map((region) => ({ kind: "stopRegion", region })),
  };
}

function everyRegion(state: JobLife, event: RegionEvent, plan: JobPlan): JobTransition {
  let next: JobTransition = { state, effects: [] };
  for (const region of state.regions.keys()) {
    const { state: after, effects } = regionStep(next.state, region, event, plan);
    next = { state: after, effects: [...next.effects, ...effects] };
  }
  return next;
}

function same(state: JobLife): JobTransition {
  return { state, effects: [] };
}

function isEnding({ aim }: JobLife): boolean {
  return aim === "fail" || aim === "cancel" || aim === "suspend";
}

export function isJobOver({ regions }: JobLife): boolean {
  return regions.every(isOver);
}

export function isFinalStatus(status: JobStatus): boolean {
  return status === "FINISHED" || status === "FAILED" || status === "CANCELED";
}

export function statusOf(state: JobLife): JobStatus {
  if (isJobOver(state)) return state.aim === "fail" ? "FAILED" : state.aim === "cancel" ? "CANCELED" : "FINISHED";
  if (state.aim === "fail") return "FAILING";
  if (state.aim === "cancel" || state.aim === "suspend") return "CANCELLING";
  if (state.aim === "store") return "CREATED";
  const open = state.regions.filter((region) => !isOver(region));
  if (open.some((region) => region.restarting)) return "RESTARTING";
  return open.some(({ phase }) => phase === "created" || phase === "waiting" || phase === "scheduled")
    ? "WAITING"
    : "RUNNING";
}
