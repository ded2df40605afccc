/**
 * q3, local items: who sells in category 10 in three states.
 *
 *   SELECT P.name, P.city, P.state, A.id FROM auction AS A INNER JOIN person AS P ON A.seller = P.id
 *   WHERE A.category = 10 AND (P.state = 'OR' OR P.state = 'ID' OR P.state = 'CA')
 */

import type { DataStream } from "millrace";
import { isAuction, isPerson, type NexmarkEvent } from "../events.ts";

export function q3(events: DataStream<NexmarkEvent>) {
  const auctions = events
    .filter(isAuction)
    .filter(({ category }) => category === 10)
    .select("id", "seller");
  const people = events
    .filter(isPerson)
    .filter(({ state }) => state === "OR" || state === "ID" || state === "CA")
    .select("id", "name", "city", "state");
  return auctions
    .keyBy("seller")
    .connect(people.keyBy("id"))
    .join("sellers", {
      keep: "forever",
      join: ({ id }, { name, city, state }) => ({ name, city, state, id }),
    });
}
