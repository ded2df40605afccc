/** A source of parts, as partitions are: a subtask has several of them, and reads them one after the other if it may. */

import type { Push, ReadStep, Source, SourceContext, SourceReader } from "../../../index.ts";

export interface Stamped {
  readonly part: string;
  readonly at: number;
}

export interface PartitionedOptions {
  /** Epoch milliseconds of each part's records, in order. */
  readonly parts: Readonly<Record<string, readonly number[]>>;
  /** Records of a part at a stretch. Default 1. */
  readonly stretch?: number;
  /** Whether it goes on when everything is read; asked every 10 ms. Default: no. */
  readonly stays?: () => boolean;
  readonly onCompleted?: (checkpoint: number, position: unknown) => void;
  /** Readers cannot pause parts by themselves. */
  readonly cannotPause?: boolean;
}

type Offsets = Readonly<Record<string, number>>;

/** Part number n is of the subtask n modulo the parallelism. */
export function partitioned(options: PartitionedOptions): Source<Stamped, Offsets> {
  return {
    name: "parts",
    bounded: options.stays === undefined,
    enumerate({ parallelism, restored }) {
      const names = Object.keys(options.parts);
      const shares = Array.from({ length: parallelism }, (_, subtask) => {
        return Object.fromEntries(names.filter((_name, at) => at % parallelism === subtask).map((name) => [name, 0]));
      });
      const left = (restored as Offsets[] | undefined) ?? shares;
      return { next: () => left.shift(), snapshot: () => [...left] };
    },
    reader: (context) => {
      const reader = new PartsReader(options, context);
      if (options.cannotPause === true) Object.assign(reader, { pause: undefined });
      return reader;
    },
  };
}

class PartsReader implements SourceReader<Stamped, Offsets> {
  readonly #options: PartitionedOptions;
  readonly #context: SourceContext;
  #offsets = new Map<string, number>();
  readonly #paused = new Set<string>();
  readonly #finished = new Set<string>();

  constructor(options: PartitionedOptions, context: SourceContext) {
    this.#options = options;
    this.#context = context;
  }

  begin(split: Offsets, position?: unknown): void {
    this.#offsets = new Map(Object.entries((position as Offsets | undefined) ?? split));
    this.#context.parts.replace([...this.#offsets.keys()]);
    const { parts, stays } = this.#options;
    if (stays === undefined)
      for (const [part, offset] of this.#offsets) if (offset === parts[part]?.length) this.#finish(part);
  }

  pause(part: string, paused: boolean): void {
    if (paused) this.#paused.add(part);
    else this.#paused.delete(part);
  }

  checkpointCompleted(checkpoint: number, position: unknown): void {
    this.#options.onCompleted?.(checkpoint, position);
  }

  read(push: Push<Stamped>, max: number): ReadStep {
    const { parts, stretch = 1, stays } = this.#options;
    for (const [part, offset] of this.#offsets) {
      const times = parts[part] ?? [];
      if (offset === times.length || this.#paused.has(part)) continue;
      this.#context.parts.reading(part);
      const end = Math.min(times.length, offset + Math.min(max, stretch));
      for (const at of times.slice(offset, end)) push({ part, at }, at);
      this.#offsets.set(part, end);
      if (end === times.length && stays === undefined) this.#finish(part);
      return "more";
    }
    const done = [...this.#offsets].every(([part, offset]) => offset === parts[part]?.length);
    return done && stays?.() !== true ? "end" : 10;
  }

  #finish(part: string): void {
    this.#finished.add(part);
    this.#context.parts.replace([...this.#offsets.keys()].filter((name) => !this.#finished.has(name)));
  }

  position(): Offsets {
    return Object.fromEntries(this.#offsets);
  }
}
