/**
 * The input of a batch's operator by key: the sorted runs of all its edges, merged, so that a key's records come together and
 * in order of their times.
 *
 *   preparing ──► reading ◄──► ending a portion ──► ended
 *   runs beyond the fan-in     (`key-portions.ts`)
 *   are merged before
 */

import type { Key } from "../../core/key.ts";
import { BATCH_FAN_IN, BATCH_PORTION_KEYS, BATCH_PORTION_RECORDS, BATCH_STEP_ROWS } from "../../core/limits.ts";
import type { Port } from "../../core/node.ts";
import type { Push } from "../../core/operator.ts";
import { compareKeys } from "../exchange/sorted/key-order.ts";
import { MergedRuns, type Run } from "../exchange/sorted/merged-runs.ts";
import { RunWriter } from "../exchange/sorted/run-file.ts";
import type { Chain } from "./chain.ts";
import { KeyPortions } from "./key-portions.ts";
import type { SubtaskGate } from "./subtask-gate.ts";
import type { InputStep, SubtaskInput } from "./subtask-input.ts";

export interface SortedInputOptions {
  readonly operator: string;
  readonly runs: readonly Run[];
  /** By edge: the input of the operator that it leads to. */
  readonly ports: ReadonlyMap<number, Port | undefined>;
  /** The path of a run that is made of others. */
  readonly mergedPath: (number: number) => string;
}

/** Runs of one edge that are being merged into one. */
interface Merging {
  readonly from: readonly Run[];
  readonly runs: MergedRuns;
  readonly writer: RunWriter;
  readonly into: Run;
}

export class SortedInput implements SubtaskInput {
  readonly #options: SortedInputOptions;
  readonly #chain: Chain;
  readonly #gate: SubtaskGate;
  readonly #pushes: ReadonlyMap<number, Push<unknown>>;
  /** Absent for operators that see where a key ends by themselves. */
  readonly #portions: KeyPortions | undefined;
  #runs: readonly Run[];
  #merging: Merging | undefined;
  #mergedRuns = 0;
  #merged: MergedRuns | undefined;
  // The portion at hand.
  #key: Key | undefined;
  #keys = 0;
  #records = 0;
  #ending = false;
  readonly isSource = false;
  readonly barrier = 0;
  readonly bytes = 0;
  records = 0;

  constructor(options: SortedInputOptions, chain: Chain, gate: SubtaskGate) {
    this.#options = options;
    this.#chain = chain;
    this.#gate = gate;
    this.#runs = options.runs;
    const entry = chain.entryOf(chain.head.operator as never);
    this.#pushes = new Map([...options.ports].map(([edge, port]) => [edge, entry.pushOf(port)]));
    const { instance } = chain.head;
    this.#portions = instance instanceof KeyPortions ? instance : undefined;
  }

  step(): InputStep {
    if (this.#ending) {
      this.#ending = this.#portions?.next() === false;
      return "worked";
    }
    if (this.#merged === undefined) {
      if (!this.#prepared()) return "worked";
      this.#merged = new MergedRuns(this.#runs, this.#options.operator);
    }
    this.#read(this.#merged);
    if (this.#ending || this.#merged.first !== undefined) return "worked";
    if (this.#records === 0) return "ended";
    this.#endPortion();
    return "worked";
  }

  #read(merged: MergedRuns): void {
    for (let row = 0; row < BATCH_STEP_ROWS && !this.#gate.blocked; row++) {
      const next = merged.first;
      if (next === undefined) break;
      if (!this.#takes(next.key)) {
        this.#endPortion();
        return;
      }
      this.records++;
      this.#records++;
      (this.#pushes.get(next.edge) as Push<unknown>)(next.value, next.timestamp);
      merged.advance();
    }
    if (!this.#gate.blocked) this.#chain.batchEnd();
  }

  /** Whether a record of the key is of the portion at hand: it ends between two keys alone. */
  #takes(key: Key): boolean {
    if (this.#key !== undefined && compareKeys(key, this.#key, this.#options.operator) === 0) return true;
    if (this.#portions !== undefined && (this.#keys >= BATCH_PORTION_KEYS || this.#records >= BATCH_PORTION_RECORDS))
      return false;
    this.#key = key;
    this.#keys++;
    return true;
  }

  #endPortion(): void {
    this.#chain.batchEnd();
    this.#key = undefined;
    this.#keys = 0;
    this.#records = 0;
    this.#ending = true;
    this.#portions?.end();
  }

  /** Whether the runs are few enough to be merged at once; if not, merges some of one edge, a step at a time. */
  #prepared(): boolean {
    if (this.#merging === undefined) {
      if (this.#runs.length <= BATCH_FAN_IN) return true;
      this.#merging = this.#beginMerging();
    }
    const { runs, writer, from, into } = this.#merging;
    for (let row = 0; row < BATCH_STEP_ROWS && runs.first !== undefined; row++) {
      writer.write(runs.first.value, runs.first.timestamp);
      runs.advance();
    }
    if (runs.first !== undefined) return false;
    runs.close();
    writer.end();
    // In the place of the first of them: of one key and time, the order of runs is that of records.
    this.#runs = this.#runs.flatMap((run) => (run === from[0] ? [into] : from.includes(run) ? [] : [run]));
    this.#merging = undefined;
    return false;
  }

  /** Of the edge with the most runs. */
  #beginMerging(): Merging {
    const byEdge = [...Map.groupBy(this.#runs, ({ edge }) => edge).values()];
    const from = (byEdge.sort((a, b) => b.length - a.length)[0] as Run[]).slice(0, BATCH_FAN_IN);
    const into = { ...(from[0] as Run), path: this.#options.mergedPath(this.#mergedRuns++) };
    const writer = new RunWriter(this.#options.operator, undefined);
    writer.begin(into.path);
    return { from, runs: new MergedRuns(from, this.#options.operator), writer, into };
  }

  stop(): void {}

  cut(): void {}

  mayOvertake(): boolean {
    return false;
  }

  overtake(): readonly [] {
    return [];
  }

  readAhead(): boolean {
    return false;
  }

  abandon(): void {}

  completed(): void {}

  aligned(): void {}

  position(): undefined {}

  async close(): Promise<void> {
    this.#merged?.close();
    this.#merging?.runs.close();
    this.#merging?.writer.close();
  }
}
