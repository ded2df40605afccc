/** All queries by name, and three jobs that are none of them: what the reference measures its own DataStream API by. */

import type { DataStream } from "millrace";
import type { NexmarkEvent } from "../events.ts";
import { UsageError } from "../usage-error.ts";
import { dsCount } from "./ds-count.ts";
import { dsMap } from "./ds-map.ts";
import { dsWindow } from "./ds-window.ts";
import { q0 } from "./q0.ts";
import { q1 } from "./q1.ts";
import { q2 } from "./q2.ts";
import { q3 } from "./q3.ts";
import { q4 } from "./q4.ts";
import { q5 } from "./q5.ts";
import { q6 } from "./q6.ts";
import { q7 } from "./q7.ts";
import { q8 } from "./q8.ts";
import { q9 } from "./q9.ts";
import { q11 } from "./q11.ts";
import { q12 } from "./q12.ts";
import { q13 } from "./q13.ts";
import { q14 } from "./q14.ts";
import { q15 } from "./q15.ts";
import { q16 } from "./q16.ts";
import { q17 } from "./q17.ts";
import { q18 } from "./q18.ts";
import { q19 } from "./q19.ts";
import { q20 } from "./q20.ts";
import { q21 } from "./q21.ts";
import { q22 } from "./q22.ts";

export interface Query {
  readonly build: (events: DataStream<NexmarkEvent>) => DataStream<object>;
  /** Whether no time matters: then events get none, and no watermarks are made, as in the reference's job of that name. */
  readonly timeless?: boolean;
  /** The fields that tell rows apart, where a later row replaces an earlier one; absent: every row is final. */
  readonly upsertKey?: readonly string[];
  /** The columns that hold prices in euros: decimals with three digits behind the point. */
  readonly euros?: readonly string[];
  /** What the reference calls the columns, in their order, where it calls them otherwise. */
  readonly columns?: readonly string[];
}

export const queries = {
  q0: { build: q0 },
  q1: { build: q1, euros: ["price"] },
  q2: { build: q2 },
  q3: { build: q3 },
  q4: { build: q4, upsertKey: ["id"] },
  q5: { build: q5 },
  q6: { build: q6 },
  q7: { build: q7, columns: ["auction", "bidder", "price", "dateTime", "extra"] },
  q8: { build: q8 },
  q9: { build: q9, upsertKey: ["id"] },
  q11: { build: q11 },
  q12: { build: q12 },
  q13: { build: q13 },
  q14: { build: q14, euros: ["price"] },
  q15: { build: q15, upsertKey: ["day"] },
  q16: { build: q16, upsertKey: ["channel", "day"] },
  q17: { build: q17, upsertKey: ["auction", "day"] },
  q18: { build: q18, upsertKey: ["bidder", "auction"] },
  q19: { build: q19, upsertKey: ["auction", "rank_number"] },
  q20: { build: q20 },
  q21: { build: q21 },
  q22: { build: q22 },
  "ds-map": { build: dsMap, timeless: true },
  "ds-window": { build: dsWindow },
  "ds-count": { build: dsCount, timeless: true, upsertKey: ["bidder"] },
} as const satisfies Readonly<Record<string, Query>>;

export type QueryName = keyof typeof queries;

export const queryNames = Object.keys(queries) as readonly QueryName[];

/** @throws UsageError for a name that no query has. */
export function queryNamed(name: string): Query {
  if (!Object.hasOwn(queries, name))
    throw new UsageError(`there is no query "${name}"; there are ${queryNames.join(", ")}`);
  return queries[name as QueryName];
}
