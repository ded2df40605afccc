/** Emitting many results with timestamps of their own, in bounded memory. */

import type { OperatorContext } from "../../core/operator.ts";

export interface Stamped {
  readonly value: unknown;
  readonly timestamp: number;
}

/**
 * Pushes the results while there is room, goes on by itself when there is room again, and calls `done` behind the last. What
 * making them throws is thrown as `failing` makes it.
 */
export function pushStamped(
  context: OperatorContext,
  results: Iterator<Stamped>,
  done: () => void,
  failing?: (error: unknown) => Error,
): void {
  const next = failing === undefined ? () => results.next() : () => nextOf(results, failing);
  const drain = (): boolean => {
    const { output, gate } = context;
    for (;;) {
      const result = next();
      if (result.done === true) break;
      output.push(result.value.value, result.value.timestamp);
      if (gate.blocked) {
        context.suspend(drain);
        return true;
      }
    }
    done();
    return true;
  };
  drain();
}

function nextOf(results: Iterator<Stamped>, failing: (error: unknown) => Error): IteratorResult<Stamped> {
  try {
    return results.next();
  } catch (error) {
    throw failing(error);
  }
}
