/**
 * What every recommender of the shop does, wherever its rows come from: they are cleaned and given their shopper's history
 * (keyed by shopper), brought back into the order of the log, and sent to every part of the model. Each purchase is first
 * predicted, then learnt. What comes out is the same at any parallelism.
 */

import { type DataStream, inOrder, mergeAnswers, onlineRecommender, recommenderSchema } from "millrace";
import { type Answer, outcome, type Recommendation } from "./outcome.ts";
import { type RetailRow, type ShopperEvent, withTime } from "./rows.ts";
import { visitKey, visits } from "./visits.ts";

/**
 * From rows of which each subtask reads its own in order. `shuffleSeed`: baskets are shuffled by it; null: they stay as
 * recorded.
 */
export function recommendations(rows: DataStream<RetailRow>, shuffleSeed: number | null): DataStream<Recommendation> {
  const timed = rows.filter(withTime(), { name: "with-time" }).withTimestamps((row) => row.timestamp);
  return timedRecommendations(timed, shuffleSeed);
}

/** From rows whose source makes watermarks, of each partition that a subtask reads. */
export function partitionedRecommendations(
  rows: DataStream<RetailRow>,
  shuffleSeed: number | null,
): DataStream<Recommendation> {
  return timedRecommendations(rows.filter(withTime(), { name: "with-time" }), shuffleSeed);
}

function timedRecommendations(rows: DataStream<RetailRow>, shuffleSeed: number | null): DataStream<Recommendation> {
  const events = rows.keyBy(visitKey).process("visits", visits(shuffleSeed));

  const ordered = events
    .keyBy(() => 0)
    .transform<ShopperEvent>("in-order", inOrder({ position: (event) => event.position }), { parallelism: 1 });

  const answers = ordered
    .broadcast()
    .transform<Answer>("model", onlineRecommender(), { reads: Object.keys(recommenderSchema) })
    .keyBy(() => 0)
    .transform<Answer>("merge", inOrder({ position: (answer) => answer.position, combine: mergeAnswers }), {
      parallelism: 1,
    });

  return answers.keyBy(() => 0).process("outcome", outcome(), { parallelism: 1 });
}
