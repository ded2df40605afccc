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

import type { Data, RecordBatch } from "apache-arrow";
import { MillraceError } from "../../../core/errors.ts";
import { ASYNC_TIMEOUT_MS } from "../../../core/limits.ts";
import type { OperatorContext, OperatorFactory } from "../../../core/operator.ts";
import type { ArrowBatch, Schema } from "../../../core/schema.ts";
import type { StatePane } from "../../../core/state-backend.ts";
import { MapBatchesOperator } from "../../map-batches.ts";
import { DEFAULTS, type RecommenderConfig } from "./config.ts";
import { Exclusion } from "./exclusion.ts";
import { Shard } from "./shard.ts";
import { newShardState, type ShardState } from "./shard-state.ts";
import { TopList } from "./top-list.ts";
import type { Context, Purchase } from "./user-context.ts";

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
  /** Rows of an Arrow batch at the most. */
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
        maxRows: options.batchRows ?? 256,
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

/** The shards of one subtask. */
class ModelSubtask {
  readonly #context: OperatorContext;
  readonly #shards: readonly Shard[];
  readonly #states: StatePane;
  /** Where each shard's entry is in `#states`. */
  readonly #slots: readonly number[];
  /** All shards offer to one list: its order is total, so their order does not matter. */
  readonly #list: TopList;

  constructor(config: RecommenderConfig, context: OperatorContext) {
    checkConfig(config, context.operator);
    this.#context = context;
    this.#list = new TopList(config.listLength);
    this.#states = context.state.table("model", { numbers: 1, values: true, keyGroup: "key" }).pane(0);
    const exclusion = new Exclusion();
    const own = this.#ownShards(config);
    this.#slots = own.map(([, group]) => this.#states.slotOf(group));
    this.#shards = own.map(
      ([shard], at) => new Shard(shard, exclusion, config, this.#stateOf(shard, this.#slots[at] as number, config)),
    );
  }

  #stateOf(shard: number, slot: number, config: RecommenderConfig): ShardState {
    const { values } = this.#states;
    values[slot] ??= newShardState(shard, config);
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

  answer(batch: ArrowBatch): readonly (RecommenderAnswer | (RankedList & { readonly position: number }))[] {
    const { clock, subtask } = this.#context;
    return readEvents(batch as RecordBatch).map((event) => {
      const started = clock.monotonicMs();
      const modelVersion = this.#learnt;
      this.#testThenTrain(event);
      const { items, scores, length } = this.#list;
      const ms = clock.monotonicMs() - started;
      const ranked: RankedList = { list: prefix(items, length), scores: prefix(scores, length), modelVersion, ms };
      return subtask === 0 ? answerTo(event, ranked) : { position: event.position, ...ranked };
    });
  }

  /** Shard by shard, as a shard learns from what it has just scored. */
  #testThenTrain(event: RecommenderInput): void {
    const purchase: Purchase = { ...event, timeSec: event.time / 1000 };
    const context = contextOf(event);
    const learnt = this.#states.numbers[0] as Float64Array;
    this.#list.clear();
    for (let at = 0; at < this.#shards.length; at++) {
      const shard = this.#shards[at] as Shard;
      if (event.wantsList) shard.score(purchase, context, this.#list);
      if (event.item < 0) continue;
      shard.learn(purchase, context);
      const slot = this.#slots[at] as number;
      learnt[slot] = (learnt[slot] as number) + 1;
    }
  }

  /** Every shard learns every purchase, so any of them knows. */
  get #learnt(): number {
    return this.#slots.length === 0
      ? 0
      : ((this.#states.numbers[0] as Float64Array)[this.#slots[0] as number] as number);
  }
}

function answerTo(
  { position, user, item, time, description, inBasket, wantsList }: RecommenderInput,
  ranked: RankedList,
): RecommenderAnswer {
  return { position, user, item, time, description, inBasket, wantsList, ...ranked };
}

function contextOf(event: RecommenderInput): Context {
  return {
    items: event.items,
    length: event.items.length,
    inBasket: event.inBasket,
    opensBasket: event.inBasket === 0,
    repeat: event.repeat,
  };
}

/** The batch's rows. Numbers are read from the columns' own memory. */
function readEvents(batch: RecordBatch): RecommenderInput[] {
  const numbers = (name: string): Float64Array => batch.getChild(name)?.toArray() as Float64Array;
  const position = numbers("position");
  const user = numbers("user");
  const item = numbers("item");
  const time = numbers("time");
  const inBasket = numbers("inBasket");
  const description = batch.getChild("description");
  const repeat = batch.getChild("repeat");
  const wantsList = batch.getChild("wantsList");
  const itemsOf = listReader(batch.getChild("items")?.data[0] as Data);
  return Array.from({ length: batch.numRows }, (_, row) => ({
    position: position[row] as number,
    user: user[row] as number,
    item: item[row] as number,
    time: time[row] as number,
    description: description?.get(row) as string,
    items: itemsOf(row),
    inBasket: inBasket[row] as number,
    repeat: repeat?.get(row) as boolean,
    wantsList: wantsList?.get(row) as boolean,
  }));
}

/** Rows of a list<float64> column as arrays. */
function listReader(column: Data): (row: number) => number[] {
  const offsets = column.valueOffsets as Int32Array;
  const values = (column.children[0] as Data).values as Float64Array;
  return (row) => {
    const from = offsets[row] as number;
    return prefix(values, (offsets[row + 1] as number) - from, from);
  };
}
