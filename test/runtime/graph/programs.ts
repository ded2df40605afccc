/** Programs for the tests of graphs: built, never run. */

import { fromArray } from "../../../connectors/memory.ts";
import type { DataStream } from "../../../core/data-stream.ts";
import type { Environment } from "../../../core/environment.ts";
import { defineJob, type Job, type JobOptions, type Params } from "../../../core/job.ts";
import type { Sink } from "../../../core/sink.ts";
import type { Source } from "../../../core/source.ts";
import { createJobGraph, type JobGraph } from "../../../runtime/graph/job-graph.ts";
import { type Plan, planJob } from "../../../runtime/graph/plan.ts";

export interface Item {
  readonly id: number;
  readonly group: string;
}

export const nothing: Sink<unknown> = Object.freeze({ name: "nothing", writer: () => ({ write() {} }) });

export function items(name = "items", parallelismMax?: number): Source<Item> {
  const source = fromArray<Item>([{ id: 1, group: "a" }], { name });
  return (parallelismMax === undefined ? source : { ...source, parallelismMax }) as Source<Item>;
}

export type Build = (env: Environment) => void;

export function jobOf(build: Build, options: JobOptions<Params> = {}): Job {
  return defineJob(import.meta, "program", (env) => build(env), options) as unknown as Job;
}

/** A job that sends items through what `transform` makes of them. */
export function pipeline(transform: (stream: DataStream<Item>) => DataStream<unknown>): Job {
  return jobOf((env) => transform(env.from(items())).to(nothing));
}

export function planOf(build: Build, parallelism = 2): Plan {
  return planJob(jobOf(build), { parallelism });
}

export function jobGraphOf(build: Build, parallelism = 2): JobGraph {
  return createJobGraph(planOf(build, parallelism).graph, { parallelism, keyGroups: 128 });
}

/** Each vertex as its operators' names. */
export function chainsOf(graph: JobGraph): string[][] {
  return graph.vertices.map((vertex) => vertex.operators.map((operator) => operator.id));
}
