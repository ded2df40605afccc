/**
 * q8, monitor new users: who registered and began an auction within the same ten seconds.
 *
 *   SELECT P.id, P.name, P.starttime FROM (person by id, name and window of 10 s) P
 *   JOIN (auction by seller and window) A ON P.id = A.seller AND P.starttime = A.starttime AND P.endtime = A.endtime
 */

import { type DataStream, tumbling, type ValueAggregate } from "millrace";
import { type Auction, type Bid, isBid, type NexmarkEvent, type Person } from "../events.ts";

export function q8(events: DataStream<NexmarkEvent>) {
  return events
    .filter((event): event is Exclude<NexmarkEvent, Bid> => !isBid(event))
    .map(newcomerOf)
    .keyBy("id")
    .window(tumbling("10s"))
    .aggregate("newcomers", names)
    .flatMap(({ key, windowStart, value }) => value.map((name) => ({ id: key, name, stime: windowStart })));
}

/** A person who has registered, or the seller of an auction. */
interface Newcomer {
  readonly id: number;
  readonly name: string | null;
}

function newcomerOf(event: Person | Auction): Newcomer {
  return event.type === "person" ? { id: event.id, name: event.name } : { id: event.seller, name: null };
}

interface Seen {
  names: string[];
  sells: boolean;
}

/** The names under which someone registered who sells, too. */
const names: ValueAggregate<Newcomer, Seen, readonly string[]> = {
  create: () => ({ names: [], sells: false }),
  add: ({ names, sells }, { name }) =>
    name === null ? { names, sells: true } : { names: names.includes(name) ? names : [...names, name], sells },
  merge: (into, from) => ({
    names: [...new Set([...into.names, ...from.names])],
    sells: into.sells || from.sells,
  }),
  result: ({ names, sells }) => (sells ? names : []),
  fields: ["name"],
  partials: "plain",
};
