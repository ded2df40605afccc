/**
 * Bugs that are planted in operators, and in what stands around them, while they are loaded: the tests named beside each have
 * to find it (`teeth.ts`). The sources on the disk stay as they are.
 */

import type { PlantedBug } from "../../simulation/planted-bugs/bugs.ts";

export interface OperatorBug extends PlantedBug {
  /** The file of tests that finds it. */
  readonly foundBy: string;
}

function bug(name: string, file: string, from: string, to: string, foundBy: string): OperatorBug {
  return { name, edits: [{ file, from, to }], foundBy: `test/${foundBy}.test.ts` };
}

export const plantedBugs: readonly OperatorBug[] = [
  bug(
    "what is aggregated before the shuffle is held over a barrier",
    "runtime/task/edge-output.ts",
    "barrier(checkpoint: number): void {\n    this.#preAggregator?.send();",
    "barrier(checkpoint: number): void {",
    "operators/pre-aggregation",
  ),
  bug(
    "what is aggregated before the shuffle is held over the watermark at which its window fires",
    "operators/window/pre-aggregator.ts",
    "if (timestamp >= this.#firesAt) this.send();",
    "if (timestamp > this.#firesAt + 1) this.send();",
    "operators/pre-aggregation",
  ),
  bug(
    "a late record counts twice",
    "operators/window/window-operator.ts",
    "this.#lateRecords.add(recordsOf(value));",
    "this.#lateRecords.add(2 * recordsOf(value));",
    "operators/windows",
  ),
  bug(
    "sessions that become one lose their timer",
    "operators/window/general/general-window-operator.ts",
    "this.#trigger.onMerge?.(session.trigger, this.#asked.about(key, session));",
    "",
    "operators/session-triggers",
  ),
  bug(
    "top-N: of equal rows the later comes first",
    "core/top-n.ts",
    "if (isBetter(row, rows[middle] as T)) to = middle;",
    "if (!isBetter(rows[middle] as T, row)) to = middle;",
    "operators/top-n",
  ),
  bug(
    "a batch that does not sort gives a result the time of the record that came last",
    "operators/final/hashed-aggregate.ts",
    "times[at] = slot === fresh ? time : Math.max(times[at] as number, time);",
    "times[at] = time;",
    "runtime/batch-by-hash",
  ),
  bug(
    "top-N of a changelog: the list is not filled up when its rows go",
    "operators/top-n-changes.ts",
    "if (rows.length < this.#spec.n) this.#fillUp(rows);",
    "if (rows.length === 0) this.#fillUp(rows);",
    "operators/top-n-changes",
  ),
  bug(
    "top-N of a changelog: a row behind the list comes into it before the others that are better",
    "operators/top-n-changes.ts",
    "(rows.length === this.#rowsMax || this.#others.size > 0)",
    "rows.length === this.#rowsMax",
    "operators/top-n-changes",
  ),
  bug(
    "the aggregate of a changelog forgets a maximum with the first of its rows",
    "operators/aggregate-changes.ts",
    "return before === (adds ? 0 : 1);",
    "return before <= (adds ? 0 : 2);",
    "operators/aggregate-changes",
  ),
  bug(
    "the aggregate of a changelog leaves counts of a key whose rows are gone",
    "operators/aggregate-changes.ts",
    "for (const values of this.#values) values?.clear();",
    "",
    "operators/aggregate-changes",
  ),
  bug(
    "top-N keeps one row too many",
    "operators/top-n.ts",
    "if (after.length > n) this.#keepOther(after.pop());",
    "if (after.length > n + 1) this.#keepOther(after.pop());",
    "operators/top-n",
  ),
  bug(
    "deduplicate keeps the last by event time in place of the first",
    "operators/deduplicate.ts",
    "if (earliest.timestamp <= timestamp) return;",
    "if (earliest.timestamp > timestamp) return;",
    "operators/deduplicate",
  ),
  bug(
    "the time to live of a deduplicated key counts from the watermark",
    "operators/deduplicate.ts",
    "timestamp < seenAt + this.#spec.ttlMs",
    "seenAt <= seenAt + timestamp",
    "operators/deduplicate",
  ),
  bug(
    "an update without the row that it replaces",
    "operators/deduplicate.ts",
    "push(updatedFrom(before.value), timestamp);",
    "",
    "operators/deduplicate",
  ),
  bug(
    "keys are forgotten a slice of time too early",
    "operators/approximate-deduplicate.ts",
    "if (each <= slice - SLICES) continue;",
    "if (each <= slice - SLICES + 1) continue;",
    "operators/approximate-deduplicate",
  ),
  bug(
    "a larger filter takes the place of the full one",
    "operators/approximate-deduplicate.ts",
    "filters = [...filters, this.#nextFilter(filters.length)];",
    "filters = [this.#nextFilter(filters.length)];",
    "operators/approximate-deduplicate",
  ),
  bug(
    "merged HyperLogLogs have the smaller of two registers",
    "core/aggregates/hyper-log-log.ts",
    "if ((others[i] as number) > (registers[i] as number))",
    "if ((others[i] as number) < (registers[i] as number))",
    "core/aggregates/sketches",
  ),
  bug(
    "a table in a file keeps rows that were deleted",
    "connectors/file/table-writer.ts",
    "else if (!this.#rows.delete(key)) return;",
    "else return;",
    "connectors/file/jsonl-table",
  ),
  bug(
    "a table in a file that goes on from a checkpoint begins empty",
    "connectors/file/table-writer.ts",
    "if (this.#latest !== undefined) await this.#readBack(this.#latest);",
    "",
    "connectors/file/jsonl-table",
  ),
];
