/** A store, logs and results in memory: they outlive a coordinator, but not what it had under way. */

import { type HeldRows, keptLots, type RowsLot } from "../../../../runtime/checkpoints/collected-rows.ts";
import type { ClusterId, JobId } from "../../../../runtime/cluster-ids.ts";
import type { JobRecord, StoredJob } from "../../../../runtime/coordinator/job-record.ts";
import type { CheckpointStorage, JobLogs, JobResults, JobStore } from "../../../../runtime/coordinator/job-store.ts";
import { MemoryStore } from "../../../../runtime/state/memory-store.ts";
import { mergeCheckpoint } from "../../../../runtime/state/merge-checkpoint.ts";
import type { World } from "./world.ts";

interface Opened {
  readonly store: JobStore;
  readonly results: JobResults;
  readonly logs: JobLogs;
  readonly storage: CheckpointStorage;
}

export class MemoryDisk {
  readonly jobs = new Map<JobId, StoredJob>();
  readonly rows = new Map<string, unknown[]>();
  readonly #lots = new Map<string, readonly (RowsLot & { readonly from: number })[]>();
  readonly #checkpoints = new Map<string, MemoryStore>();
  generation = 0;
  readonly world: World;

  constructor(world: World) {
    this.world = world;
  }

  /** For a coordinator; what it has under way when it ends is lost. */
  open(ended: () => boolean): Opened {
    const generation = ++this.generation;
    let freeAtMs = 0;
    /** One after the other, as a log-structured store writes. */
    const inOrder = <T>(act: () => T): Promise<T> => {
      const nowMs = this.world.clock.now();
      freeAtMs = Math.max(freeAtMs, nowMs + this.world.between(0, 30));
      return this.world.later(freeAtMs - nowMs, act, ended);
    };
    return {
      store: {
        cluster: "sim" as ClusterId,
        generation,
        jobs: () => Promise.resolve([...this.jobs.values()]),
        create: (job) => inOrder(() => void this.jobs.set(job.record.id, structuredClone(job))),
        save: (record: JobRecord) => inOrder(() => this.#save(structuredClone(record))),
        remove: (id) => inOrder(() => void this.jobs.delete(id)),
      },
      results: {
        append: (job, sink, rows, origin) =>
          inOrder(() => {
            const key = `${job}/${sink}`;
            const kept = this.rows.get(key) ?? [];
            if (origin !== undefined) {
              const lot = { ...origin, rows: rows.length, from: kept.length };
              this.#lots.set(key, [...(this.#lots.get(key) ?? []), lot]);
            }
            kept.push(...rows);
            this.rows.set(key, kept);
            return kept.length;
          }),
        sync: async () => {},
        keep: (job, sink, held) => inOrder(() => this.#keep(`${job}/${sink}`, held)),
        clear: (job, sinks) =>
          inOrder(() => {
            for (const sink of sinks) {
              this.rows.delete(`${job}/${sink}`);
              this.#lots.delete(`${job}/${sink}`);
            }
          }),
      },
      storage: {
        savepointFolder: (job, nowMs) => `savepoints/${job}-${nowMs}`,
        folderOf: (job, region) => `${job}/${region}`,
        open: async (folder) => this.checkpointsIn(folder),
        merge: (folder, name) => mergeCheckpoint(this.checkpointsIn(folder), name, { worker: "merged" }),
      },
      logs: { append: () => {} },
    };
  }

  /** Shared by the coordinator and all workers. */
  checkpointsIn(folder: string): MemoryStore {
    const store = this.#checkpoints.get(folder) ?? new MemoryStore();
    this.#checkpoints.set(folder, store);
    return store;
  }

  #keep(key: string, held: HeldRows | undefined): number {
    const rows = this.rows.get(key) ?? [];
    const kept: unknown[] = [];
    const lots = keptLots(this.#lots.get(key) ?? [], held).map((lot) => {
      const from = kept.length;
      kept.push(...rows.slice(lot.from, lot.from + lot.rows));
      return { ...lot, from };
    });
    this.rows.set(key, kept);
    this.#lots.set(key, lots);
    return kept.length;
  }

  #save(record: JobRecord): void {
    const stored = this.jobs.get(record.id);
    if (stored !== undefined) this.jobs.set(record.id, { ...stored, record });
  }
}
