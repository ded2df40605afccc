/** Millrace's front door: everything that a program which defines or runs jobs may import. */

export * from "./connectors/index.ts";
export * from "./core/index.ts";
export {
  answerMerger,
  type InOrderOptions,
  inOrder,
  type MapReduce,
  type MapReduceKey,
  mapReduce,
  mergeAnswers,
  onlineRecommender,
  type RankedList,
  type RecommenderAnswer,
  type RecommenderInput,
  type RecommenderOptions,
  recommenderSchema,
} from "./operators/index.ts";
export { type Progress, type ProgressOptions, type ProgressStream, showProgress } from "./runtime/cli/progress.ts";
export type { JobMetrics } from "./runtime/job-metrics.ts";
export { type FolderCheckpoints, type JobHandle, type RunOptions, run, type SavepointOptions } from "./runtime/run.ts";
