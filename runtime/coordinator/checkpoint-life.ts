/**
 * When a region takes checkpoints and what becomes of them, as pure transitions. One at a time; numbers rise for ever.
 *
 *            opened            due, wanted            all slots have it         all enumerators are cut
 *   closed ─────────► idle ──────────────► pending ───────────────────► cutting ────────────────────► completing
 *      ▲               ▲ ▲                    │                            │                              │
 *      │               │ └── aborted ◄────────┴── declined, late, a slot ──┘                     written, │
 *      └── closed, from everywhere                has ended without it                          not written
 *                      └──────────────────────────────────────────────────────────────────────────────────┘
 *
 *   pending     barriers are under way; each slot that has not ended has to acknowledge. If the rules say so, barriers
 *               overtake what is on its way from some time on
 *   cutting     the enumerators are asked what they have dealt out: after their readers, so that each split is in it once
 *   completing  the manifest is being written. No time ends that: once it is there, the checkpoint is complete
 *
 * A region whose slots are all at their end takes one more, or, where the rules say so and nobody wants to commit by it, is
 * released, which closes it.
 *
 * An acknowledgement of another number changes nothing. A slot that ends without having acknowledged leaves a hole: the
 * checkpoint is aborted, which is no failure, and taken again at once.
 */

export interface CheckpointRules {
  /** From one begin to the next; undefined: only when somebody wants one. */
  readonly intervalMs: number | undefined;
  /** From the end of one to the begin of the next that nobody asked for. */
  readonly minPauseMs: number;
  /** From its begin until all have acknowledged and are cut. */
  readonly timeoutMs: number;
  /** Failures in a row that are only logged. */
  readonly tolerated: number;
  /** From its begin until one that is pending becomes unaligned; undefined: it does not. Savepoints do not. */
  readonly alignMs?: number | undefined;
  /** false: there is none at the end unless something is committed by it. */
  readonly atEnd?: boolean | undefined;
}

export interface CheckpointLife {
  readonly phase: "closed" | "idle" | "pending" | "cutting" | "completing";
  /** The number that was given last, 0 before the first. */
  readonly last: number;
  /** The one under way. */
  readonly current: UnderWay | undefined;
  /** Those that work. */
  readonly slots: ReadonlySet<number>;
  /** Those of them that are at their end and commit nothing. */
  readonly atEnd: ReadonlySet<number>;
  /** The sources' vertices whose enumerators still run, with the slots that run them. */
  readonly dealers: ReadonlyMap<string, number>;
  /** Somebody waits for one that begins after now. */
  readonly wanted: boolean;
  readonly savepoint: number | undefined;
  readonly beganMs: number;
  readonly endedMs: number;
  /** In a row. */
  readonly failures: number;
}

export interface UnderWay {
  readonly checkpoint: number;
  readonly savepoint: boolean;
  /** Its barriers overtake what is on its way. */
  readonly unaligned: boolean;
  /** Slots that have not acknowledged. */
  readonly waitsFor: ReadonlySet<number>;
  /** Sources whose enumerators have not been cut. */
  readonly uncut: ReadonlySet<string>;
}

export type CheckpointEvent = { readonly nowMs: number } & (
  | {
      readonly kind: "opened";
      /** The greatest number that was ever given in this lineage. */
      readonly last: number;
      readonly slots: readonly number[];
      readonly dealers: ReadonlyMap<string, number>;
    }
  | { readonly kind: "closed" | "time" | "wanted" }
  /** REQUIRES: a number above all that the region has given. */
  | { readonly kind: "savepointWanted"; readonly checkpoint: number }
  | { readonly kind: "acknowledged"; readonly checkpoint: number; readonly slot: number }
  | { readonly kind: "cut"; readonly checkpoint: number; readonly source: string }
  | { readonly kind: "declined" | "notWritten"; readonly checkpoint: number; readonly reason: string }
  | { readonly kind: "written"; readonly checkpoint: number }
  /** All that it still waits for is a checkpoint, by which it commits nothing. */
  | { readonly kind: "atEnd"; readonly slot: number }
  | { readonly kind: "slotEnded"; readonly slot: number }
);

export type CheckpointEffect =
  | { readonly kind: "begin"; readonly checkpoint: number; readonly savepoint: boolean }
  /** All slots are told that barriers are not waited for any more. */
  | { readonly kind: "overtake"; readonly checkpoint: number }
  | { readonly kind: "cut"; readonly checkpoint: number; readonly sources: readonly string[] }
  /** Write the manifest. */
  | { readonly kind: "complete"; readonly checkpoint: number; readonly savepoint: boolean }
  | { readonly kind: "completed"; readonly checkpoint: number; readonly savepoint: boolean }
  /** It came to nothing; `failed`: which counts as a failure. */
  | {
      readonly kind: "aborted";
      readonly checkpoint: number;
      readonly savepoint: boolean;
      readonly failed: boolean;
      readonly reason: string;
    }
  /** All slots may end: no checkpoint will follow. */
  | { readonly kind: "released" }
  /** Nobody will begin the savepoint that was wanted. */
  | { readonly kind: "savepointRefused"; readonly checkpoint: number; readonly reason: string }
  /** Too many have failed in a row: the region cannot go on like this. */
  | { readonly kind: "fail"; readonly checkpoint: number; readonly reason: string }
  /** Wants the event "time" then, and not at the time that it wanted before; Infinity: at none. */
  | { readonly kind: "timer"; readonly atMs: number };

export interface CheckpointTransition {
  readonly state: CheckpointLife;
  readonly effects: readonly CheckpointEffect[];
}

export function createCheckpointLife(): CheckpointLife {
  return {
    phase: "closed",
    last: 0,
    current: undefined,
    slots: new Set(),
    atEnd: new Set(),
    dealers: new Map(),
    wanted: false,
    savepoint: undefined,
    beganMs: 0,
    endedMs: 0,
    failures: 0,
  };
}

export function nextCheckpointLife(
  state: CheckpointLife,
  event: CheckpointEvent,
  rules: CheckpointRules,
): CheckpointTransition {
  const moved = step(state, event, rules);
  const next = released(begun(moved, event.nowMs, rules), event.nowMs);
  const atMs = timeOf(next.state, rules);
  if (atMs === timeOf(state, rules)) return next;
  return { state: next.state, effects: [...next.effects, { kind: "timer", atMs }] };
}

function step(state: CheckpointLife, event: CheckpointEvent, rules: CheckpointRules): CheckpointTransition {
  switch (event.kind) {
    case "opened":
      return opened(state, event);
    case "closed":
      return closed(state, event.nowMs, "the region has ended or restarts");
    case "time":
      return isLate(state, event.nowMs, rules)
        ? failed(state, event.nowMs, `it was not complete after ${rules.timeoutMs} ms: ${missingText(state)}`, rules)
        : overtaken(state, event.nowMs, rules);
    case "wanted":
      return state.phase === "closed" ? same(state) : same({ ...state, wanted: true });
    case "savepointWanted":
      return savepointWanted(state, event.checkpoint);
    case "acknowledged":
      return acknowledged(state, event.checkpoint, event.slot);
    case "cut":
      return cut(state, event.checkpoint, event.source);
    case "declined":
      return isOpen(state, event.checkpoint) ? failed(state, event.nowMs, event.reason, rules) : same(state);
    case "written":
      return isBeingWritten(state, event.checkpoint) ? written(state, event.nowMs) : same(state);
    case "notWritten":
      return isBeingWritten(state, event.checkpoint) ? failed(state, event.nowMs, event.reason, rules) : same(state);
    case "atEnd":
      return same(atEnd(state, event.slot, rules));
    case "slotEnded":
      return slotEnded(state, event.slot, event.nowMs);
  }
}

/** When it wants to be told of the time; Infinity: at none. */
export function timeOf(state: CheckpointLife, rules: CheckpointRules): number {
  if (state.phase === "pending" || state.phase === "cutting")
    return Math.min(state.beganMs + rules.timeoutMs, overtakesAt(state, rules));
  if (state.phase !== "idle" || state.slots.size === 0 || rules.intervalMs === undefined)
    return Number.POSITIVE_INFINITY;
  return Math.max(state.beganMs + rules.intervalMs, state.endedMs + rules.minPauseMs);
}

/** When barriers begin to overtake; Infinity: never, or they do already. */
function overtakesAt({ phase, current, beganMs }: CheckpointLife, { alignMs }: CheckpointRules): number {
  if (phase !== "pending" || current === undefined || alignMs === undefined) return Number.POSITIVE_INFINITY;
  return current.savepoint || current.unaligned ? Number.POSITIVE_INFINITY : beganMs + alignMs;
}

function overtaken(state: CheckpointLife, nowMs: number, rules: CheckpointRules): CheckpointTransition {
  const { current } = state;
  if (current === undefined || nowMs < overtakesAt(state, rules)) return same(state);
  const { checkpoint } = current;
  return { state: { ...state, current: { ...current, unaligned: true } }, effects: [{ kind: "overtake", checkpoint }] };
}

function opened(state: CheckpointLife, event: Extract<CheckpointEvent, { kind: "opened" }>): CheckpointTransition {
  if (state.phase !== "closed") return same(state);
  const { nowMs, last, slots, dealers } = event;
  return same({
    ...state,
    phase: "idle",
    last: Math.max(state.last, last),
    slots: new Set(slots),
    atEnd: new Set(),
    dealers,
    beganMs: nowMs,
    endedMs: nowMs,
    failures: 0,
  });
}

function closed(state: CheckpointLife, nowMs: number, reason: string): CheckpointTransition {
  if (state.phase === "closed") return same(state);
  const effects: CheckpointEffect[] = [];
  const { current, savepoint } = state;
  // What is being written may become complete: whoever opens the region again looks at the store when that is over.
  if (current !== undefined && state.phase !== "completing") effects.push(abortion(current, reason, false));
  if (savepoint !== undefined && current?.savepoint !== true)
    effects.push({ kind: "savepointRefused", checkpoint: savepoint, reason });
  const rest = { current: undefined, wanted: false, savepoint: undefined, endedMs: nowMs };
  return {
    state: { ...state, ...rest, phase: "closed", slots: new Set(), atEnd: new Set(), dealers: new Map() },
    effects,
  };
}

function savepointWanted(state: CheckpointLife, checkpoint: number): CheckpointTransition {
  const reason =
    state.phase === "closed"
      ? "the region does not run"
      : state.savepoint !== undefined
        ? `savepoint ${state.savepoint} is under way`
        : checkpoint <= state.last
          ? `number ${checkpoint} has been given already`
          : undefined;
  if (reason === undefined) return same({ ...state, savepoint: checkpoint });
  return { state, effects: [{ kind: "savepointRefused", checkpoint, reason }] };
}

function acknowledged(state: CheckpointLife, checkpoint: number, slot: number): CheckpointTransition {
  const { current } = state;
  if (state.phase !== "pending" || current?.checkpoint !== checkpoint || !current.waitsFor.has(slot))
    return same(state);
  const waitsFor = without(current.waitsFor, slot);
  const next: CheckpointLife = { ...state, current: { ...current, waitsFor } };
  if (waitsFor.size > 0) return same(next);
  const sources = [...state.dealers.keys()];
  if (sources.length === 0) return completing(next);
  const cutting: CheckpointLife = {
    ...next,
    phase: "cutting",
    current: { ...current, waitsFor, uncut: new Set(sources) },
  };
  return { state: cutting, effects: [{ kind: "cut", checkpoint, sources }] };
}

function cut(state: CheckpointLife, checkpoint: number, source: string): CheckpointTransition {
  const { current } = state;
  if (state.phase !== "cutting" || current?.checkpoint !== checkpoint || !current.uncut.has(source)) return same(state);
  const uncut = without(current.uncut, source);
  const next: CheckpointLife = { ...state, current: { ...current, uncut } };
  return uncut.size > 0 ? same(next) : completing(next);
}

function completing(state: CheckpointLife): CheckpointTransition {
  const { checkpoint, savepoint } = state.current as UnderWay;
  return { state: { ...state, phase: "completing" }, effects: [{ kind: "complete", checkpoint, savepoint }] };
}

function written(state: CheckpointLife, nowMs: number): CheckpointTransition {
  const { checkpoint, savepoint } = state.current as UnderWay;
  const failures = savepoint ? state.failures : 0;
  return { state: { ...over(state, nowMs), failures }, effects: [{ kind: "completed", checkpoint, savepoint }] };
}

function failed(state: CheckpointLife, nowMs: number, reason: string, rules: CheckpointRules): CheckpointTransition {
  const current = state.current as UnderWay;
  const effects: CheckpointEffect[] = [abortion(current, reason, true)];
  // Whoever wanted a savepoint is told; the job goes on with its checkpoints.
  if (current.savepoint) return { state: over(state, nowMs), effects };
  const next = { ...over(state, nowMs), failures: state.failures + 1 };
  if (next.failures <= rules.tolerated) return { state: next, effects };
  const end = closed(next, nowMs, reason);
  return {
    state: end.state,
    effects: [...effects, ...end.effects, { kind: "fail", checkpoint: current.checkpoint, reason }],
  };
}

function slotEnded(state: CheckpointLife, slot: number, nowMs: number): CheckpointTransition {
  if (!state.slots.has(slot)) return same(state);
  const { current } = state;
  const dealers = new Map([...state.dealers].filter(([, of]) => of !== slot));
  const left: CheckpointLife = {
    ...state,
    slots: without(state.slots, slot),
    atEnd: without(state.atEnd, slot),
    dealers,
  };
  if (left.slots.size === 0) return closed(left, nowMs, "all slots of the region have ended");
  if (current === undefined) return same(left);
  if (!leavesHole(state, current, slot)) return same(left);
  const effects = [abortion(current, `slot ${slot + 1} ended meanwhile`, false)];
  return { state: { ...over(left, nowMs), wanted: state.wanted || !current.savepoint }, effects };
}

/** Whether what the slot had to say of the checkpoint is missing now: its own part, or what its enumerators have dealt. */
function leavesHole(state: CheckpointLife, { waitsFor, uncut }: UnderWay, slot: number): boolean {
  const dealt = [...state.dealers].filter(([, of]) => of === slot).map(([source]) => source);
  if (state.phase === "pending") return waitsFor.has(slot) || dealt.length > 0;
  return state.phase === "cutting" && dealt.some((source) => uncut.has(source));
}

function atEnd(state: CheckpointLife, slot: number, rules: CheckpointRules): CheckpointLife {
  if (!state.slots.has(slot)) return state;
  return rules.atEnd === false ? { ...state, atEnd: new Set([...state.atEnd, slot]) } : { ...state, wanted: true };
}

/** Lets the slots end, if all of them wait for nothing else. */
function released({ state, effects }: CheckpointTransition, nowMs: number): CheckpointTransition {
  if (state.phase !== "idle" || state.slots.size === 0 || state.atEnd.size < state.slots.size)
    return { state, effects };
  const end = closed(state, nowMs, "the region has come to its end");
  return { state: end.state, effects: [...effects, ...end.effects, { kind: "released" }] };
}

/** Begins the next one, if it is time for one and none is under way. */
function begun({ state, effects }: CheckpointTransition, nowMs: number, rules: CheckpointRules): CheckpointTransition {
  const due = state.wanted || state.savepoint !== undefined || nowMs >= timeOf(state, rules);
  if (state.phase !== "idle" || state.slots.size === 0 || !due) return { state, effects };
  const savepoint = state.savepoint !== undefined;
  const current: UnderWay = {
    checkpoint: state.savepoint ?? state.last + 1,
    savepoint,
    unaligned: false,
    waitsFor: state.slots,
    uncut: new Set(),
  };
  const { checkpoint } = current;
  // A savepoint is none that a sink can wait for: it does not commit.
  const wanted = state.wanted && savepoint;
  const next: CheckpointLife = { ...state, phase: "pending", last: checkpoint, current, wanted, beganMs: nowMs };
  const at = overtaken(next, nowMs, rules);
  return { state: at.state, effects: [...effects, { kind: "begin", checkpoint, savepoint }, ...at.effects] };
}

function over(state: CheckpointLife, nowMs: number): CheckpointLife {
  const savepoint = state.current?.savepoint === true ? undefined : state.savepoint;
  return { ...state, phase: "idle", current: undefined, savepoint, endedMs: nowMs };
}

function abortion({ checkpoint, savepoint }: UnderWay, reason: string, isFailure: boolean): CheckpointEffect {
  return { kind: "aborted", checkpoint, savepoint, failed: isFailure, reason };
}

function isOpen({ phase, current }: CheckpointLife, checkpoint: number): boolean {
  return (phase === "pending" || phase === "cutting") && current?.checkpoint === checkpoint;
}

function isBeingWritten({ phase, current }: CheckpointLife, checkpoint: number): boolean {
  return phase === "completing" && current?.checkpoint === checkpoint;
}

function isLate(state: CheckpointLife, nowMs: number, rules: CheckpointRules): boolean {
  return (state.phase === "pending" || state.phase === "cutting") && nowMs >= state.beganMs + rules.timeoutMs;
}

function missingText({ phase, current }: CheckpointLife): string {
  if (phase === "cutting") return `the enumerators of ${[...(current?.uncut ?? [])].join(", ")} have not answered`;
  const slots = [...(current?.waitsFor ?? [])].map((slot) => slot + 1);
  return `slots ${slots.join(", ")} have not acknowledged`;
}

function without<T>(set: ReadonlySet<T>, element: T): ReadonlySet<T> {
  const left = new Set(set);
  left.delete(element);
  return left;
}

function same(state: CheckpointLife): CheckpointTransition {
  return { state, effects: [] };
}
