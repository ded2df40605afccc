/**
 * The fault points of docs/fault-points.md, with what has to happen for a process to come to each of them.
 */

export interface Point {
  readonly name: string;
  readonly process: "worker" | "coordinator";
  /**
   * running    every few checkpoints
   * restarting while a job starts again
   * failing    when a region of a job has failed
   * savepoint  when somebody wants a savepoint
   * ending     when a job comes to its end
   * timedOut   when a checkpoint is complete for longer than its transactions may be open, and none is ended
   */
  readonly when: "running" | "restarting" | "failing" | "savepoint" | "ending" | "timedOut";
}

export const points: readonly Point[] = [
  { name: "worker.checkpoint-heard", process: "worker", when: "running" },
  { name: "slot.checkpoint-begun", process: "worker", when: "running" },
  { name: "slot.aligning", process: "worker", when: "running" },
  { name: "slot.cut", process: "worker", when: "running" },
  { name: "sink.preparing", process: "worker", when: "running" },
  { name: "sink.prepared", process: "worker", when: "running" },
  { name: "slot.block-sent", process: "worker", when: "running" },
  { name: "slot.captured", process: "worker", when: "running" },
  { name: "slot.snapshotted", process: "worker", when: "running" },
  { name: "slot.enumerator-cut", process: "worker", when: "running" },
  { name: "worker.blocks-synced", process: "worker", when: "running" },
  { name: "worker.acknowledged", process: "worker", when: "running" },
  { name: "worker.checkpoint-ended", process: "worker", when: "running" },
  { name: "sink.told", process: "worker", when: "running" },
  { name: "sink.committing", process: "worker", when: "running" },
  { name: "sink.committed", process: "worker", when: "running" },
  { name: "slot.end-committed", process: "worker", when: "ending" },
  { name: "worker.store-locked", process: "worker", when: "restarting" },
  { name: "worker.store-opened", process: "worker", when: "restarting" },
  { name: "worker.restore-read", process: "worker", when: "restarting" },
  { name: "slot.restored", process: "worker", when: "restarting" },
  { name: "slot.deployed", process: "worker", when: "restarting" },
  { name: "coordinator.checkpoint-begun", process: "coordinator", when: "running" },
  { name: "coordinator.acknowledged", process: "coordinator", when: "running" },
  { name: "coordinator.enumerator-cut", process: "coordinator", when: "running" },
  { name: "coordinator.all-acknowledged", process: "coordinator", when: "running" },
  { name: "coordinator.manifest-kept", process: "coordinator", when: "running" },
  { name: "coordinator.manifest-written", process: "coordinator", when: "running" },
  { name: "coordinator.completion-stored", process: "coordinator", when: "running" },
  { name: "coordinator.completion-told", process: "coordinator", when: "running" },
  { name: "coordinator.savepoint-written", process: "coordinator", when: "savepoint" },
  { name: "coordinator.savepoint-told", process: "coordinator", when: "savepoint" },
  { name: "coordinator.chain-merged", process: "coordinator", when: "running" },
  { name: "coordinator.merge-complete", process: "coordinator", when: "running" },
  { name: "coordinator.ending", process: "coordinator", when: "failing" },
  { name: "coordinator.checkpoint-chosen", process: "coordinator", when: "restarting" },
  { name: "coordinator.rows-kept", process: "coordinator", when: "restarting" },
  { name: "coordinator.attempt-stored", process: "coordinator", when: "restarting" },
  { name: "coordinator.deployed", process: "coordinator", when: "restarting" },
  { name: "coordinator.job-over", process: "coordinator", when: "ending" },
  { name: "store.file-synced", process: "coordinator", when: "running" },
  { name: "store.file-renamed", process: "coordinator", when: "running" },
  { name: "store.manifest-deleted", process: "coordinator", when: "running" },
  { name: "store.blocks-deleted", process: "coordinator", when: "running" },
];

/** Those of unaligned checkpoints, to which only the job comes that takes such. */
export const overtakingPoints: readonly Point[] = [{ name: "slot.overtaking", process: "worker", when: "running" }];

/** Those of the Kafka sink, to which only a job with one comes. */
export const kafkaPoints: readonly Point[] = [
  { name: "kafka.begun", process: "worker", when: "running" },
  { name: "kafka.produced", process: "worker", when: "running" },
  { name: "kafka.marked", process: "worker", when: "running" },
  { name: "kafka.ended", process: "worker", when: "running" },
  { name: "kafka.fenced", process: "worker", when: "timedOut" },
  { name: "kafka.rewritten", process: "worker", when: "timedOut" },
];
