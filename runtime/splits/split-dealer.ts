/**
 * Runs enumerators of a job's sources and deals out their splits to the readers that ask: in the process that runs a job
 * embedded, and in a slot's thread on a cluster.
 */

import { MillraceError } from "../../core/errors.ts";
import type { OperatorId, VertexId } from "../../core/ids.ts";
import type { EnumeratorContext, Source, SplitEnumerator } from "../../core/source.ts";
import type { StreamGraph } from "../../core/stream-graph.ts";
import type { JobGraph } from "../graph/job-graph.ts";

/** What every enumerator of a job gets alike. */
export type EnumeratorSurroundings = Omit<EnumeratorContext, "parallelism">;

export class SplitDealer {
  readonly #enumerators = new Map<VertexId, Promise<SplitEnumerator<unknown>>>();
  readonly #operators = new Map<VertexId, OperatorId>();
  /** Those that have been made and not closed. */
  readonly #open = new Map<OperatorId, SplitEnumerator<unknown>>();
  /** The subtasks that have not been told yet that there is no more for them. */
  readonly #reading = new Set<string>();
  #closed = false;

  /** Runs the enumerators of the given vertices; absent: of all sources. */
  constructor(
    graph: StreamGraph,
    jobGraph: JobGraph,
    surroundings: EnumeratorSurroundings,
    wanted?: readonly VertexId[],
  ) {
    for (const vertex of jobGraph.vertices) {
      if (wanted?.includes(vertex.id) === false) continue;
      const head = graph.nodes.find((node) => node.id === vertex.operators[0]?.id);
      if (head?.spec.kind !== "source") continue;
      const enumerator = this.#start(head.spec.source, head.id, { ...surroundings, parallelism: vertex.parallelism });
      // Whoever asks for a split gets the failure; nobody may ask if the job fails earlier.
      enumerator.catch(() => {});
      this.#enumerators.set(vertex.id, enumerator);
      this.#operators.set(vertex.id, head.id);
      for (let subtask = 0; subtask < vertex.parallelism; subtask++) this.#reading.add(readerOf(vertex.id, subtask));
    }
  }

  /** Whether every subtask of every source has been told that there is no more for it: nobody will ask again. */
  get exhausted(): boolean {
    return this.#reading.size === 0;
  }

  /** Resolves when every source's input has been looked at. @throws the first enumerator's failure. */
  async ready(): Promise<void> {
    await Promise.all(this.#enumerators.values());
  }

  /** The next split for a subtask, undefined at the end. @throws the enumerator's failure. */
  async next(vertex: VertexId, subtask: number): Promise<unknown> {
    const enumerator = await (this.#enumerators.get(vertex) as Promise<SplitEnumerator<unknown>>);
    try {
      const split = await enumerator.next(subtask);
      checkPlain(split);
      if (split === undefined) this.#reading.delete(readerOf(vertex, subtask));
      return split;
    } catch (cause) {
      throw failure(this.#operators.get(vertex) as OperatorId, "could not deal out what to read", cause);
    }
  }

  /**
   * Closes every enumerator, even if some fail. One that is still looking at its input was told to stop and is closed
   * when it comes back; nobody waits for that. @throws the first failure.
   */
  async close(): Promise<void> {
    this.#closed = true;
    const closings = await Promise.allSettled(
      [...this.#open].map(([operator, enumerator]) => closeEnumerator(operator, enumerator)),
    );
    this.#open.clear();
    const failed = closings.find((closing) => closing.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  async #start(
    source: Source<unknown>,
    operator: OperatorId,
    context: EnumeratorContext,
  ): Promise<SplitEnumerator<unknown>> {
    let enumerator: SplitEnumerator<unknown>;
    try {
      enumerator = await source.enumerate(context);
    } catch (cause) {
      throw failure(operator, "could not list what to read", cause);
    }
    if (this.#closed) await closeEnumerator(operator, enumerator);
    else this.#open.set(operator, enumerator);
    return enumerator;
  }
}

function readerOf(vertex: VertexId, subtask: number): string {
  return `${vertex} ${subtask}`;
}

async function closeEnumerator(operator: OperatorId, enumerator: SplitEnumerator<unknown>): Promise<void> {
  try {
    await enumerator.close?.();
  } catch (cause) {
    throw failure(operator, "could not be closed", cause);
  }
}

/** Splits travel to slots, so they must be plain data. */
function checkPlain(split: unknown): void {
  try {
    structuredClone(split);
  } catch (cause) {
    throw new MillraceError(
      "WRONG_SHAPE",
      `a split must be plain data, as it travels to another thread: ${(cause as Error).message}`,
      { cause },
    );
  }
}

function failure(operator: OperatorId, what: string, cause: unknown): MillraceError {
  if (cause instanceof MillraceError && cause.operator !== undefined) return cause;
  const code = cause instanceof MillraceError ? cause.code : "USER_FUNCTION";
  return new MillraceError(
    code,
    `the source of "${operator}" ${what}: ${cause instanceof Error ? cause.message : String(cause)}`,
    { operator, cause },
  );
}
