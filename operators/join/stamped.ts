/** Emitting many results with timestamps of their own, in bounded memory. */

import type { OperatorContext } from "../../core/operator.ts";

export interface Stamped {
  readonly value: unknown;
  readonly timestamp: number;
}

/** Pushes the results while there is room, goes on by itself when there is room again, and calls `done` behind the last. */
export function pushStamped(context: OperatorContext, results: Iterator<Stamped>, done: () => void): void {
  const drain = (): boolean => {
    const { output, gate } = context;
    for (;;) {
      const next = results.next();
      if (next.done === true) break;
      output.push(next.value.value, next.value.timestamp);
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
