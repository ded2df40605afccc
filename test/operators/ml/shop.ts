/**
 * Purchases as events with their shoppers' history, by the protocol's words and without the example's pipeline; and a
 * model of several subtasks driven in step. For tests that hold the one against the other.
 */

import {
  mergeAnswers,
  onlineRecommender,
  type RecommenderAnswer,
  type RecommenderInput,
  type RecommenderOptions,
} from "../../../index.ts";
import { type HarnessSnapshot, type OperatorHarness, openOperator } from "../../../runtime/testing/index.ts";

export interface Purchase {
  readonly user: number;
  readonly item: number;
  /** Epoch milliseconds. */
  readonly time: number;
  readonly description: string;
  /** Its row in a file where other rows stand between; without one purchases are counted. Draws depend on it. */
  readonly row?: number;
}

const visitGapMs = 1_800_000;

interface History {
  /** Newest first. */
  items: number[];
  visit: Set<number>;
  readonly owned: Set<number>;
  last: number;
}

/**
 * Each purchase, and behind the last of a user's purchases of one moment a list for that user. At most `contextLength`
 * items travel. REQUIRES purchases in order of time.
 */
export function shopperEvents(purchases: readonly Purchase[], contextLength: number): RecommenderInput[] {
  const histories = new Map<number, History>();
  const lastOfMoment = new Map(purchases.map(({ user, time }, at) => [`${user} ${time}`, at]));
  return purchases.flatMap(({ user, item, time, description, row }, at) => {
    const position = 2 * (row ?? at);
    const history = histories.get(user) ?? { items: [], visit: new Set(), owned: new Set(), last: -Infinity };
    histories.set(user, history);
    if (time - history.last > visitGapMs) history.visit = new Set();
    const before = contextOf(history, contextLength);
    const repeat = history.owned.has(item);
    history.items = [item, ...history.items.filter((other) => other !== item)];
    history.visit.add(item);
    history.owned.add(item);
    history.last = time;
    const wantsList = before.items.length > 0 && !repeat;
    const purchase = { position, user, item, time, description, ...before, repeat, wantsList };
    if (lastOfMoment.get(`${user} ${time}`) !== at) return [purchase];
    const after = contextOf(history, contextLength);
    const serve = { ...purchase, position: position + 1, item: -1, description: "", ...after };
    return [purchase, { ...serve, repeat: false, wantsList: true }];
  });
}

function contextOf({ items, visit }: History, length: number): Pick<RecommenderInput, "items" | "inBasket"> {
  return { items: items.slice(0, length), inBasket: Math.min(visit.size, length) };
}

export type Subtask = OperatorHarness<RecommenderInput, RecommenderAnswer>;

/** All subtasks of one model. */
export function openModel(
  parallelism: number,
  options: RecommenderOptions = {},
  restore?: readonly HarnessSnapshot[],
): Promise<Subtask[]> {
  const subtasks = Array.from({ length: parallelism }, (_, subtask) =>
    openOperator(onlineRecommender(options), {
      subtask,
      parallelism,
      ...(restore === undefined ? {} : { restore }),
    }),
  );
  return Promise.all(subtasks);
}

/** Every subtask gets every event; their answers to it as one. */
export async function answersOf(
  subtasks: readonly Subtask[],
  events: readonly RecommenderInput[],
): Promise<RecommenderAnswer[]> {
  const parts = await Promise.all(
    subtasks.map(async (subtask) => {
      subtask.take();
      subtask.pushBatch(events.map((event) => [event, event.time]));
      await subtask.settled();
      return subtask.records.slice();
    }),
  );
  const [first = [], ...others] = parts;
  return first.map((answer, at) =>
    others.reduce((merged, part) => mergeAnswers(merged, part[at] as RecommenderAnswer), answer),
  );
}

/** The answers of a new model to all events. */
export async function answersOfNew(
  events: readonly RecommenderInput[],
  parallelism = 1,
  options: RecommenderOptions = {},
): Promise<RecommenderAnswer[]> {
  const subtasks = await openModel(parallelism, options);
  const answers = await answersOf(subtasks, events);
  await Promise.all(subtasks.map((subtask) => subtask.close()));
  return answers;
}
