/**
 * q5, hot items: of the last ten seconds, every two seconds, the auctions with the most bids. Several may have as many.
 *
 *   SELECT auction, num FROM (bids counted by auction in hopping windows)
 *   JOIN (the largest of these counts by window) USING (window) WHERE num >= maxn
 */

import { counting, type DataStream, sliding, tumbling, type ValueAggregate, type WindowResult } from "millrace";
import { isBid, type NexmarkEvent } from "../events.ts";

export function q5(events: DataStream<NexmarkEvent>) {
  return (
    events
      .filter(isBid)
      .keyBy("auction")
      .window(sliding("10s", "2s"))
      .aggregate("bids", counting())
      .keyBy("windowEnd")
      // The counts of a window have one time, its last millisecond: they fall into a window of their own.
      .window(tumbling("2s"))
      .aggregate("most", most)
      .flatMap(({ value }) => value)
  );
}

interface Hot {
  readonly auction: number;
  readonly num: number;
}

type Count = WindowResult<number, number>;

/** The auctions with the highest count. */
const most: ValueAggregate<Count, Hot[], Hot[]> = {
  create: () => [],
  add: (hottest, { key, value }) =>
    value < (hottest[0]?.num ?? 0) ? hottest : highest(hottest, [{ auction: key, num: value }]),
  merge: highest,
  result: (hottest) => hottest,
  fields: ["key", "value"],
  partials: "plain",
};

function highest(one: Hot[], other: Hot[]): Hot[] {
  const difference = (one[0]?.num ?? 0) - (other[0]?.num ?? 0);
  return difference === 0 ? [...one, ...other] : difference > 0 ? one : other;
}
