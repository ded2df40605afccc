/**
 * The user's program as simulated processes run it: sources read a few records at a time, so that there is much to happen in
 * between, and sinks write into a ledger, in two phases. Sources can be replaced by others, for instance those that read from
 * servers by arrays.
 */

import { Environment, type NodeRequest } from "../../../core/environment.ts";
import type { Job } from "../../../core/job.ts";
import type { OperatorSpec } from "../../../core/node.ts";
import type { Source } from "../../../core/source.ts";
import type { Ledger } from "./ledger.ts";
import type { SimulatedProcess } from "./process.ts";

export interface ProgramOptions {
  /** By operator, what it reads instead. */
  readonly sources: Readonly<Record<string, Source<unknown>>>;
  /** Whether sinks do what they do, instead of writing into the ledger. */
  readonly ownSinks: boolean;
  readonly ledger: Ledger;
  /** A source reads so many records at once at the most. */
  readonly recordsAtOnce: number;
}

/** `process` undefined: only to be planned. */
export function simulatedProgram(job: Job, options: ProgramOptions, process: SimulatedProcess | undefined): Job {
  return {
    ...job,
    build: (env, params) => {
      env.addNode = (request) => Environment.prototype.addNode.call(env, replaced(request, options, process));
      job.build(env, params);
    },
  };
}

function replaced(request: NodeRequest, options: ProgramOptions, process: SimulatedProcess | undefined): NodeRequest {
  const { spec, name } = request;
  return { ...request, spec: specOf(spec, name ?? spec.kind, options, process) };
}

function specOf(
  spec: OperatorSpec,
  name: string,
  { sources, ownSinks, ledger, recordsAtOnce }: ProgramOptions,
  process: SimulatedProcess | undefined,
): OperatorSpec {
  if (spec.kind === "source") return { ...spec, source: slowed(sources[name] ?? spec.source, recordsAtOnce, process) };
  if (spec.kind !== "sink" || ownSinks) return spec;
  return { kind: "sink", sink: ledger.sink(name, spec.sink, process) };
}

function slowed(
  source: Source<unknown>,
  recordsAtOnce: number,
  process: SimulatedProcess | undefined,
): Source<unknown> {
  return {
    ...source,
    enumerate: (context) => source.enumerate(context),
    reader: (context) => {
      const reader = source.reader(context);
      const read = reader.read.bind(reader);
      const { world } = process as SimulatedProcess; // planning makes no readers
      reader.read = (push, max, gate) => read(push, Math.min(max, world.whole(1, recordsAtOnce)), gate);
      return reader;
    },
  };
}
