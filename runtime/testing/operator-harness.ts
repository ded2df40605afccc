/**
 * One operator, or a few in a chain, driven by hand: records, watermarks and processing time go in; records, watermarks,
 * side outputs, metrics and state are looked at. The chain, its gate and its state are those of production.
 */

import { assert } from "../../core/assert.ts";
import type { DataStream } from "../../core/data-stream.ts";
import { Environment } from "../../core/environment.ts";
import type { OperatorId } from "../../core/ids.ts";
import type { Key } from "../../core/key.ts";
import { KEY_GROUPS_DEFAULT } from "../../core/limits.ts";
import type { OperatorFactory, Push, Timer, TimerDomain } from "../../core/operator.ts";
import type { OutputTag } from "../../core/side-output.ts";
import type { Sink } from "../../core/sink.ts";
import type { Source } from "../../core/source.ts";
import type { StateDescriptor, StateHandle } from "../../core/state.ts";
import type { StreamGraph } from "../../core/stream-graph.ts";
import type { LogLevel } from "../../core/telemetry.ts";
import { END_OF_TIME, NO_TIMESTAMP } from "../../core/time.ts";
import { createJobGraph, type JobVertex } from "../graph/job-graph.ts";
import { createMemoryBackend } from "../state/memory-backend.ts";
import { CallbackQueue } from "../task/callback-queue.ts";
import { Chain, type ChainEntry } from "../task/chain.ts";
import { EdgeOutput } from "../task/edge-output.ts";
import type { OperatorMetrics } from "../task/metrics.ts";
import type { OperatorHost, SubtaskEnvironment } from "../task/operator-host.ts";
import type { OperatorSnapshot } from "../task/operator-snapshot.ts";
import { standardStream } from "../task/standard-stream.ts";
import { SubtaskGate } from "../task/subtask-gate.ts";
import { WatermarkValve } from "../task/watermark-valve.ts";
import { mergeSnapshots } from "./merge-snapshots.ts";
import { pendingTimers } from "./pending-timers.ts";
import { type OutputElement, RecordedOutput } from "./recorded-output.ts";
import { VirtualClock } from "./virtual-clock.ts";
import "./all-loaded.ts";

export interface HarnessOptions {
  /** Which subtask of how many it is: 0 of 1. */
  readonly subtask?: number;
  readonly parallelism?: number;
  readonly keyGroups?: number;
  /** The processing time; by default it begins at 0. `advanceTime` moves it. */
  readonly clock?: VirtualClock;
  /** The side outputs to record. */
  readonly sides?: readonly OutputTag<unknown>[];
  /** Snapshots to begin with: of all subtasks, whatever their number was. */
  readonly restore?: readonly HarnessSnapshot[];
  /** By how many channels each input comes: event time is what the slowest of them says that is not idle. Default 1. */
  readonly channels?: number;
  /** The output has no credit after every n-th record, so that whatever can be suspended is. */
  readonly blockEvery?: number;
  /** Freezes records and state values and refuses records that could not travel. Default true. */
  readonly freeze?: boolean;
  /** What errors say of records: their contents, or by default their shape. */
  readonly showRecordsInErrors?: boolean;
  /** Which attempt the errors name; default 1. */
  readonly attempt?: number;
}

export type HarnessSnapshot = ReadonlyMap<OperatorId, OperatorSnapshot>;

/** What was logged. */
export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/**
 * Opens what `build` appends to a stream, as one chain of a single subtask:
 * `openHarness<Click, Result>((clicks) => clicks.keyBy("item").window(tumbling("1m")).aggregate("n", counting()))`.
 * @throws what the operators' `open` throws.
 */
export async function openHarness<I, O = never>(
  build: (input: DataStream<I>) => DataStream<O> | void,
  options: HarnessOptions = {},
): Promise<OperatorHarness<I, O>> {
  const harness = new OperatorHarness<I, O>(build, options);
  await harness.open();
  return harness;
}

/**
 * The same for what reads two streams, which has to be the first of the operators: `push` and `watermark` are of the first
 * one, `push2` and `watermark2` of the second. The operator sees the lower one of both watermarks.
 */
export async function openTwoInputHarness<L, R, O = never>(
  build: (first: DataStream<L>, second: DataStream<R>) => DataStream<O> | void,
  options: HarnessOptions = {},
): Promise<OperatorHarness<L, O, R>> {
  const harness = new OperatorHarness<L, O, R>(build, options, 2);
  await harness.open();
  return harness;
}

/** The same for an operator by the contract of `core/operator.ts`. */
export function openOperator<I, O>(
  factory: OperatorFactory<I, O>,
  options: HarnessOptions = {},
): Promise<OperatorHarness<I, O>> {
  return openHarness((input) => input.transform("operator", factory), options);
}

type Build<I, O, R> = (input: DataStream<I>, second: DataStream<R>) => DataStream<O> | void;

export class OperatorHarness<I, O = never, R = never> {
  readonly clock: VirtualClock;
  readonly logs: LogLine[] = [];
  /** What sinks have given to `collect`. */
  readonly collected: unknown[] = [];
  readonly #graph: StreamGraph;
  readonly #chain: Chain;
  readonly #gate: SubtaskGate;
  readonly #callbacks = new CallbackQueue();
  readonly #outputs = new Map<string, RecordedOutput<unknown>>();
  readonly #abort = new AbortController();
  /** Of all channels of one input, behind them those of the other; undefined: there is only one. */
  readonly #valve: WatermarkValve | undefined;
  readonly #channels: number;
  readonly #inputs: 1 | 2;
  /** What has settled meanwhile. */
  readonly #posted: (() => void)[] = [];
  /** Input that has not been taken yet. */
  readonly #waiting: (() => void)[] = [];
  #settled: (() => void) | undefined;

  constructor(build: Build<I, O, R>, options: HarnessOptions, inputs: 1 | 2 = 1) {
    this.clock = options.clock ?? new VirtualClock();
    this.#gate = new SubtaskGate(() => this.#settled?.());
    this.#graph = graphOf(build, options.sides ?? [], inputs);
    const keyGroups = options.keyGroups ?? KEY_GROUPS_DEFAULT;
    const { vertices, edges } = createJobGraph(this.#graph, { parallelism: 1, keyGroups });
    const restored = restoredFrom(options);
    const two = this.#graph.nodes.find(({ inputs }) => inputs.some(({ port }) => port === 2));
    this.#channels = options.channels ?? 1;
    this.#inputs = inputs;
    const channels = this.#channels * inputs;
    this.#valve = channels === 1 ? undefined : new WatermarkValve(channels);
    this.#chain = new Chain({
      vertex: vertexOf(vertices, two?.id),
      graph: this.#graph,
      environment: this.#environment(options, keyGroups),
      edgeOutput: (edge, host) => this.#edgeOutput(edges[edge]?.toOperator ?? "", options, host),
      ...(restored === undefined ? {} : { restored }),
    });
  }

  async open(): Promise<void> {
    await this.#chain.open(this.#graph);
    this.#letThrough();
  }

  /** One record, as a batch of its own. */
  push(value: I, timestamp = NO_TIMESTAMP): void {
    this.pushBatch([[value, timestamp]]);
  }

  /** Records as one batch. What comes while an operator awaits a promise waits as it would in a channel. */
  pushBatch(records: Iterable<readonly [value: I, timestamp: number]>): void {
    this.#take(records, this.#entry.pushOf(undefined));
  }

  /** One record of the second input. */
  push2(value: R, timestamp = NO_TIMESTAMP): void {
    this.pushBatch2([[value, timestamp]]);
  }

  /** Records of the second input as one batch. */
  pushBatch2(records: Iterable<readonly [value: R, timestamp: number]>): void {
    this.#take(records, this.#entry.pushOf(2));
  }

  /** Of the first input, if there are two, and of one of its channels, if there are several. */
  watermark(timestamp: number, channel = 0): void {
    this.#rise(timestamp, channel);
  }

  /** Of the second input. */
  watermark2(timestamp: number, channel = 0): void {
    this.#rise(timestamp, this.#channels + channel);
  }

  /** A channel has nothing at the moment, so that event time does not wait for it, or has something again. */
  idle(idle: boolean, channel = 0): void {
    this.#setIdle(idle, channel);
  }

  /** The same of the second input. */
  idle2(idle: boolean, channel = 0): void {
    this.#setIdle(idle, this.#channels + channel);
  }

  /** Moves processing time on by so much, through every moment at which something is due. */
  advanceTime(ms: number): void {
    const end = this.clock.now() + ms;
    for (;;) {
      const next = Math.min(end, this.#callbacks.next());
      this.clock.advanceTo(Math.max(next, this.clock.now()));
      const ran = this.#callbacks.runDue(this.clock.now());
      this.#letThrough();
      if (!ran && next >= end) return;
    }
  }

  /** The input has nothing at the moment. */
  pause(): void {
    this.#chain.pause();
    this.#letThrough();
  }

  /** All input has come. */
  finish(): void {
    if (this.#valve === undefined) this.#riseTo(END_OF_TIME);
    else for (let channel = 0; channel < this.#channels * this.#inputs; channel++) this.#rise(END_OF_TIME, channel);
    for (const operator of this.#chain.finishers) this.#waiting.push(() => operator.finish?.());
    this.#waiting.push(() => this.#chain.end());
    this.#letThrough();
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#chain.close(this.#graph);
  }

  /** Resolves when all input has been taken and no operator awaits a promise any more. @throws what one failed with. */
  async settled(): Promise<void> {
    this.#letThrough();
    while (this.#gate.awaiting) {
      const settled = Promise.withResolvers<void>();
      this.#settled = settled.resolve;
      await settled.promise;
      this.#letThrough();
    }
  }

  /** Whether input may come: no operator awaits a promise. */
  get isOpen(): boolean {
    return !this.#gate.blocked;
  }

  /** Everything that came out, in order. */
  get elements(): readonly OutputElement<O>[] {
    return this.#output("output").elements as OutputElement<O>[];
  }

  /** The records that came out. */
  get records(): readonly O[] {
    return this.elements.flatMap((element) => (element.kind === "record" ? [element.value] : []));
  }

  /** The watermarks that came out. */
  get watermarks(): readonly number[] {
    return this.elements.flatMap((element) => (element.kind === "watermark" ? [element.timestamp] : []));
  }

  /** The records of a side output; it has to be one of the option `sides`. */
  side<T>(tag: OutputTag<T>): readonly T[] {
    const { elements } = this.#output(sideName(tag));
    return elements.flatMap((element) => (element.kind === "record" ? [element.value as T] : []));
  }

  /** The elements that came out since the last call. */
  take(): readonly OutputElement<O>[] {
    const output = this.#output("output");
    const taken = output.elements;
    output.elements = [];
    return taken as OutputElement<O>[];
  }

  /** What an operator counts; without a name the last one. */
  metrics(operator?: string): OperatorMetrics {
    return this.#host(operator).metrics.read();
  }

  /** A state as the operator sees it under the key; without a name of the last operator. */
  state<D extends StateDescriptor>(key: Key, name: string, descriptor: D, operator?: string): StateHandle<D> {
    const { state } = this.#host(operator);
    state.setCurrentKey(key);
    return state.state(name, descriptor);
  }

  /** The keys that have a value in a state; without a name of an operator, of the last. In no particular order. */
  keys(name: string, operator?: string): readonly Key[] {
    return [...this.#host(operator).state.keys(name)];
  }

  /** The timers that are registered, in the order in which they will fire. REQUIRES: the gate is open. */
  timers(domain: TimerDomain, operator?: string): readonly Timer[] {
    return pendingTimers(this.#host(operator), domain);
  }

  /** REQUIRES: the gate is open. */
  snapshot(): HarnessSnapshot {
    assert(!this.#gate.blocked, "a snapshot is taken between records: await settled() first");
    return this.#chain.snapshot();
  }

  get #entry(): ChainEntry {
    return this.#chain.entryOf(this.#chain.head.operator as OperatorId);
  }

  #take(records: Iterable<readonly [value: unknown, timestamp: number]>, push: Push<unknown>): void {
    for (const [value, timestamp] of records) this.#waiting.push(() => push(value, timestamp));
    this.#waiting.push(() => this.#chain.batchEnd());
    this.#letThrough();
  }

  #rise(timestamp: number, channel: number): void {
    if (this.#valve?.watermark(channel, timestamp) !== false) this.#riseTo(this.#valve?.current ?? timestamp);
  }

  #setIdle(idle: boolean, channel: number): void {
    assert(this.#valve !== undefined, "idleness is of one of several channels: open the harness with channels: 2");
    if (this.#valve.idle(channel, idle)) this.#riseTo(this.#valve.current);
  }

  #riseTo(timestamp: number): void {
    this.#waiting.push(() => this.#chain.watermark(timestamp));
    this.#letThrough();
  }

  #host(operator: string | undefined): OperatorHost {
    const { hosts } = this.#chain;
    const host = operator === undefined ? hosts.at(-1) : hosts.find((candidate) => candidate.operator === operator);
    assert(host !== undefined, `there is no operator "${operator}"`);
    return host;
  }

  #output(name: string): RecordedOutput<unknown> {
    const output = this.#outputs.get(name);
    assert(output !== undefined, `there is no recorded output "${name}"`);
    return output;
  }

  /** Takes input as long as the gate opens for it. @throws what an awaited promise failed with. */
  #letThrough(): void {
    const drain = (): boolean => this.#chain.edges.every((edge) => edge.drain());
    this.#gate.throwFailure();
    for (;;) {
      this.#posted.shift()?.();
      if (this.#posted.length > 0) continue;
      if (this.#gate.waiting) return;
      if (!this.#gate.blocked) {
        const next = this.#waiting.shift();
        if (next === undefined) return;
        next();
      } else if (drain()) this.#gate.resume(drain);
    }
  }

  #edgeOutput(toOperator: string, options: HarnessOptions, host: () => OperatorHost): EdgeOutput {
    const output = new RecordedOutput<unknown>(options.blockEvery ?? Number.POSITIVE_INFINITY);
    this.#outputs.set(toOperator, output);
    return new EdgeOutput({
      kind: "forward",
      partitioning: { kind: "forward" },
      channels: [output],
      keyGroups: 1,
      gate: this.#gate,
      toOperator,
      failure: (cause, value) => host().failure(cause, value),
    });
  }

  #environment(options: HarnessOptions, keyGroups: number): SubtaskEnvironment {
    return {
      job: "harness",
      subtask: options.subtask ?? 0,
      parallelism: options.parallelism ?? 1,
      attempt: options.attempt ?? 1,
      checkpointing: false,
      wantCheckpoint: () => {},
      createBackend: createMemoryBackend,
      workingDirectory: process.cwd(),
      keyGroups,
      signal: this.#abort.signal,
      clock: this.clock,
      gate: this.#gate,
      showRecordsInErrors: options.showRecordsInErrors ?? false,
      freeze: options.freeze ?? true,
      log: (level, message, fields) => void this.logs.push({ level, message, fields }),
      post: (callback) => void this.#posted.push(callback),
      callAt: (timeMs, callback) => this.#callbacks.add(timeMs, callback),
      collect: (_operator, rows) => void this.collected.push(...rows),
      standardStream,
      arrow: async () => (await import("../exchange/arrow-adapter.ts")).arrowAdapter,
    };
  }
}

function sideName(tag: OutputTag<unknown>): string {
  return `side output ${tag.name}`;
}

/** The operators between an input and outputs of another parallelism, so that these are edges and not chained. */
function graphOf<I, O, R>(build: Build<I, O, R>, sides: readonly OutputTag<unknown>[], inputs: 1 | 2): StreamGraph {
  const env = new Environment("harness");
  const first = env.from(nowhere as Source<I>);
  // One that is not read would be refused: where there is one input, the program does not look at the second.
  const second = inputs === 2 ? env.from(nowhere as Source<R>, { name: "input 2" }) : (undefined as never);
  const result = build(first, second);
  if (result !== undefined) {
    result.to(anywhere, { name: "output", parallelism: 2 });
    for (const tag of sides) result.sideOutput(tag).to(anywhere, { name: sideName(tag), parallelism: 2 });
  }
  return env.graph();
}

/** The chain that is driven: behind the input, or from the operator with two of them on. */
function vertexOf(vertices: readonly JobVertex[], head: OperatorId | undefined): JobVertex {
  const driven = vertices.find(({ operators }) => head === undefined || operators[0]?.id === head);
  assert(driven !== undefined, "there is nothing to drive");
  return driven;
}

const nowhere: Source<never> = {
  name: "input",
  bounded: true,
  enumerate: () => ({ next: () => undefined }),
  reader: () => ({ begin() {}, read: () => "end", position: () => undefined }),
};

const anywhere: Sink<unknown> = { name: "output", writer: () => ({ write() {} }) };

function restoredFrom({ restore, subtask = 0, parallelism = 1 }: HarnessOptions): HarnessSnapshot | undefined {
  if (restore === undefined) return undefined;
  const operators = new Set(restore.flatMap((snapshot) => [...snapshot.keys()]));
  return new Map(
    [...operators].map((operator) => {
      const parts = restore.flatMap((snapshot) => snapshot.get(operator) ?? []);
      return [operator, mergeSnapshots(parts, subtask, parallelism)];
    }),
  );
}
