/**
 * The online recommender as a stream operator: gets shoppers' events as Arrow batches, in order, and answers each that
 * wants a list from the part of the model that its key groups hold; then it learns the event.
 *
 * Sharding: every subtask gets every event (broadcast) and owns the logical shards whose key groups it owns. A shard
 * scores and learns its own candidates only, so what it answers does not depend on the parallelism; the shortened lists
 * of the subtasks are merged by `mergeAnswers`.
 *
 * State: table "model", one entry a shard, in the first key group of the shard's range: what the shard remembers, and how
 * many purchases it has learnt.
 */

import { MillraceError } from "../../../core/errors.ts";
import { ARROW_BATCH_ROWS, ASYNC_TIMEOUT_MS } from "../../../core/limits.ts";
import type { OperatorContext, OperatorFactory } from "../../../core/operator.ts";
import type { ArrowBatch, Schema } from "../../../core/schema.ts";
import type { StatePane } from "../../../core/state-backend.ts";
import { MapBatchesOperator } from "../../map-batches.ts";
import { addToCatalogue, type Catalogue, newCatalogue } from "./catalogue.ts";
import { DEFAULTS, type RecommenderConfig } from "./config.ts";
import { EventColumns } from "./event-columns.ts";
import { Exclusion, Shard } from "./shard.ts";
import { newShardState, type ShardState } from "./shard-state.ts";
import { TopList } from "./top-list.ts";

/** What the recommender reads of an event. */
export interface RecommenderInput {
  /** Unique and rising; also the counter of the model's random draws. */
  readonly position: number;
  readonly user: number;
  /** A non-negative index; below zero when there is nothing to learn. */
  readonly item: number;
  /** Epoch milliseconds. */
  readonly time: number;
  /** The item's text, which counts when the item occurs first. */
  readonly description: string;
  /** The shopper's distinct items before the event, newest first. */
  readonly items: readonly number[];
  /** How many of `items` belong to the current visit. */
  readonly inBasket: number;
  /** Whether the shopper has had the item before. */
  readonly repeat: boolean;
  /** Whether to answer with a list. */
  readonly wantsList: boolean;
}

/** What the recommender adds to an event: the best items, best first, and how they came about. */
export interface RankedList {
  readonly list: readonly number[];
  readonly scores: readonly number[];
  /** How many purchases the model had learnt. */
  readonly modelVersion: number;
  /** Milliseconds that making the list took. */
  readonly ms: number;
}

export const recommenderSchema = Object.freeze({
  position: "float64",
  user: "float64",
  item: "float64",
  time: "float64",
  description: "utf8",
  items: "list<float64>",
  inBasket: "float64",
  repeat: "bool",
  wantsList: "bool",
}) satisfies Schema;

export interface RecommenderOptions {
  readonly config?: RecommenderConfig;
  /** Rows of an Arrow batch at the most, for fewer than the exchange's frames have. */
  readonly batchRows?: number;
}

/** What of an event is in its answer: all but what only the model needs. */
export type AnsweredEvent = Omit<RecommenderInput, "items" | "repeat">;

/** An event with its list. The subtasks behind the first one answer with their part of the list alone. */
export type RecommenderAnswer = AnsweredEvent & RankedList;

/**
 * For `events.broadcast().transform("model", onlineRecommender(), { reads: … })`.
 * REQUIRES: events in order of their positions. Subtasks beyond the number of shards have nothing to add.
 */
export function onlineRecommender(
  options: RecommenderOptions = {},
): OperatorFactory<RecommenderInput, RecommenderAnswer> {
  const config = options.config ?? DEFAULTS;
  return (context) => {
    const model = new ModelSubtask(config, context as OperatorContext);
    return new MapBatchesOperator(
      {
        schema: recommenderSchema,
        maxRows: options.batchRows ?? ARROW_BATCH_ROWS,
        rowWise: true,
        timeoutMs: ASYNC_TIMEOUT_MS,
        call: (batch) => model.answer(batch),
        open: undefined,
        close: undefined,
      },
      context as OperatorContext,
    );
  };
}

/** Makes one answer of those of two subtasks to one event: the whole event, with the best of both lists. */
export function answerMerger({
  listLength,
}: Pick<RecommenderConfig, "listLength"> = DEFAULTS): <T extends RankedList>(first: T, second: T) => T {
  const merged = new TopList(listLength);
  const offerAll = ({ list, scores }: RankedList): void => {
    for (let rank = 0; rank < list.length; rank++) merged.offer(list[rank] as number, scores[rank] as number);
  };
  return (first, second) => {
    merged.clear();
    offerAll(first);
    offerAll(second);
    const whole = "user" in first ? first : second;
    const list = prefix(merged.items, merged.length);
    return { ...whole, list, scores: prefix(merged.scores, merged.length), ms: Math.max(first.ms, second.ms) };
  };
}

/** For models of the default configuration. */
export const mergeAnswers = answerMerger();

/** The first values of a typed array as an array. A loop: Array.from takes five times as long. */
function prefix(values: Float64Array, length: number, from = 0): number[] {
  const copy = new Array<number>(length);
  for (let i = 0; i < length; i++) copy[i] = values[from + i] as number;
  return copy;
}

/** @throws BAD_OPTION for sizes that the model's columns cannot have. */
function checkConfig(config: RecommenderConfig, operator: string): void {
  const { rowLengthMax, contextLength, pairDistanceMax, listLength, shards } = config;
  const wrong =
    rowLengthMax % 2 !== 0 || rowLengthMax < 4 || rowLengthMax > 1024
      ? `rowLengthMax is ${rowLengthMax}; it must be an even number from 4 to 1024`
      : contextLength < pairDistanceMax
        ? `contextLength is ${contextLength}, less than pairDistanceMax, which is ${pairDistanceMax}`
        : listLength < 1 || shards < 1
          ? `listLength is ${listLength} and shards is ${shards}; both must be at least 1`
          : undefined;
  if (wrong !== undefined)
    throw new MillraceError("BAD_OPTION", `the model of "${operator}" cannot be: its ${wrong}`, { operator });
}

type Answer = RecommenderAnswer | (RankedList & { readonly position: number });

/** The shards of one subtask. */
class ModelSubtask {
  readonly #config: RecommenderConfig;
  readonly #context: OperatorContext;
  readonly #shards: readonly Shard[];
  readonly #states: StatePane;
  readonly #catalogue: Catalogue;
  /** Where each shard's entry is in `#states`. */
  readonly #slots: readonly number[];
  /** All shards offer to one list: its order is total, so their order does not matter. */
  readonly #list: TopList;

  constructor(config: RecommenderConfig, context: OperatorContext) {
    checkConfig(config, context.operator);
    this.#config = config;
    this.#context = context;
    this.#list = new TopList(config.listLength);
    this.#states = context.state.table("model", { numbers: 1, values: true, keyGroup: "key" }).pane(0);
    const exclusion = new Exclusion();
    const own = this.#ownShards(config);
    this.#slots = own.map(([, group]) => this.#states.slotOf(group));
    const states = own.map(([shard], at) => this.#stateOf(shard, this.#slots[at] as number));
    this.#catalogue = states[0]?.catalogue ?? newCatalogue();
    this.#shards = states.map((state) => {
      state.catalogue = this.#catalogue;
      return new Shard(state, exclusion, config);
    });
  }

  #stateOf(shard: number, slot: number): ShardState {
    const { values } = this.#states;
    values[slot] ??= newShardState(shard, this.#config);
    return values[slot] as ShardState;
  }

  /** Shard s lives in the first of its 1/shards of all key groups, so that shards spread and move like keys. */
  #ownShards(config: RecommenderConfig): [shard: number, group: number][] {
    const { first, last } = this.#context.state.keyGroups;
    const shards: [number, number][] = [];
    for (let shard = 0; shard < config.shards; shard++) {
      const group = Math.floor((shard * this.#context.keyGroupCount) / config.shards);
      if (group >= first && group <= last) shards.push([shard, group]);
    }
    return shards;
  }

  /** Answers are made one by one as they are taken. REQUIRES that all are taken before the next batch comes. */
  answer(batch: ArrowBatch): Iterable<Answer> {
    return new Answers(this, new EventColumns(batch));
  }

  answerTo(event: EventColumns): Answer {
    const { clock, subtask } = this.#context;
    const started = clock.monotonicMs();
    const modelVersion = this.#learnt;
    this.#testThenTrain(event);
    const { items, scores, length } = this.#list;
    const ms = clock.monotonicMs() - started;
    const list = prefix(items, length);
    const ranked = { list, scores: prefix(scores, length), modelVersion, ms };
    if (subtask > 0) return { position: event.position, ...ranked };
    const { position, user, item, time, description, inBasket, wantsList } = event;
    return { position, user, item, time, description, inBasket, wantsList, ...ranked };
  }

  /** Shard by shard, as a shard learns from what it has just scored. */
  #testThenTrain(event: EventColumns): void {
    const { wantsList } = event;
    const learns = event.item >= 0;
    const ordinal = learns ? this.#ordinalOf(event) : -1;
    const learnt = this.#states.numbers[0] as Float64Array;
    this.#list.clear();
    for (let at = 0; at < this.#shards.length; at++) {
      const shard = this.#shards[at] as Shard;
      if (wantsList) shard.score(event, event, this.#list);
      if (!learns) continue;
      shard.learn(event, event, ordinal);
      const slot = this.#slots[at] as number;
      learnt[slot] = (learnt[slot] as number) + 1;
    }
  }

  #ordinalOf(event: EventColumns): number {
    return (
      this.#catalogue.ordinals.get(event.item) ??
      addToCatalogue(this.#catalogue, event.item, event.description, this.#config)
    );
  }

  /** Every shard learns every purchase, so any of them knows. */
  get #learnt(): number {
    return this.#slots.length === 0
      ? 0
      : ((this.#states.numbers[0] as Float64Array)[this.#slots[0] as number] as number);
  }
}

/** The answers to a batch, row by row. */
class Answers implements IterableIterator<Answer> {
  readonly #model: ModelSubtask;
  readonly #events: EventColumns;
  #next = 0;

  constructor(model: ModelSubtask, events: EventColumns) {
    this.#model = model;
    this.#events = events;
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorResult<Answer> {
    if (this.#next === this.#events.rows) return { done: true, value: undefined };
    this.#events.moveTo(this.#next++);
    return { done: false, value: this.#model.answerTo(this.#events) };
  }
}
