/** How the records of an edge find the subtask that gets them. */

import type { KeySelector } from "./key.ts";

export type Partitioning =
  /** To the subtask of the same number; spread evenly when the parallelisms differ. */
  | { readonly kind: "forward" }
  /** By the key group of the record's key. */
  | { readonly kind: "hash"; readonly key: KeySelector }
  /** In turn to all subtasks. */
  | { readonly kind: "rebalance" }
  /** In turn to the near ones: each producer to its share of the consumers. */
  | { readonly kind: "rescale" }
  /** All to subtask 0. */
  | { readonly kind: "global" }
  /** Every record to every subtask. */
  | { readonly kind: "broadcast" }
  /** Where a function says: it gets the record and the number of subtasks and returns 0 … subtasks-1. */
  | { readonly kind: "custom"; readonly choose: (value: never, subtasks: number) => number };
