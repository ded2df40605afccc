/**
 * The recommender on Kafka: loads the shop's log into a topic, reads it from there, writes lists and metrics to topics, and
 * sees that the metrics are those of a run over the file.
 *
 *   node examples/recommender-kafka.ts [--parallelism N]
 *
 * The Kafka is that of KAFKA_BROKERS, or one that is started here. Topics get names of their own with each run.
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type JobHandle, type JobMetrics, MillraceError, type RunOptions, run, showProgress } from "millrace";
import { makeTopics } from "millrace/kafka";
import { brokerForExamples } from "./recommender/broker.ts";
import loadLog from "./recommender/load-log.ts";
import recommenderOnKafka from "./recommender/on-kafka.ts";
import type { Shopper, WindowMetrics } from "./recommender/outcome.ts";
import { currentHitRate, firstListOf, summaryOf } from "./recommender/report.ts";
import recommender from "./recommender.ts";

interface Topics {
  readonly log: string;
  readonly lists: string;
  readonly metrics: string;
}

/** The log is of 2011: by its times, brokers would delete what is made of it at once. */
const forever = { "retention.ms": "-1" };

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { parallelism: { type: "string", default: "2" } } });
  const parallelism = Number(values.parallelism);
  await using broker = await brokerForExamples(say);
  const { brokers } = broker;
  const topics = await newTopics(brokers);

  say(`Loading the shop's log into topic ${topics.log} of ${brokers}.`);
  await shown((options) => run(loadLog, { params: { brokers, topic: topics.log }, ...options }));

  say(`Recommending from topic ${topics.log} to topic ${topics.lists}.`);
  const onKafka = await recommended(brokers, topics, parallelism);

  say("The same over the file, to compare.");
  const expected = await recommendedOfFile(parallelism);
  const equal = sameMetrics(onKafka, expected);
  say(`\nThe metrics of ${onKafka.length} windows ${equal ? "equal" : "DIFFER from"} those of the run over the file.`);
  if (!equal) process.exitCode = 1;
}

async function newTopics(brokers: string): Promise<Topics> {
  const run = new Date().toISOString().replace(/\D/g, "").slice(0, 14);
  const names = { log: `retail-log-${run}`, lists: `recommendations-${run}`, metrics: `recommender-metrics-${run}` };
  await makeTopics({ brokers }, [
    { topic: names.log, partitions: 4, settings: forever },
    { topic: names.lists, partitions: 4, settings: forever },
    { topic: names.metrics, settings: forever },
  ]);
  return names;
}

async function recommended(brokers: string, topics: Topics, parallelism: number): Promise<readonly WindowMetrics[]> {
  const before = process.cpuUsage();
  const { handle, metrics } = await shown((options) => {
    return run(recommenderOnKafka, { params: { brokers, ...topics }, parallelism, ...options });
  }, new FirstList().line);
  const { user, system } = process.cpuUsage(before);
  const windows = handle.collect<WindowMetrics>("metrics");
  const summary = summaryOf({
    metrics,
    whole: windows.at(-1),
    shoppers: handle.collect<Shopper>("shoppers"),
    cpuSeconds: (user + system) / 1e6,
    written: [`topic ${topics.lists}`, `topic ${topics.metrics}`],
  });
  process.stdout.write(`${summary}\n`);
  return windows;
}

async function recommendedOfFile(parallelism: number): Promise<readonly WindowMetrics[]> {
  const output = await mkdtemp(join(tmpdir(), "millrace-recommender-"));
  try {
    const { handle } = await shown((options) => run(recommender, { params: { output }, parallelism, ...options }));
    return handle.collect<WindowMetrics>("metrics");
  } finally {
    await rm(output, { recursive: true });
  }
}

/** Everything but how long lists took to make, which is another time each time. */
function sameMetrics(windows: readonly WindowMetrics[], expected: readonly WindowMetrics[]): boolean {
  const text = (all: readonly WindowMetrics[]): string =>
    JSON.stringify(all.map((each) => ({ ...each, p95_ms: null })));
  return text(windows) === text(expected);
}

/** Runs a job to its end with its progress shown. */
async function shown(
  start: (options: Pick<RunOptions, "onProgress">) => Promise<JobHandle>,
  seen?: (handle: JobHandle) => void,
): Promise<{ readonly handle: JobHandle; readonly metrics: JobMetrics }> {
  const progress = showProgress({ every: "5s", extra: currentHitRate });
  const started: { handle?: JobHandle } = {};
  const handle = await start({
    onProgress: (metrics) => {
      if (started.handle !== undefined) seen?.(started.handle);
      progress.onProgress(metrics);
    },
  });
  started.handle = handle;
  const metrics = await handle.result.finally(() => progress.done());
  return { handle, metrics };
}

/** Says once what the first list was. */
class FirstList {
  readonly #began = performance.now();
  #said = false;

  readonly line = (handle: JobHandle): void => {
    const [first] = this.#said ? [] : handle.collect<Shopper>("first-list");
    if (first === undefined) return;
    say(firstListOf(first, performance.now() - this.#began));
    this.#said = true;
  };
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    say(error instanceof MillraceError ? `${error.code}: ${error.message}` : String((error as Error).stack));
    process.exitCode = 1;
  }
}
