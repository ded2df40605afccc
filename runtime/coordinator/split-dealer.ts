/** Runs the enumerators of a job's sources and deals out their splits to the readers that ask. */

import { MillraceError } from "../../core/errors.ts";
import type { VertexId } from "../../core/ids.ts";
import type { Source, SplitEnumerator } from "../../core/source.ts";
import type { StreamGraph } from "../../core/stream-graph.ts";
import type { JobGraph } from "../graph/job-graph.ts";

export class SplitDealer {
  readonly #enumerators = new Map<VertexId, Promise<SplitEnumerator<unknown>>>();

  constructor(graph: StreamGraph, jobGraph: JobGraph, signal: AbortSignal) {
    for (const vertex of jobGraph.vertices) {
      const head = graph.nodes.find((node) => node.id === vertex.operators[0]?.id);
      if (head?.spec.kind !== "source") continue;
      const enumerator = startEnumerator(head.spec.source, head.id, vertex.parallelism, signal);
      // Whoever asks for a split gets the failure; nobody may ask if the job fails earlier.
      enumerator.catch(() => {});
      this.#enumerators.set(vertex.id, enumerator);
    }
  }

  /** Resolves when every source's input has been looked at. @throws the first enumerator's failure. */
  async ready(): Promise<void> {
    await Promise.all(this.#enumerators.values());
  }

  async next(vertex: VertexId, subtask: number): Promise<unknown> {
    const enumerator = await (this.#enumerators.get(vertex) as Promise<SplitEnumerator<unknown>>);
    return enumerator.next(subtask);
  }

  async close(): Promise<void> {
    const started = await Promise.allSettled(this.#enumerators.values());
    await Promise.all(started.map((result) => (result.status === "fulfilled" ? result.value.close?.() : undefined)));
  }
}

async function startEnumerator(source: Source<unknown>, operator: string, parallelism: number, signal: AbortSignal): Promise<SplitEnumerator<unknown>> {
  try {
    return await source.enumerate({ parallelism, signal });
  } catch (cause) {
    if (cause instanceof MillraceError) throw cause;
    throw new MillraceError("USER_FUNCTION", `the source of "${operator}" could not list what to read: ${(cause as Error).message}`, { operator, cause });
  }
}
