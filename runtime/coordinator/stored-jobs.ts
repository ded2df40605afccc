/**
 * The coordinator's jobs as documents.
 *
 *   cluster      its id, and how many coordinators have opened the store
 *   jobs         the ids of all jobs: one that is listed and not there was lost by the store
 *   job/<id>     the record, written anew at every change
 *   plan/<id>    the plan, written once
 */

import { MillraceError } from "../../core/errors.ts";
import type { ClusterId, JobId } from "../cluster-ids.ts";
import type { PlannedJob } from "../planned-job.ts";
import type { DocumentChange, DocumentStore } from "../state/document-store.ts";
import type { JobRecord, StoredJob } from "./job-record.ts";
import type { JobStore } from "./job-store.ts";

/** What it keeps them in. */
export type Documents = Pick<DocumentStore, "get" | "change" | "close">;

interface ClusterDocument {
  readonly format: 1;
  readonly cluster: ClusterId;
  readonly generation: number;
}

export class StoredJobs implements JobStore {
  readonly cluster: ClusterId;
  readonly generation: number;
  readonly #documents: Documents;
  readonly #ids: Set<JobId>;
  readonly #underWay = new Set<Promise<void>>();

  private constructor(documents: Documents, { cluster, generation }: ClusterDocument, ids: readonly JobId[]) {
    this.cluster = cluster;
    this.generation = generation;
    this.#documents = documents;
    this.#ids = new Set(ids);
  }

  /** @throws STATE_CORRUPT */
  static async open(documents: Documents, newClusterId: () => ClusterId): Promise<StoredJobs> {
    const before = (await documents.get("cluster")) as ClusterDocument | undefined;
    if (before !== undefined && before.format !== 1) {
      throw new MillraceError(
        "STATE_CORRUPT",
        `the coordinator's store has format ${String(before.format)}, this version of Millrace reads 1`,
      );
    }
    const document: ClusterDocument = {
      format: 1,
      cluster: before?.cluster ?? newClusterId(),
      generation: (before?.generation ?? 0) + 1,
    };
    await documents.change([{ kind: "put", name: "cluster", value: document }]);
    return new StoredJobs(documents, document, ((await documents.get("jobs")) ?? []) as readonly JobId[]);
  }

  async jobs(): Promise<readonly StoredJob[]> {
    return Promise.all([...this.#ids].map((id) => this.#read(id)));
  }

  create({ record, plan }: StoredJob): Promise<void> {
    this.#ids.add(record.id);
    return this.#change([
      { kind: "put", name: `plan/${record.id}`, value: plan },
      { kind: "put", name: `job/${record.id}`, value: record },
      { kind: "put", name: "jobs", value: [...this.#ids] },
    ]);
  }

  save(record: JobRecord): Promise<void> {
    // Its last word may come when newer jobs have taken its place.
    if (!this.#ids.has(record.id)) return Promise.resolve();
    return this.#change([{ kind: "put", name: `job/${record.id}`, value: record }]);
  }

  remove(id: JobId): Promise<void> {
    this.#ids.delete(id);
    return this.#change([
      { kind: "put", name: "jobs", value: [...this.#ids] },
      { kind: "delete", name: `job/${id}` },
      { kind: "delete", name: `plan/${id}` },
    ]);
  }

  /** Writes what is under way and what follows from it, then closes the store. */
  async close(): Promise<void> {
    while (this.#underWay.size > 0) {
      await Promise.allSettled(this.#underWay);
      // Whoever waited for a write may begin another one.
      await new Promise((resolve) => setImmediate(resolve));
    }
    await this.#documents.close();
  }

  #change(changes: readonly DocumentChange[]): Promise<void> {
    const done = this.#documents.change(changes).finally(() => this.#underWay.delete(done));
    this.#underWay.add(done);
    return done;
  }

  async #read(id: JobId): Promise<StoredJob> {
    const [record, plan] = await Promise.all([this.#documents.get(`job/${id}`), this.#documents.get(`plan/${id}`)]);
    if (record === undefined || plan === undefined) {
      throw new MillraceError("STATE_CORRUPT", `the coordinator's store lists job ${id} and has lost it`);
    }
    return { record: record as JobRecord, plan: plan as PlannedJob };
  }
}
