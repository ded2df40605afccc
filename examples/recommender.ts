/**
 * An online recommender over a real shop's log: cleaning, features, training and evaluation as one stream.
 *
 *   node examples/recommender.ts [--input FILE] [--output DIR] [--parallelism N] [--shuffle-baskets SEED]
 *
 * `recommender/pipeline.ts` is the way from a row to a list; here stand where rows come from, where lists go to, and what
 * is shown meanwhile.
 */

import { parseArgs } from "node:util";
import { collectTo, defineJob, MillraceError, parquet, run, showProgress, toJsonl } from "millrace";
import {
  firstListOutput,
  metricsOutput,
  type Shopper,
  shoppersOutput,
  type WindowMetrics,
} from "./recommender/outcome.ts";
import { recommendations } from "./recommender/pipeline.ts";
import { currentHitRate, firstListOf, summaryOf } from "./recommender/report.ts";
import { type RetailRow, retailColumns } from "./recommender/rows.ts";

const job = defineJob(
  import.meta,
  "recommender",
  (env, params) => {
    const shuffleSeed = params.shuffleBaskets < 0 ? null : params.shuffleBaskets;

    const log = parquet<RetailRow>(params.input, { columns: retailColumns, positionField: "position" });
    const served = recommendations(env.from(log, { name: "purchases-log" }), shuffleSeed);

    served.to(toJsonl(`${params.output}/recommendations.jsonl`), { name: "recommendations" });
    served
      .sideOutput(metricsOutput)
      .to(toJsonl(`${params.output}/recommender-metrics.jsonl`), { name: "recommender-metrics" });
    served.sideOutput(metricsOutput).to(collectTo("metrics"), { parallelism: 1 });
    served.sideOutput(firstListOutput).to(collectTo("first-list"), { parallelism: 1 });
    served.sideOutput(shoppersOutput).to(collectTo("shoppers"), { parallelism: 1 });
  },
  { params: { input: "examples/data/online-retail.parquet", output: "out", shuffleBaskets: -1 }, parallelism: 2 },
);

export default job;

async function main(): Promise<void> {
  const values = commandLine();
  let firstListShown = false;
  const progress = showProgress({ every: "2s", extra: currentHitRate });
  const handle = await run(job, {
    params: {
      output: values.output,
      ...(values.input === undefined ? {} : { input: values.input }),
      ...(values["shuffle-baskets"] === undefined
        ? {}
        : { shuffleBaskets: wholeNumber(values["shuffle-baskets"], "--shuffle-baskets") }),
    },
    ...(values.parallelism === undefined ? {} : { parallelism: wholeNumber(values.parallelism, "--parallelism") }),
    onProgress: (metrics) => {
      const [first] = handle.collect<Shopper>("first-list");
      if (first !== undefined && !firstListShown) process.stderr.write(`${firstListOf(first, performance.now())}\n`);
      firstListShown ||= first !== undefined;
      progress.onProgress(metrics);
    },
  });
  const metrics = await handle.result.finally(() => progress.done());
  const { user, system } = process.cpuUsage();
  process.stdout.write(
    summaryOf({
      metrics,
      whole: handle.collect<WindowMetrics>("metrics").at(-1),
      shoppers: handle.collect<Shopper>("shoppers"),
      cpuSeconds: (user + system) / 1e6,
      written: [`${values.output}/recommendations.jsonl`, `${values.output}/recommender-metrics.jsonl`],
    }),
  );
}

function commandLine(): { input?: string; output: string; parallelism?: string; "shuffle-baskets"?: string } {
  try {
    return parseArgs({
      options: {
        input: { type: "string" },
        output: { type: "string", default: "out" },
        parallelism: { type: "string" },
        "shuffle-baskets": { type: "string" },
      },
    }).values;
  } catch (cause) {
    const usage = "the options are --input FILE, --output DIR, --parallelism N and --shuffle-baskets SEED";
    throw new MillraceError("BAD_OPTION", `${(cause as Error).message.split(". ")[0]}; ${usage}`, { cause });
  }
}

function wholeNumber(text: string, option: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0)
    throw new MillraceError("BAD_OPTION", `${option} expects a whole number, got "${text}"`);
  return value;
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    process.stderr.write(
      `${error instanceof MillraceError ? `${error.code}: ${error.message}` : String((error as Error).stack)}\n`,
    );
    process.exitCode = 1;
  }
}
