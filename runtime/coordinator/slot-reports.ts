/** The latest report of each slot of a job, and the one before it, from which shares of time are told. */

import type { SubtaskReport } from "../protocol.ts";
import type { SlotReport } from "./job-record.ts";

export interface TimedReport extends SlotReport {
  /** When it came, epoch milliseconds. */
  readonly atMs: number;
}

export class SlotReports {
  readonly #latest = new Map<number, TimedReport>();
  readonly #before = new Map<number, TimedReport>();

  /** Takes up what a record has. */
  constructor(stored: readonly SlotReport[]) {
    for (const report of stored) this.#latest.set(report.slot, { ...report, atMs: 0 });
  }

  receive(report: TimedReport): void {
    const latest = this.#latest.get(report.slot);
    if (latest !== undefined) this.#before.set(report.slot, latest);
    this.#latest.set(report.slot, report);
  }

  /** Forgets slots, as another attempt counts anew. */
  forget(slots: readonly number[]): void {
    for (const slot of slots) {
      this.#latest.delete(slot);
      this.#before.delete(slot);
    }
  }

  all(): readonly SlotReport[] {
    return [...this.#latest.values()]
      .sort((a, b) => a.slot - b.slot)
      .map(({ slot, subtasks, busyMs }) => ({ slot, subtasks, busyMs }));
  }

  busyMs(slots: number): readonly number[] {
    return Array.from({ length: slots }, (_, slot) => this.#latest.get(slot)?.busyMs ?? 0);
  }

  subtasks(): readonly SubtaskReport[] {
    return this.all().flatMap((report) => report.subtasks);
  }

  /** A subtask's latest report and the one before it. */
  of(slot: number, vertex: string, subtask: number): readonly [SubtaskReport | undefined, SubtaskReport | undefined] {
    const find = (report: TimedReport | undefined): SubtaskReport | undefined =>
      report?.subtasks.find((each) => each.vertex === vertex && each.subtask === subtask);
    return [find(this.#latest.get(slot)), find(this.#before.get(slot))];
  }
}
