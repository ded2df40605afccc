/**
 * What a worker of `millrace cluster start` and the process that started it have in common: a pipe. Its first line says
 * where the coordinator is, and its end that the cluster is gone.
 */

import { createInterface } from "node:readline";
import { MillraceError } from "../../core/errors.ts";
import type { Whereabouts } from "./connection.ts";

export function greeting(place: Whereabouts): string {
  return JSON.stringify(place);
}

export interface Parent {
  /** Rejects when the pipe ends before it has said anything. */
  readonly told: Promise<Whereabouts>;
  readonly gone: Promise<void>;
  /** Reads no further, so that this process can end. */
  close(): void;
}

export function listenToParent(input: NodeJS.ReadStream = process.stdin): Parent {
  const lines = createInterface({ input });
  const told = Promise.withResolvers<Whereabouts>();
  const gone = Promise.withResolvers<void>();
  lines.once("line", (line) => told.resolve(JSON.parse(line) as Whereabouts));
  lines.once("close", () => {
    gone.resolve();
    told.reject(
      new MillraceError(
        "COORDINATOR_UNREACHABLE",
        "standard input ended before it said where the coordinator is; --exit-with-parent is for millrace cluster start",
      ),
    );
  });
  return { told: told.promise, gone: gone.promise, close: () => input.destroy() };
}
