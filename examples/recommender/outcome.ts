/**
 * Evaluation and service, in order of the events: how often the next purchase was in the list (test, then train), how
 * often served lists led to purchases, and the lists themselves.
 */

import {
  type Counter,
  type MapState,
  mapState,
  outputTag,
  type ProcessContext,
  type ProcessFunction,
  type RecommenderAnswer,
  type RuntimeContext,
  valueState,
} from "millrace";

/** The model's answer to a shopper's event. */
export type Answer = RecommenderAnswer;

export interface Recommendation {
  readonly user_id: number;
  readonly items: readonly { readonly item_id: number; readonly score: number }[];
  /** How many purchases the model had learnt. */
  readonly model_version: number;
  readonly ts: number;
}

export interface WindowMetrics {
  /** A day of event time, or the whole run. Epoch milliseconds. */
  readonly window: { readonly start: number; readonly end: number };
  readonly "hit_rate@20": number | null;
  /** Purchases of items on the shopper's last served list, per list served. */
  readonly conversion: number | null;
  /** 95 % of the lists took at most this long to make. */
  readonly p95_ms: number | null;
  readonly events: number;
  readonly scored: number;
  readonly hits: number;
  /** The share of hits among the rows that open a visit. */
  readonly "hit_rate@20_visit_starts": number | null;
}

/** A shopper as a person would look at it. */
export interface Shopper {
  readonly user_id: number;
  readonly bought: readonly string[];
  readonly recommended: readonly string[];
}

/** The first list that is served, so that whoever watches sees the model at work at once. */
export const firstListOutput = outputTag<Shopper>("first-list");
export const metricsOutput = outputTag<WindowMetrics>("metrics");
export const shoppersOutput = outputTag<Shopper>("shoppers");

const dayMs = 86_400_000;
const theEnd = Number.MAX_SAFE_INTEGER;
const listLength = 20;
const shoppersShown = 3;
const boughtShown = 5;

interface Tally {
  readonly start: number;
  readonly events: number;
  readonly scored: number;
  readonly hits: number;
  readonly startsScored: number;
  readonly startHits: number;
  readonly listsServed: number;
  readonly conversions: number;
}

const state = {
  day: valueState<Tally>(),
  /** All days before. */
  run: valueState<Tally>(),
  /** Milliseconds that a list took, in logarithmic buckets of 5 %: bucket → lists. */
  dayLatency: mapState<number, number>(),
  runLatency: mapState<number, number>(),
  lastTime: valueState<number>(),
  served: mapState<number, readonly number[]>(),
  /** The latest items of each shopper, newest first. */
  bought: mapState<number, readonly number[]>(),
  firstListServed: valueState(false),
  names: mapState<number, string>(),
  /** The shoppers served last, with what they had bought. */
  latest: valueState<readonly { readonly user: number; readonly list: readonly number[] }[]>([]),
};

type OutcomeContext = ProcessContext<number, typeof state>;

export function outcome(): ProcessFunction<Answer, number, typeof state, Recommendation> {
  let scored: Counter;
  let hits: Counter;

  return {
    state,

    open({ metrics }: RuntimeContext) {
      scored = metrics.counter("scored");
      hits = metrics.counter("hits");
    },

    process(answer, context) {
      begin(answer.time, context);
      if (answer.wantsList) countLatency(context.state.dayLatency, answer.ms);
      if (answer.item < 0) {
        if (!context.state.firstListServed.get() && answer.list.length > 0) {
          context.state.firstListServed.set(true);
          context.side(firstListOutput, named(answer, context));
        }
        return [serve(answer, context)];
      }
      if (!context.state.names.has(answer.item)) context.state.names.put(answer.item, answer.description);
      const others = (context.state.bought.get(answer.user) ?? []).filter((item) => item !== answer.item);
      context.state.bought.put(answer.user, [answer.item, ...others.slice(0, boughtShown - 1)]);
      const hit = answer.wantsList && answer.list.includes(answer.item);
      if (answer.wantsList) scored.add();
      if (hit) hits.add();
      const converted = context.state.served.get(answer.user)?.includes(answer.item) === true;
      context.state.day.update((tally) => withPurchase(tally as Tally, answer, hit, converted));
      return [];
    },

    onTimer(timer, context) {
      const { day, run, runLatency, lastTime, latest } = context.state;
      const today = day.get();
      if (today !== undefined && today.start + dayMs - 1 <= timer.timestamp) closeDay(today, context);
      if (timer.timestamp !== theEnd) return;
      const whole = run.get() as Tally;
      context.side(metricsOutput, toMetrics(whole, (lastTime.get() ?? whole.start) + 1, runLatency));
      for (const shopper of latest.get()) context.side(shoppersOutput, named(shopper, context));
    },
  };
}

/**
 * Opens the tallies that the event belongs to. A day is closed by its timer or by the first event of another day: events
 * of several days may come before the watermark that follows them.
 */
function begin(time: number, context: OutcomeContext): void {
  const { day, run, lastTime } = context.state;
  const start = Math.floor(time / dayMs) * dayMs;
  if (run.get() === undefined) {
    run.set(newTally(time));
    context.timers.register("event", theEnd);
  }
  const today = day.get();
  if (today !== undefined && today.start !== start) closeDay(today, context);
  if (today?.start !== start) {
    day.set(newTally(start));
    context.timers.register("event", start + dayMs - 1);
  }
  lastTime.set(time);
}

function closeDay(today: Tally, context: OutcomeContext): void {
  const { day, dayLatency, run, runLatency } = context.state;
  context.side(metricsOutput, toMetrics(today, today.start + dayMs, dayLatency));
  run.update((whole) => sumOf(whole as Tally, today));
  for (const [bucket, lists] of dayLatency.entries()) runLatency.put(bucket, (runLatency.get(bucket) ?? 0) + lists);
  day.clear();
  dayLatency.clear();
}

function newTally(start: number): Tally {
  return { start, events: 0, scored: 0, hits: 0, startsScored: 0, startHits: 0, listsServed: 0, conversions: 0 };
}

/** The tally of the whole with a day's. */
function sumOf(whole: Tally, day: Tally): Tally {
  return {
    start: whole.start,
    events: whole.events + day.events,
    scored: whole.scored + day.scored,
    hits: whole.hits + day.hits,
    startsScored: whole.startsScored + day.startsScored,
    startHits: whole.startHits + day.startHits,
    listsServed: whole.listsServed + day.listsServed,
    conversions: whole.conversions + day.conversions,
  };
}

function withPurchase(tally: Tally, answer: Answer, hit: boolean, converted: boolean): Tally {
  const opensVisit = answer.wantsList && answer.inBasket === 0;
  return {
    ...tally,
    events: tally.events + 1,
    scored: tally.scored + (answer.wantsList ? 1 : 0),
    hits: tally.hits + (hit ? 1 : 0),
    startsScored: tally.startsScored + (opensVisit ? 1 : 0),
    startHits: tally.startHits + (opensVisit && hit ? 1 : 0),
    conversions: tally.conversions + (converted ? 1 : 0),
  };
}

function serve(answer: Answer, context: OutcomeContext): Recommendation {
  const { day, served, latest } = context.state;
  const list = answer.list.slice(0, listLength);
  day.update((tally) => ({ ...(tally as Tally), listsServed: (tally as Tally).listsServed + 1 }));
  served.put(answer.user, list);
  const others = latest.get().filter((shopper) => shopper.user !== answer.user);
  latest.set([{ user: answer.user, list }, ...others].slice(0, shoppersShown));
  return {
    user_id: answer.user,
    items: list.map((item_id, rank) => ({ item_id, score: answer.scores[rank] as number })),
    model_version: answer.modelVersion,
    ts: answer.time,
  };
}

function toMetrics(tally: Tally, end: number, latency: MapState<number, number>): WindowMetrics {
  return {
    window: { start: tally.start, end },
    "hit_rate@20": ratio(tally.hits, tally.scored),
    conversion: ratio(tally.conversions, tally.listsServed),
    p95_ms: latencyQuantile(latency, 0.95),
    events: tally.events,
    scored: tally.scored,
    hits: tally.hits,
    "hit_rate@20_visit_starts": ratio(tally.startHits, tally.startsScored),
  };
}

function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

const latencyStep = Math.log(1.05);

function countLatency(latency: MapState<number, number>, ms: number): void {
  const bucket = Math.ceil(Math.log(Math.max(ms, 1e-3)) / latencyStep);
  latency.put(bucket, (latency.get(bucket) ?? 0) + 1);
}

function latencyQuantile(latency: MapState<number, number>, share: number): number | null {
  const buckets = [...latency.entries()].sort(([a], [b]) => a - b);
  const total = buckets.reduce((sum, [, lists]) => sum + lists, 0);
  let below = 0;
  for (const [bucket, lists] of buckets) {
    below += lists;
    if (below >= share * total) return Number(Math.exp(bucket * latencyStep).toPrecision(3));
  }
  return null;
}

function named(
  shopper: { readonly user: number; readonly list: readonly number[] },
  { state: { names, bought } }: OutcomeContext,
): Shopper {
  const nameOf = (item: number): string => names.get(item) ?? `item ${item}`;
  return {
    user_id: shopper.user,
    bought: (bought.get(shopper.user) ?? []).map(nameOf),
    recommended: shopper.list.slice(0, 8).map(nameOf),
  };
}
