/**
 * A program whose sources give what a test pushes, and whose sinks keep what comes: what `JobHarness` runs. Each source has one
 * subtask and one split, whose position is nothing: what was pushed before a checkpoint has gone through.
 */

import { Environment, type NodeRequest } from "../../core/environment.ts";
import { MillraceError } from "../../core/errors.ts";
import type { Job } from "../../core/job.ts";
import type { OperatorSpec } from "../../core/node.ts";
import type { Sink } from "../../core/sink.ts";
import type { ReadStep, Source } from "../../core/source.ts";

/** A test may let any time pass before it pushes again. */
const FOREVER_HOURS = 1e9;

/** What a test has pushed and nobody has read. */
export class DrivenSource {
  readonly #waiting: (readonly [value: unknown, timestamp: number])[] = [];
  #ended = false;
  #wake = (): void => {};

  push(value: unknown, timestamp: number): void {
    this.#waiting.push([value, timestamp]);
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** Lets a read that waits return, as one from outside would now and then: a checkpoint is taken between two of them. */
  poke(): void {
    this.#wake();
  }

  source(name: string): Source<unknown> {
    return {
      name,
      bounded: true,
      parallelismMax: 1,
      timeout: { hours: FOREVER_HOURS },
      enumerate: ({ restored }) => {
        let dealt = restored === true;
        return {
          next: () => {
            if (dealt) return undefined;
            dealt = true;
            return name;
          },
          snapshot: () => dealt,
        };
      },
      reader: () => ({
        begin: () => {},
        read: (push, max, gate) => {
          for (let read = 0; read < max && this.#waiting.length > 0 && !gate.blocked; read++) {
            const [value, timestamp] = this.#waiting.shift() as readonly [unknown, number]; // there is one
            push(value, timestamp);
          }
          if (this.#waiting.length > 0) return "more";
          return this.#ended ? "end" : this.#woken();
        },
        position: () => null,
      }),
    };
  }

  #woken(): Promise<ReadStep> {
    return new Promise((resolve) => {
      this.#wake = () => resolve("more");
    });
  }
}

export interface DrivenProgram {
  readonly job: Job;
  readonly sources: ReadonlyMap<string, DrivenSource>;
  /** Rows by sink. */
  readonly rows: ReadonlyMap<string, unknown[]>;
}

export function drivenProgram(job: Job): DrivenProgram {
  const sources = new Map<string, DrivenSource>();
  const rows = new Map<string, unknown[]>();
  const replaced = ({ spec, name = spec.kind, ...request }: NodeRequest): NodeRequest => {
    if (spec.kind === "source") {
      const driven = sources.get(name) ?? new DrivenSource();
      sources.set(name, driven);
      return { ...request, name, spec: { ...spec, source: driven.source(spec.source.name) } };
    }
    return { ...request, name, spec: spec.kind === "sink" ? kept(spec, name, rows) : spec };
  };
  // A name that the program has not given stays away, so that the next one of its kind is numbered.
  const named = (request: NodeRequest): NodeRequest =>
    request.spec.kind === "source" || request.spec.kind === "sink" ? replaced(request) : request;
  return {
    job: {
      ...job,
      build: (env, params) => {
        env.addNode = (request) => Environment.prototype.addNode.call(env, named(request));
        job.build(env, params);
      },
    },
    sources,
    rows,
  };
}

function kept(
  spec: Extract<OperatorSpec, { readonly kind: "sink" }>,
  name: string,
  rows: Map<string, unknown[]>,
): OperatorSpec {
  const { parallelism, upsertKey, appendOnly, name: own } = spec.sink as Sink<unknown>;
  const here = rows.get(name) ?? [];
  rows.set(name, here);
  return {
    ...spec,
    sink: {
      name: own,
      ...(parallelism === undefined ? {} : { parallelism }),
      ...(upsertKey === undefined ? {} : { upsertKey }),
      ...(appendOnly === undefined ? {} : { appendOnly }),
      writer: () => ({ write: (value) => void here.push(value) }),
    },
  };
}

/** @throws MillraceError BAD_OPTION for a name that the job does not have. */
export function namedIn<V>(all: ReadonlyMap<string, V>, name: string, what: string, job: string): V {
  const found = all.get(name);
  if (found !== undefined) return found;
  const names = [...all.keys()].map((each) => `"${each}"`).join(", ");
  throw new MillraceError("BAD_OPTION", `job "${job}" has no ${what} "${name}"; it has ${names}`);
}
