/**
 * Nexmark's events as a source.
 *
 * A split is a few of the generators. Its reader takes their events in turns, as all generators cover the same time; one
 * that read a generator after the other would bring the second one's events when their time is long past. When a job
 * goes on at another parallelism, the generators are divided anew, each from where it was.
 */

import type { Gate, Push, ReadStep, Source, SourceContext, SourceCut, SourceReader } from "millrace";
import { wholeNumber } from "../../connectors/options.ts";
import { Pace } from "../../connectors/pace.ts";
import { inOrder } from "../../connectors/splits.ts";
import { MillraceError } from "../../core/errors.ts";
import type { NexmarkEvent } from "./events.ts";
import {
  EventGenerator,
  GENERATOR_TPS_MIN,
  type GeneratorOptions,
  type GeneratorPosition,
  generatorPositions,
} from "./generator/event-generator.ts";

/** As many as the reference makes when it is given no number: so many ids are divided among the generators. */
const EVENTS_UNBOUNDED = 368_934_881_474_191;

/** Each has a memory of its own, of which a process has room for some thousands. */
const GENERATORS_MAX = 1024;

/** The last time that a Date can have, in epoch milliseconds. */
const TIME_MAX = 8_640_000_000_000_000;

export interface NexmarkOptions {
  /** How many events in all. Absent: the stream has no end. */
  readonly events?: number;
  /** Events a second of event time, at least 0.002 of each generator. Default 100,000. */
  readonly tps?: number;
  /** Whether a second of event time takes a second; else events come as fast as they are taken. Default false. */
  readonly throttled?: boolean;
  /** Default 42. */
  readonly seed?: number;
  /** How many generators share the ids: the events depend on it. At most so many subtasks read. Default 1, at most 1024. */
  readonly generators?: number;
  /** Epoch milliseconds of the first event, nearly. Default 2015-07-15. */
  readonly baseTime?: number;
}

/** What events with an end are made of, in full. */
export type GeneratedInput = Required<Omit<NexmarkOptions, "throttled">>;

/** The generators of a subtask. */
export type NexmarkSplit = readonly GeneratorPosition[];

/**
 * The events of people, auctions and bids, 1 : 3 : 46, each with its time. Watermarks are the program's matter.
 *
 * @throws MillraceError BAD_OPTION
 */
export function nexmark(options: NexmarkOptions = {}): Source<NexmarkEvent, NexmarkSplit> {
  const { events, throttled = false } = options;
  const generator = generatorOptions(options);
  if (events !== undefined) wholeNumber(events, 0, "events of nexmark");
  const { generators, seed } = generator;
  return Object.freeze<Source<NexmarkEvent, NexmarkSplit>>({
    name: "nexmark",
    bounded: events !== undefined,
    enumerate: ({ parallelism, restored }) =>
      inOrder(shares(generatorPositions(events ?? EVENTS_UNBOUNDED, generators, seed), parallelism), restored),
    redistribute,
    reader: (context) => new NexmarkReader(generator, throttled, context),
  });
}

function generatorOptions(options: NexmarkOptions): GeneratorOptions {
  const { tps = 100_000, seed = 42, generators = 1, baseTime = 1_436_918_400_000 } = options;
  wholeNumber(seed, 0, "seed of nexmark");
  wholeNumber(generators, 1, "generators of nexmark", GENERATORS_MAX);
  wholeNumber(baseTime, 0, "baseTime of nexmark", TIME_MAX);
  const tpsMin = generators * GENERATOR_TPS_MIN;
  if (!(tps >= tpsMin && Number.isFinite(tps)))
    throw new MillraceError("BAD_OPTION", `tps of nexmark must be at least ${tpsMin} and finite, got ${tps}`);
  return { tps, seed, generators, baseTime };
}

function shares(generators: readonly GeneratorPosition[], parallelism: number): NexmarkSplit[] {
  const count = Math.min(parallelism, generators.length);
  return Array.from({ length: count }, (_, share) => generators.filter((_, i) => i % count === share));
}

function redistribute(cut: SourceCut<NexmarkSplit>, parallelism: number): SourceCut<NexmarkSplit> {
  const reading = cut.reading.flatMap(({ split, position }) => (position as NexmarkSplit | undefined) ?? split);
  const waiting = (cut.enumerator as readonly NexmarkSplit[]).flat(); // of `inOrder`
  return { reading: [], enumerator: shares([...reading, ...waiting], parallelism) };
}

class NexmarkReader implements SourceReader<NexmarkEvent, NexmarkSplit> {
  readonly #options: GeneratorOptions;
  readonly #context: SourceContext;
  readonly #throttled: boolean;
  #pace: Pace | undefined;
  /** Those that have events left; they take turns. */
  #generators: readonly EventGenerator[] = [];
  #turn = 0;
  /** Since the split was begun, or gone on with. */
  #pushed = 0;

  constructor(options: GeneratorOptions, throttled: boolean, context: SourceContext) {
    this.#options = options;
    this.#throttled = throttled;
    this.#context = context;
  }

  begin(split: NexmarkSplit, position?: unknown): void {
    const positions = (position as NexmarkSplit | undefined) ?? split;
    this.#generators = positions
      .map((each) => new EventGenerator(this.#options, each))
      .filter((generator) => generator.left > 0)
      .sort((a, b) => a.made - b.made); // whose turn it was when the position was taken
    this.#turn = 0;
    if (!this.#throttled) return;
    this.#pace = new Pace(
      (this.#options.tps / this.#options.generators) * this.#generators.length,
      this.#context.clock,
    );
    this.#pace.startAt(0);
    this.#pushed = 0;
  }

  read(push: Push<NexmarkEvent>, max: number, gate: Gate): ReadStep {
    const due = this.#pace === undefined ? max : Math.min(max, this.#pace.dueBefore() - this.#pushed);
    if (due <= 0 && this.#generators.length > 0) return this.#pace?.msUntil(this.#pushed) ?? "more";
    if (this.#generators.length === 1) this.#pushFrom(this.#generators[0] as EventGenerator, due, push, gate);
    else this.#pushInTurns(due, push, gate);
    return this.#generators.length === 0 ? "end" : "more";
  }

  position(): NexmarkSplit {
    return this.#generators.map((generator) => generator.position);
  }

  #pushFrom(generator: EventGenerator, count: number, push: Push<NexmarkEvent>, gate: Gate): void {
    const from = generator.made;
    const until = from + Math.min(generator.left, count);
    while (generator.made < until && !gate.blocked) {
      const event = generator.next();
      push(event, event.dateTime);
    }
    this.#pushed += generator.made - from;
    if (generator.left === 0) this.#generators = [];
  }

  #pushInTurns(count: number, push: Push<NexmarkEvent>, gate: Gate): void {
    for (let n = 0; n < count && this.#generators.length > 0 && !gate.blocked; n++) {
      const generator = this.#generators[this.#turn] as EventGenerator;
      const event = generator.next();
      if (generator.left === 0) this.#generators = this.#generators.filter((each) => each !== generator);
      else this.#turn++;
      if (this.#turn >= this.#generators.length) this.#turn = 0;
      this.#pushed++;
      push(event, event.dateTime);
    }
  }
}
