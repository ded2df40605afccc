/**
 * Runs the queries here and on Apache Flink in turns, and prints how many times Flink's events a CPU-second ours are.
 *
 *   node bench/nexmark/flink.ts [--queries q5,q7] [--seconds S | --events N] [--repeats N] [--state memory|level]
 *     [--parallelism P] [--checkpoint 10s|off] [--heap 8g] [--results FILE] [--minutes M] [--json]
 *     [--memory [--network 256m] [--heaps 64m,96m,8g]]
 *
 * --seconds is what a run takes where nothing else runs; on a busy machine it takes as much CPU time, and longer.
 *
 * Flink's figures leave out the start of its JVM and cluster, and its job is warmed up; ours include everything. Flink runs
 * with and without object reuse, and the better of the two counts; of the jobs that are no queries also what sends the key
 * alone. With --results every run is kept in a file: after --minutes the one that runs is ended, and the same command goes on
 * where it was.
 */

import { cpus } from "node:os";
import { comparisonArguments } from "./bench-arguments.ts";
import { compareMemory } from "./flink-memory.ts";
import { hasRival, type Length, measureRival, rivalsOf } from "./flink-rivals.ts";
import { keyOf, OURS, type Pair, pairOf, tablesOf } from "./flink-table.ts";
import { eventsFor, type Figures, measure, secondsFor } from "./measure.ts";
import { queryNames } from "./queries/index.ts";
import { RunLog } from "./run-log.ts";
import { toldInShort } from "./usage-error.ts";

/** What keeps more than a counter or two, so that where state lies matters. */
const stateful = ["q3", "q4", "q5", "q7", "q8", "q9", "q11", "q12", "q15", "q16", "q17", "q18", "q19", "q20"];

/** A slow query does less on Flink in the same time; a run that takes longer is ended. */
const FLINK_TIMEOUT_S = 280;

const given = await toldInShort(() => comparisonArguments(process.argv.slice(2)));
const { queries, events, seconds, repeats, json, setting, heap, memory, results, minutes } = given;
const chosen = (queries ?? (setting.state === "level" ? stateful : queryNames)).filter(hasRival);
const log = new RunLog(results);
const endsAt = Date.now() + minutes * 60_000;

interface Step {
  readonly key: string;
  readonly run: () => Promise<Figures>;
}

if (memory) await compareMemory(chosen, { ...given, log, endsAt });
else {
  const left = await runSteps();
  print(chosen.flatMap((query) => pairOf(log, query, setting) ?? []));
  if (left > 0) process.stderr.write(`${left} runs are left to do\n`);
}

/**
 * First every query here and on Flink in the way that mostly is the better one, so that a table is there early.
 * @returns how many runs could not be begun, or failed.
 */
async function runSteps(): Promise<number> {
  let left = 0;
  for (let repeat = 0; repeat < repeats; repeat++) {
    const rounds = [
      chosen.flatMap((query) => steps(query).slice(0, 2)),
      chosen.flatMap((query) => steps(query).slice(2)),
    ];
    for (const { key, run } of rounds.flat()) {
      if (log.runs(key).length > repeat) continue;
      if (Date.now() > endsAt || !(await succeeded(key, run))) left++;
    }
  }
  return left;
}

async function succeeded(key: string, run: () => Promise<Figures>): Promise<boolean> {
  try {
    log.add(key, await run());
    return true;
  } catch (error) {
    process.stderr.write(`${key}: ${(error as Error).message}\n`);
    return false;
  }
}

function steps(query: string): readonly Step[] {
  const length: Length = events === undefined ? { seconds } : { events };
  return [
    { key: keyOf(OURS, query, setting), run: async () => measure(query, await eventsOf(query), setting, endsAt) },
    ...rivalsOf(query).map((rival) => ({
      key: keyOf(rival.name, query, setting),
      run: () => measureRival(rival, length, setting, { heap, timeoutS: secondsFor(FLINK_TIMEOUT_S, endsAt) }),
    })),
  ];
}

/** A repeat has as many events as the first run, which is told by a trial. */
async function eventsOf(query: string): Promise<number> {
  return events ?? log.runs(keyOf(OURS, query, setting))[0]?.events ?? eventsFor(query, seconds, setting, endsAt);
}

function print(pairs: readonly Pair[]): void {
  if (json) {
    for (const pair of pairs) process.stdout.write(`${JSON.stringify(pair)}\n`);
    return;
  }
  const { parallelism, checkpoint, state } = setting;
  const [least, most] = log.loads;
  const machine = `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model.trim()}, load ${least} to ${most}`;
  const how = `parallelism ${parallelism}, checkpoints ${checkpoint}, state ${state}, the middle of up to ${repeats}`;
  process.stdout.write(`${machine}; ${how}\n${tablesOf(pairs)}`);
}
