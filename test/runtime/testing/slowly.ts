/** An operator that is slow for as long as time stands still. */

import type { OperatorFactory } from "../../../index.ts";

/** Waits after every so many records until time has passed, which it does not before everyone waits for something. */
export function slowly<T>(every: number, ms = 10): OperatorFactory<T, T> {
  return (context) => {
    let taken = 0;
    return {
      process(value, timestamp) {
        context.output.push(value as T, timestamp);
        if (++taken % every !== 0) return;
        const moment = Promise.withResolvers<void>();
        context.callAt(context.clock.now() + ms, () => moment.resolve());
        context.wait(moment.promise, 10_000, "a moment");
      },
    };
  };
}
