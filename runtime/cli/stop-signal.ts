/** SIGINT and SIGTERM for commands that run until they are told to end. */

import { say } from "./output.ts";

export interface StopSignal extends Disposable {
  /** Resolves with the first signal. */
  readonly received: Promise<NodeJS.Signals>;
}

/** One Ctrl-C may come twice: from the terminal, and from a program such as npm that passes it on. */
const SAME_MS = 500;

/** The first signal asks for a clean end; a later one calls `force`, which must end the process. */
export function onStopSignal(force: () => void): StopSignal {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  let firstAt: number | undefined;
  const receive = (signal: NodeJS.Signals): void => {
    resolve(signal);
    firstAt ??= performance.now();
    if (performance.now() - firstAt < SAME_MS) return;
    say(`${signal} again: ending at once`);
    force();
  };
  process.on("SIGINT", receive).on("SIGTERM", receive);
  return {
    received: promise,
    [Symbol.dispose]: () => void process.off("SIGINT", receive).off("SIGTERM", receive),
  };
}
