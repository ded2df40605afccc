/** The operators that programs may name: all others they get by the calls of a stream. */

export { type InOrderOptions, inOrder } from "./in-order.ts";
export { type MapReduce, type MapReduceKey, mapReduce } from "./map-reduce.ts";
export {
  answerMerger,
  mergeAnswers,
  onlineRecommender,
  type RankedList,
  type RecommenderAnswer,
  type RecommenderInput,
  type RecommenderOptions,
  recommenderSchema,
} from "./ml/recommender/operator.ts";
