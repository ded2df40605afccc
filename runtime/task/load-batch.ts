/** What slots of batches need, loaded by them alone: loading is most of a start. */

type BatchModule = typeof import("./batch-slot.ts");

let loaded: BatchModule | undefined;

/** ENSURES: slots of batches can be deployed in this thread. */
export async function loadBatch(): Promise<void> {
  loaded ??= await import("./batch-slot.ts");
}

/** REQUIRES: `loadBatch` has come first. */
export function batchModule(): BatchModule {
  return loaded as BatchModule;
}
