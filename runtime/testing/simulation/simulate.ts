/**
 * Runs a job on simulated clusters in which things go wrong, one cluster a seed, and compares what comes out with a run in
 * which nothing does: the front door of the simulation.
 *
 * The workers, the coordinator and the slots are those of production; clocks, network, disks and the order of everything are
 * the seed's. The same seed and version give the same run on any machine.
 */

import { AssertionFailure } from "../../../core/assert.ts";
import { checkpointSettings } from "../../../core/checkpoints.ts";
import { MillraceError } from "../../../core/errors.ts";
import { type Job, type Params, watchdogMs } from "../../../core/job.ts";
import type { RestartStrategy } from "../../../core/restart.ts";
import type { Source } from "../../../core/source.ts";
import type { StreamGraph } from "../../../core/stream-graph.ts";
import { planJob } from "../../graph/plan.ts";
import { slotLabels } from "../../graph/regions.ts";
import type { PlannedJob } from "../../planned-job.ts";
import { collectGarbage } from "../../worker/shared-garbage.ts";
import { drawFaults, type FaultKind, mostSteps, type PlannedFault, plainRestarts, type Shown } from "./faults.ts";
import { Ledger } from "./ledger.ts";
import { simulatedProgram } from "./program.ts";
import { type RunOutcome, SimulatedCluster } from "./simulated-cluster.ts";
import type { World } from "./world.ts";

/** Which kinds of faults there are. Default: all. */
export interface SimulatedFaults {
  /** Workers, slots and coordinators that die, or stand still and come back. */
  readonly crashes?: boolean;
  /** Hosts that lose their power, and with it what was not synced. */
  readonly power?: boolean;
  /** A worker's host that comes back with an empty disk: once a run, where checkpoints have copies on other hosts. */
  readonly hosts?: boolean;
  /** Connections that break, ways that are cut, in one direction or both, and delays. */
  readonly network?: boolean;
  /** A disk that is full or slow. */
  readonly disk?: boolean;
  /** Clocks that jump. */
  readonly clock?: boolean;
}

export interface SimulateOptions {
  /** How many seeds are tried; default 20. */
  readonly seeds?: number;
  /** The first of them; default 1. A seed that fails is run again by `{ seed, seeds: 1 }`. */
  readonly seed?: number;
  /** Default 3, each on a host of its own. */
  readonly workers?: number;
  /** Overrides the job's own. */
  readonly parallelism?: number;
  readonly params?: Params;
  /** What sources read instead, by the names of their operators: for those that read from servers. */
  readonly sources?: Readonly<Record<string, Source<unknown>>>;
  /** "ledger", the default: every sink writes in two phases into memory. "own": they do what they do, and `collectTo` counts. */
  readonly sinks?: "ledger" | "own";
  /** Who keeps them: the workers, as by default on clusters, or a folder that all hosts share. */
  readonly checkpoints?: "workers" | "folder";
  readonly faults?: SimulatedFaults;
  /** Whether the state of the last checkpoint is compared too; default true. */
  readonly compareState?: boolean;
  /** What the coordinator logs and which faults strike, with the milliseconds since the beginning. */
  readonly log?: (line: string) => void;
}

export interface SeedResult {
  readonly seed: number;
  /** What is wrong, in sentences; empty: nothing. */
  readonly problems: readonly string[];
  /** Of all that happened: the same for the same seed and version. */
  readonly trace: string;
  readonly events: number;
  /** Simulated time. */
  readonly durationMs: number;
  /** How often each fault has struck, and what became of the job. */
  readonly counts: ReadonlyMap<string, number>;
}

const kindsOf: Readonly<Record<keyof SimulatedFaults, readonly FaultKind[]>> = {
  crashes: ["workerDies", "coordinatorDies", "slotDies", "workerStandsStill", "coordinatorStandsStill"],
  power: ["workerLosesPower", "coordinatorLosesPower", "clusterLosesPower"],
  hosts: ["hostIsLost"],
  network: ["controlBreaks", "linkBreaks", "wayIsCut", "hostIsCutOff", "networkIsSlow"],
  disk: ["diskIsFull", "diskIsSlow"],
  clock: ["clockJumps"],
};

const patient: RestartStrategy = { kind: "exponentialBackoff", initial: "50ms", max: "1s" };
const CHECKPOINT_TIMEOUT = "4s";
const RECORDS_AT_ONCE = 24;
/** Shared memory is freed by collections alone, and the collector does not know how much there is. */
const COLLECT_EVERY_RUNS = 5;
const DIFFERENCES_SHOWN = 3;

/**
 * Resolves with the results when none has a problem. @throws AssertionFailure that names the first seed that has, and what is
 * wrong; MillraceError when the job cannot be planned.
 */
export async function simulate<P extends Params>(
  job: Job<P>,
  options: SimulateOptions = {},
): Promise<readonly SeedResult[]> {
  const simulation = new Simulation(job as unknown as Job, options);
  const { seed: first = 1, seeds = 20 } = options;
  const results: SeedResult[] = [];
  for (let seed = first; seed < first + seeds; seed++) {
    const result = await simulation.run(seed);
    if (result.problems.length > 0) {
      const problems = result.problems.map((problem) => `\n  - ${problem}`).join("");
      throw new AssertionFailure(
        `job "${job.name}" does not survive seed ${seed}; run it again by simulate(job, { seed: ${seed}, seeds: 1, … }):${problems}`,
      );
    }
    results.push(result);
  }
  return results;
}

/** A job, and what it does when nothing goes wrong. */
export class Simulation {
  readonly #job: Job;
  readonly #options: SimulateOptions;
  readonly #kinds: ReadonlySet<FaultKind>;
  #undisturbed: RunOutcome | undefined;
  #shown: Shown | undefined;
  #runs = 0;

  constructor(job: Job, options: SimulateOptions) {
    this.#job = job;
    this.#options = options;
    const { faults = {} } = options;
    const chosen = (Object.keys(kindsOf) as (keyof SimulatedFaults)[]).filter((kind) => faults[kind] !== false);
    this.#kinds = new Set(chosen.flatMap((kind) => kindsOf[kind]));
  }

  async run(seed: number): Promise<SeedResult> {
    const undisturbed = await this.undisturbed();
    const shown = await this.shown();
    const outcome = await this.#simulate(seed, (world) => drawFaults(world, this.#kinds, shown));
    const { trace, events, durationMs, counts } = outcome;
    return { seed, problems: this.#compare(outcome, undisturbed), trace, events, durationMs, counts };
  }

  /** What every run is compared with. @throws AssertionFailure when the job does not even end by itself. */
  async undisturbed(): Promise<RunOutcome> {
    this.#undisturbed ??= await this.#simulate(0, () => []);
    const { problems } = this.#undisturbed;
    if (problems.length > 0) {
      throw new AssertionFailure(
        `job "${this.#job.name}" has problems when nothing goes wrong: ${problems.join("; ")}`,
      );
    }
    return this.#undisturbed;
  }

  /** From what faults are drawn. @throws as above */
  async shown(): Promise<Shown> {
    const undisturbed = await this.undisturbed();
    const { durationMs } = undisturbed;
    if (this.#shown === undefined) {
      // Whether it comes out right is for the seeds to find: of this run only the steps count.
      const restarted = await this.#simulate(0, () => plainRestarts(this.#kinds, durationMs));
      this.#shown = { durationMs, steps: mostSteps([undisturbed, restarted]) };
    }
    return this.#shown;
  }

  async #simulate(seed: number, faults: (world: World) => readonly PlannedFault[]): Promise<RunOutcome> {
    const { workers = 3, sources = {}, sinks = "ledger", checkpoints = "workers", log } = this.#options;
    if (++this.#runs % COLLECT_EVERY_RUNS === 0) collectGarbage();
    const program = { sources, ownSinks: sinks === "own", recordsAtOnce: RECORDS_AT_ONCE };
    const plan = this.#plan(seed);
    const slotsPerWorker = Math.ceil(plan.executionGraph.slots / Math.max(1, workers - 1));
    const storesInWorkers = checkpoints === "workers";
    const run = { seed, job: this.#job, plan, workers, slotsPerWorker, program, storesInWorkers, faults, log };
    return await new SimulatedCluster(run).run();
  }

  #plan(seed: number): PlannedJob {
    const { params, parallelism = this.#job.options.parallelism ?? 1, sources = {}, sinks } = this.#options;
    const program = { sources, ownSinks: sinks === "own", recordsAtOnce: RECORDS_AT_ONCE, ledger: new Ledger() };
    const job = simulatedProgram(this.#job, program, undefined);
    const plan = planJob(job, { parallelism, ...(params === undefined ? {} : { params }) });
    this.#checkSources(plan.graph);
    const { jobGraph, executionGraph } = plan;
    const interval = `${20 + (seed % 7) * 15}ms` as const;
    return {
      ...{ name: job.name, params: plan.params, parallelism, graphHash: plan.graphHash, jobGraph, executionGraph },
      slotLabels: slotLabels(jobGraph, executionGraph).map(() => ({})),
      showRecordsInErrors: true,
      restart: patient,
      watchdogMs: watchdogMs(job.name, job.options),
      checkpoints: checkpointSettings(
        { ...job.options.checkpoints, interval, timeout: CHECKPOINT_TIMEOUT, tolerated: 100, retained: 1 + (seed % 3) },
        "checkpoints",
      ),
      explained: "",
    };
  }

  #checkSources({ nodes }: StreamGraph): void {
    const names = nodes.filter(({ spec }) => spec.kind === "source").map(({ id }) => id as string);
    const unknown = Object.keys(this.#options.sources ?? {}).find((name) => !names.includes(name));
    if (unknown === undefined) return;
    throw new MillraceError(
      "BAD_OPTION",
      `simulate shall replace the source "${unknown}", which job "${this.#job.name}" does not have; it has ${names.map((name) => `"${name}"`).join(", ")}`,
    );
  }

  #compare({ problems, rows, state }: RunOutcome, expected: RunOutcome): readonly string[] {
    if (problems.length > 0) return problems;
    const sinks = [...new Set([...expected.rows.keys(), ...rows.keys()])];
    const outputs = sinks.flatMap((sink) =>
      differences(`the output of "${sink}"`, rows.get(sink) ?? [], expected.rows.get(sink) ?? []),
    );
    const states = this.#options.compareState === false ? [] : differences("the final state", state, expected.state);
    return [...outputs, ...states];
  }
}

/** Both are sorted. */
function differences(what: string, found: readonly string[], expected: readonly string[]): readonly string[] {
  const [missing, surplus] = [without(expected, found), without(found, expected)];
  if (missing.length + surplus.length === 0) return [];
  const shown = (rows: readonly string[]): string => rows.slice(0, DIFFERENCES_SHOWN).join(", ");
  return [
    `${what} differs from that of an undisturbed run: ${missing.length} of ${expected.length} are missing` +
      `${missing.length > 0 ? ` (${shown(missing)} …)` : ""}, ${surplus.length} are too many` +
      `${surplus.length > 0 ? ` (${shown(surplus)} …)` : ""}`,
  ];
}

/** What of the first is not in the second, as often as it is more often there. */
function without(rows: readonly string[], others: readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const row of others) counts.set(row, (counts.get(row) ?? 0) + 1);
  return rows.filter((row) => {
    const left = counts.get(row) ?? 0;
    counts.set(row, left - 1);
    return left <= 0;
  });
}
