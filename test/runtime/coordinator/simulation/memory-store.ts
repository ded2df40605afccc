/** A store, logs and results in memory: they outlive a coordinator, but not what it had under way. */

import type { ClusterId, JobId } from "../../../../runtime/cluster-ids.ts";
import type { JobRecord, StoredJob } from "../../../../runtime/coordinator/job-record.ts";
import type { JobLogs, JobResults, JobStore } from "../../../../runtime/coordinator/job-store.ts";
import type { World } from "./world.ts";

export class MemoryDisk {
  readonly jobs = new Map<JobId, StoredJob>();
  readonly rows = new Map<string, unknown[]>();
  generation = 0;
  readonly world: World;

  constructor(world: World) {
    this.world = world;
  }

  /** For a coordinator; what it has under way when it ends is lost. */
  open(ended: () => boolean): { readonly store: JobStore; readonly results: JobResults; readonly logs: JobLogs } {
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
        append: (job, sink, rows) =>
          inOrder(() => {
            const kept = this.rows.get(`${job}/${sink}`) ?? [];
            kept.push(...rows);
            this.rows.set(`${job}/${sink}`, kept);
            return kept.length;
          }),
        clear: (job, sinks) =>
          inOrder(() => {
            for (const sink of sinks) this.rows.delete(`${job}/${sink}`);
          }),
      },
      logs: { append: () => {} },
    };
  }

  #save(record: JobRecord): void {
    const stored = this.jobs.get(record.id);
    if (stored !== undefined) this.jobs.set(record.id, { ...stored, record });
  }
}
