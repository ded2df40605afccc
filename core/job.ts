/**
 * A job is a module: every worker imports it and builds the same graph, since functions cannot cross threads.
 *
 * The builder must not read clock, environment or files: everything that may differ between two builds comes in by
 * `params`, which are plain data, fixed at submission.
 */

import { type CheckpointOptions, checkpointSettings } from "./checkpoints.ts";
import { Environment } from "./environment.ts";
import { MillraceError } from "./errors.ts";
import { checkExecution, type ExecutionMode } from "./execution.ts";
import { WATCHDOG_MS_DEFAULT, WATCHDOG_MS_MIN } from "./limits.ts";
import { checkRestartStrategy, type RestartStrategy } from "./restart.ts";
import { type StateOptions, stateSettings } from "./state-options.ts";
import type { StreamGraph } from "./stream-graph.ts";
import { type Duration, durationMs } from "./time.ts";

export type ParamValue = string | number | boolean | null;
export type Params = Readonly<Record<string, ParamValue>>;

export interface JobOptions<P extends Params> {
  /** Every parameter with its default, which also gives its type. */
  readonly params?: P;
  /** The parallelism of operators that set none; default 1. */
  readonly parallelism?: number;
  /** Into how many groups keyed state is split: bounds the parallelism and is fixed at the first start. Default 128. */
  readonly keyGroups?: number;
  /** Whether error messages may contain the offending record's contents. Default false: they name its shape only. */
  readonly showRecordsInErrors?: boolean;
  /** What a cluster does after a failure that a restart may help against; absent: what the cluster has set. */
  readonly restart?: RestartStrategy;
  /** Whether and how often the job's state is saved; absent: not at all. */
  readonly checkpoints?: CheckpointOptions;
  /** Where the job's state is while it runs; absent: on the heap. */
  readonly state?: StateOptions;
  /** Whether it is executed as a stream, the default, or as a batch of stages; "auto": as a batch where it can be. */
  readonly execution?: ExecutionMode;
  /** A slot that stays in one call of the job's functions for so long is taken for stuck and ended. Default "60s". */
  readonly watchdog?: Duration;
}

export interface Job<P extends Params = Params> {
  readonly name: string;
  /** The URL of the module that defines it. */
  readonly module: string;
  readonly build: (env: Environment, params: P) => void;
  readonly options: JobOptions<P>;
}

const definedJobs = new Map<string, Job>();

/** Defines the job. REQUIRES: called at the top level of its module, so that workers that import it find the job. */
export function defineJob<const P extends Params = Params>(
  meta: { readonly url: string },
  name: string,
  build: (env: Environment, params: Widened<P>) => void,
  options: JobOptions<P> = {},
): Job<P> {
  if (name === "") throw new MillraceError("MISSING_NAME", 'a job needs a name: defineJob(import.meta, "my-job", …)');
  if (options.restart !== undefined) checkRestartStrategy(options.restart, `restart of job "${name}"`);
  if (options.checkpoints !== undefined) checkpointSettings(options.checkpoints, `checkpoints of job "${name}"`);
  if (options.state !== undefined) stateSettings(options.state, `state of job "${name}"`);
  if (options.execution !== undefined) checkExecution(options.execution, `execution of job "${name}"`);
  watchdogMs(name, options);
  const job: Job<P> = Object.freeze({
    name,
    module: meta.url,
    build: build as Job<P>["build"],
    options: Object.freeze({ ...options }),
  });
  definedJobs.set(jobKey(meta.url, name), job as unknown as Job);
  return job;
}

/** For how long a slot of the job may stay in one call. @throws BAD_DURATION */
export function watchdogMs(name: string, { watchdog }: Pick<JobOptions<Params>, "watchdog">): number {
  if (watchdog === undefined) return WATCHDOG_MS_DEFAULT;
  const milliseconds = durationMs(watchdog, `watchdog of job "${name}"`);
  if (milliseconds >= WATCHDOG_MS_MIN) return milliseconds;
  throw new MillraceError(
    "BAD_DURATION",
    `watchdog of job "${name}" must be at least ${WATCHDOG_MS_MIN} ms, got ${milliseconds}`,
  );
}

/** Parameters with their literal types widened: the default "a" may be replaced by any string. */
export type Widened<P extends Params> = {
  readonly [name in keyof P]: P[name] extends string
    ? string
    : P[name] extends number
      ? number
      : P[name] extends boolean
        ? boolean
        : ParamValue;
};

/** The job that a module which was imported earlier has defined under that name. */
export function definedJob(module: string, name: string): Job {
  const job = definedJobs.get(jobKey(module, name));
  if (job !== undefined) return job;
  throw new MillraceError(
    "BAD_JOB_MODULE",
    `${module} does not define a job "${name}" when it is imported; call defineJob at the top level of the module, ` +
      "not inside of a function or an `if (import.meta.main)`",
  );
}

function jobKey(module: string, name: string): string {
  return `${module}#${name}`;
}

/**
 * The parameters of one submission: the defaults overlaid with what is given.
 * @throws BAD_OPTION for a parameter that the job does not have, or of another type than its default.
 */
export function resolveParams(job: Job, given: Params = {}): Params {
  const defaults = job.options.params ?? {};
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(defaults, name)) {
      const known = Object.keys(defaults).join(", ");
      throw new MillraceError("BAD_OPTION", `job "${job.name}" has no parameter "${name}"; it has: ${known || "none"}`);
    }
    const expected = defaults[name];
    if (expected !== null && value !== null && typeof expected !== typeof value) {
      throw new MillraceError(
        "BAD_OPTION",
        `parameter "${name}" of job "${job.name}" is a ${typeof expected}, got a ${typeof value}`,
      );
    }
  }
  return Object.freeze({ ...defaults, ...given });
}

/** The job's graph for these parameters: frozen and validated. */
export function buildGraph(job: Job, params: Params): StreamGraph {
  const env = new Environment(job.name);
  job.build(env, params);
  return env.graph();
}
