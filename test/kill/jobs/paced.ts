/**
 * A source that is read slowly until a file exists, and then as fast as it can be: so a job runs, with records in all its
 * channels, while its processes are killed, and then ends soon. As long as the file does not exist it never ends.
 */

import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { ReadStep, Source, SourceReader } from "millrace";

export interface Pace {
  /** The file; empty: fast from the start. */
  readonly gate: string;
  /** Records that one subtask reads at a time. */
  readonly records: number;
}

const TURN_MS = 20;

export function paced<T, Split>(source: Source<T, Split>, { gate, records }: Pace): Source<T, Split> {
  return {
    ...source,
    async enumerate(context) {
      const enumerator = await source.enumerate(context);
      return {
        async next(subtask) {
          const split = await enumerator.next(subtask);
          // A source that ends too soon is not there to be disturbed.
          while (split === undefined && gate !== "" && !existsSync(gate) && !context.signal.aborted)
            await sleep(TURN_MS);
          return split;
        },
        snapshot: () => enumerator.snapshot?.(),
        close: () => enumerator.close?.(),
      };
    },
    reader(context): SourceReader<T, Split> {
      const reader = source.reader(context);
      let open = gate === "";
      const slowed = (step: ReadStep): ReadStep => (open || step === "end" ? step : TURN_MS);
      return {
        begin: (split, position) => reader.begin(split, position),
        position: () => reader.position(),
        close: () => reader.close?.(),
        read(push, max, slot) {
          open ||= existsSync(gate);
          const step = reader.read(push, open ? max : Math.min(max, records), slot);
          return typeof step === "object" ? step.then(slowed) : slowed(step);
        },
      };
    },
  };
}
