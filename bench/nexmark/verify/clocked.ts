/**
 * q12 row by row. Its windows are the clock's, so the clock is a virtual one here, and the events come in bursts: so many of
 * each reader in a window of ten seconds. When each event was read stands in a book, from which a plain program counts.
 *
 * The law: virtual time passes only when nothing is left to do, so what is read at the beginning of a window has been counted
 * long before its end. An event that a crash took back is read again, and the later time replaces the earlier one.
 */

import type { Source, SourceReader } from "millrace";
import { isBid, type NexmarkEvent } from "../events.ts";
import { q12 } from "../queries/q12.ts";
import { type GeneratedInput, nexmark } from "../source.ts";
import { runVerified, type Way } from "./run-query.ts";
import { firstDifference } from "./table-of.ts";

const WINDOW_MS = 10_000;
/** Of each reader in a window. */
const BURST = 2500;

export interface Verdict {
  readonly rows: number;
  /** Undefined: none. */
  readonly problem: string | undefined;
}

/** Runs q12 on injected time, and compares its rows with what the book of readings makes of them. */
export async function clockedQ12(input: GeneratedInput, way: Way): Promise<Verdict> {
  const readAt = new Map<string, number>();
  const rows = await runVerified(way, input.events, (env, ledger, disturb) => {
    const events = env
      .from(disturb(inBursts(nexmark(input), readAt)), { name: "nexmark" })
      .withTimestamps(({ dateTime }) => dateTime, { outOfOrderness: "4s" });
    q12(events).to(ledger.sink());
  });
  // The book tells events apart by their fields, all together.
  if (readAt.size !== input.events) throw new Error(`${readAt.size} events were read, expected ${input.events}`);
  const table = rows.map((row) => JSON.stringify(row)).sort();
  return { rows: table.length, problem: firstDifference(table, plainQ12(readAt)) };
}

/** The source, whose readers push at most `BURST` events in each window of the clock, as early in it as they can. */
function inBursts(source: Source<NexmarkEvent>, readAt: Map<string, number>): Source<NexmarkEvent> {
  return Object.freeze<Source<NexmarkEvent>>({
    ...source,
    reader(context): SourceReader<NexmarkEvent> {
      const inner = source.reader(context);
      let window = Number.NaN;
      let pushed = 0;
      return {
        begin: (split, position) => inner.begin(split, position),
        position: () => inner.position(),
        read(push, max, gate) {
          const now = context.clock.now();
          if (windowOf(now) !== window) {
            window = windowOf(now);
            pushed = 0;
          }
          if (pushed >= BURST) return window + WINDOW_MS - now;
          const noted = (event: NexmarkEvent, timestamp: number): void => {
            readAt.set(JSON.stringify(event), now);
            pushed++;
            push(event, timestamp);
          };
          return inner.read(noted, Math.min(max, BURST - pushed), gate);
        },
      };
    },
  });
}

function plainQ12(readAt: ReadonlyMap<string, number>): string[] {
  const bids = [...readAt].flatMap(([line, time]) => {
    const event = JSON.parse(line) as NexmarkEvent;
    return isBid(event) ? [{ bidder: event.bidder, starttime: windowOf(time) }] : [];
  });
  return [...Map.groupBy(bids, ({ bidder, starttime }) => `${bidder} ${starttime}`).values()]
    .map((own) => ({ ...(own[0] as (typeof bids)[number]), bid_count: own.length }))
    .map(({ bidder, bid_count, starttime }) =>
      JSON.stringify({ bidder, bid_count, starttime, endtime: starttime + WINDOW_MS }),
    )
    .sort();
}

function windowOf(time: number): number {
  return time - (time % WINDOW_MS);
}
