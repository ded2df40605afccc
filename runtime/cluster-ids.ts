/** Branded identifiers of the cluster. Each brand names the confusion that it prevents. */

declare const brand: unique symbol;

/** One cluster: a worker or connection of another cluster is refused. Not one of its processes. */
export type ClusterId = string & { readonly [brand]: "cluster" };

/** One life of a worker process: a restarted one is another. Not a host or an address. */
export type WorkerId = string & { readonly [brand]: "worker" };

/** One submitted job: submitting the same program again makes another. Not the program's name. */
export type JobId = string & { readonly [brand]: "job" };

/** One try to run one region of one job: `jobId/region/number`. Not the job, which may have many. */
export type AttemptId = string & { readonly [brand]: "attempt" };

/** SHA-256 of a bundled program in lower-case hex: 64 characters. Not a path. */
export type BundleHash = string & { readonly [brand]: "bundle" };

/** One folder of checkpoints that a worker process has open: it outlives the process, and another may take it over. Not a worker. */
export type StoreId = string & { readonly [brand]: "store" };

export function attemptId(job: JobId, region: number, number: number): AttemptId {
  return `${job}/${region}/${number}` as AttemptId;
}
