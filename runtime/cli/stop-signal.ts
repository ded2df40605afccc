/** SIGINT and SIGTERM for commands that run until they are told to end. */

import { say } from "./output.ts";

export interface StopSignal extends Disposable {
  /** Resolves with the first signal. */
  readonly received: Promise<NodeJS.Signals>;
}

/** The first signal asks for a clean end; a second one calls `force`, which must end the process. */
export function onStopSignal(force: () => void): StopSignal {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  let first = true;
  const receive = (signal: NodeJS.Signals): void => {
    if (first) resolve(signal);
    else {
      say(`${signal} again: ending at once`);
      force();
    }
    first = false;
  };
  process.on("SIGINT", receive).on("SIGTERM", receive);
  return {
    received: promise,
    [Symbol.dispose]: () => void process.off("SIGINT", receive).off("SIGTERM", receive),
  };
}
