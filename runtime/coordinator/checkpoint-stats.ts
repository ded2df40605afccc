/** What became of a job's checkpoints, for people: counts, the latest of each kind, and the newest ones in detail. */

import { CHECKPOINTS_SHOWN } from "../../core/limits.ts";

export interface CheckpointEntry {
  readonly region: number;
  readonly checkpoint: number;
  readonly savepoint: boolean;
  /** Its barriers overtook what was on its way. */
  readonly unaligned: boolean;
  readonly status: "IN_PROGRESS" | "COMPLETED" | "FAILED";
  readonly beganMs: number;
  /** When it was complete or came to nothing. */
  readonly endedMs: number | undefined;
  /** What it has written, which of a delta is what had changed. */
  readonly bytes: number;
  /** Of these, what was on its way between subtasks. */
  readonly inFlightBytes: number;
  /** What came to subtasks from other slots between their first barrier and their cut. */
  readonly alignedBytes: number;
  /** On how many hosts each of its blocks is at least, of a checkpoint in the workers' own stores. */
  readonly copies: number | undefined;
  readonly slots: number;
  readonly acknowledged: number;
  readonly failure: string | undefined;
  /** The folder, of a savepoint. */
  readonly path: string | undefined;
}

export interface RestoredEntry {
  readonly region: number;
  readonly checkpoint: number;
  readonly savepoint: boolean;
  readonly atMs: number;
  readonly path: string | undefined;
}

type Key = Pick<CheckpointEntry, "region" | "checkpoint">;

export class CheckpointStats {
  /** The oldest first. */
  #entries: readonly CheckpointEntry[] = [];
  #restored: RestoredEntry | undefined;
  #latest: {
    readonly completed?: CheckpointEntry;
    readonly savepoint?: CheckpointEntry;
    readonly failed?: CheckpointEntry;
  } = {};
  readonly counts = { restored: 0, completed: 0, failed: 0 };

  get entries(): readonly CheckpointEntry[] {
    return this.#entries;
  }

  get restored(): RestoredEntry | undefined {
    return this.#restored;
  }

  get latest() {
    return this.#latest;
  }

  get inProgress(): number {
    return this.#entries.filter(({ status }) => status === "IN_PROGRESS").length;
  }

  began(entry: Pick<CheckpointEntry, "region" | "checkpoint" | "savepoint" | "beganMs" | "slots" | "path">): void {
    const { region, checkpoint } = entry;
    const nothing = { bytes: 0, inFlightBytes: 0, alignedBytes: 0, acknowledged: 0 };
    const open = { endedMs: undefined, unaligned: false, failure: undefined, copies: undefined, ...nothing };
    // Of one that was being written when its region failed, nobody has said what became of it.
    const others = this.#entries.filter((each) => !(each.region === region && each.checkpoint === checkpoint));
    this.#entries = [...others, { ...entry, ...open, status: "IN_PROGRESS" as const }].slice(-CHECKPOINTS_SHOWN);
  }

  overtakes(key: Key): void {
    this.#change(key, (entry) => ({ ...entry, unaligned: true }));
  }

  /** @param copies of what some slots have written. */
  acknowledged(
    key: Key,
    slots: number,
    bytes: { readonly all: number; readonly inFlight: number; readonly aligned: number },
    copies: number | undefined,
  ): void {
    this.#change(key, (entry) => ({
      ...entry,
      acknowledged: entry.acknowledged + slots,
      bytes: entry.bytes + bytes.all,
      inFlightBytes: entry.inFlightBytes + bytes.inFlight,
      alignedBytes: entry.alignedBytes + bytes.aligned,
      copies: copies === undefined ? entry.copies : Math.min(copies, entry.copies ?? copies),
    }));
  }

  completed(key: Key, nowMs: number): void {
    this.counts.completed++;
    const entry = this.#change(key, (open) => ({ ...open, status: "COMPLETED", endedMs: nowMs }));
    if (entry?.savepoint === true) this.#latest = { ...this.#latest, savepoint: entry };
    else if (entry !== undefined) this.#latest = { ...this.#latest, completed: entry };
  }

  failed(key: Key, failure: string, nowMs: number): void {
    this.counts.failed++;
    const entry = this.#change(key, (open) => ({ ...open, status: "FAILED", endedMs: nowMs, failure }));
    if (entry !== undefined) this.#latest = { ...this.#latest, failed: entry };
  }

  wasRestored(entry: RestoredEntry): void {
    this.counts.restored++;
    this.#restored = entry;
  }

  #change(
    { region, checkpoint }: Key,
    change: (entry: CheckpointEntry) => CheckpointEntry,
  ): CheckpointEntry | undefined {
    const at = this.#entries.findLastIndex((each) => each.region === region && each.checkpoint === checkpoint);
    const entry = this.#entries[at];
    if (entry === undefined) return undefined;
    const changed = change(entry);
    this.#entries = this.#entries.with(at, changed);
    return changed;
  }
}
