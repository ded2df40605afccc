/** The context that a source or sink gets, with everything that it reports kept for the test to look at. */

import type { OperatorState } from "../../core/operator.ts";
import type { RestoredSink, SinkContext } from "../../core/sink.ts";
import type { SourceContext } from "../../core/source.ts";

export interface Reported {
  readonly counters: Map<string, number>;
  readonly logs: { readonly level: string; readonly message: string; readonly fields: unknown }[];
  readonly side: { readonly tag: string; readonly value: unknown }[];
  readonly collected: unknown[][];
  readonly printed: string[];
  readonly failures: unknown[];
  /** Each list of parts that a reader has given. */
  readonly parts: string[][];
  /** The one of which records come. */
  part: string | undefined;
  /** How often a checkpoint was asked for. */
  wanted: number;
}

export class ManualClock {
  ms = 1_000_000;
  now(): number {
    return this.ms;
  }
  monotonicMs(): number {
    return this.ms;
  }
}

export interface FakeContextOptions {
  readonly subtask?: number;
  readonly parallelism?: number;
  readonly clock?: ManualClock;
  readonly workingDirectory?: string;
  readonly attempt?: number;
  readonly checkpointing?: boolean;
  readonly restored?: RestoredSink;
  readonly lineage?: string;
  /** Default: what is kept over a restart is lost. */
  readonly operatorState?: OperatorState;
  /** Is told of each step that a writer says it has reached. */
  readonly reached?: (step: string) => void;
  /** What `collect` returns. */
  readonly collected?: () => Promise<void> | undefined;
}

export function fakeContext(options: FakeContextOptions = {}): SourceContext & SinkContext & { reported: Reported } {
  const reported: Reported = {
    counters: new Map(),
    logs: [],
    side: [],
    collected: [],
    printed: [],
    failures: [],
    parts: [],
    part: undefined,
    wanted: 0,
  };
  const { counters } = reported;
  return {
    job: "test",
    operator: "under test",
    subtask: options.subtask ?? 0,
    parallelism: options.parallelism ?? 1,
    attempt: options.attempt ?? 1,
    workingDirectory: options.workingDirectory ?? process.cwd(),
    signal: new AbortController().signal,
    clock: options.clock ?? new ManualClock(),
    reported,
    metrics: {
      counter: (name) => ({
        get value() {
          return counters.get(name) ?? 0;
        },
        add: (amount = 1) => void counters.set(name, (counters.get(name) ?? 0) + amount),
      }),
      gauge: () => {},
      histogram: () => ({ record: () => {} }),
    },
    log: { log: (level, message, fields) => void reported.logs.push({ level, message, fields }) },
    side: (tag, value) => void reported.side.push({ tag: tag.name, value }),
    operatorState: options.operatorState ?? { list: () => [] },
    checkpointing: options.checkpointing ?? false,
    parts: {
      replace: (names) => void reported.parts.push([...names]),
      reading(name) {
        reported.part = name;
      },
    },
    standardStream: (name) => ({
      terminal: false,
      write(text) {
        reported.printed.push(`${name}: ${text}`);
      },
    }),
    fail: (error) => void reported.failures.push(error),
    restored: options.restored,
    lineage: options.lineage ?? "test@1",
    wantCheckpoint: () => void reported.wanted++,
    reached: (step) => options.reached?.(step),
    collect: (rows) => {
      reported.collected.push([...rows]);
      return options.collected?.();
    },
  };
}
