/**
 * The own runtime's side of the operator contract: what one operator of one subtask sees as its context, and what the
 * chain does with it. Owns the operator's state backend, timers and metrics.
 */

import { assert } from "../../core/assert.ts";
import { MillraceError } from "../../core/errors.ts";
import { keyGroupsOfSubtask } from "../../core/key-group.ts";
import { ASYNC_TIMEOUT_MS } from "../../core/limits.ts";
import type {
  ArrowAdapter,
  Operator,
  OperatorContext,
  OperatorState,
  OperatorStateMode,
  Output,
  Push,
  Timer,
  TimerDomain,
  Timers,
} from "../../core/operator.ts";
import type { OutputTag } from "../../core/side-output.ts";
import type { RestoredSink, SinkContext, TextOutput } from "../../core/sink.ts";
import type { SourceParts } from "../../core/source.ts";
import type { KeyedStateBackend } from "../../core/state-backend.ts";
import type { Logger, LogLevel } from "../../core/telemetry.ts";
import type { Clock } from "../../core/time.ts";
import { faultPoint } from "../fault-point.ts";
import type { MemoryBackendOptions } from "../state/memory-backend.ts";
import { describeRecord } from "./describe-record.ts";
import { OperatorMetricGroup } from "./metrics.ts";
import { restBytes } from "./operator-rest.ts";
import type { OperatorCut, OperatorSnapshot } from "./operator-snapshot.ts";
import { PendingWaits } from "./pending-waits.ts";
import type { SubtaskGate } from "./subtask-gate.ts";
import { TimerQueue } from "./timer-queue.ts";

/** What a subtask's operators share. */
export interface SubtaskEnvironment {
  readonly job: string;
  readonly subtask: number;
  readonly parallelism: number;
  readonly attempt: number;
  readonly workingDirectory: string;
  readonly keyGroups: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly gate: SubtaskGate;
  readonly showRecordsInErrors: boolean;
  /** Freezes what is put into state and out of it, for tests. */
  readonly freeze: boolean;
  readonly checkpointing: boolean;
  readonly lineage?: string | undefined;
  wantCheckpoint(): void;
  createBackend(options: MemoryBackendOptions): KeyedStateBackend;
  log(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>): void;
  /** Runs the callback in the slot's mailbox. */
  post(callback: () => void): void;
  /** Runs the callback in the slot's mailbox at or after the time. */
  callAt(timeMs: number, callback: () => void): void;
  collect(name: string, rows: readonly unknown[]): void | Promise<void>;
  standardStream(name: "stdout" | "stderr"): TextOutput;
  arrow(): Promise<ArrowAdapter>;
}

export interface OutputTargets {
  /** The operator's number in the chain: higher is further downstream. */
  readonly place: number;
  readonly main: Output;
  readonly sides: ReadonlyMap<string, Push<unknown>>;
  markIdle(idle: boolean): void;
}

export class OperatorHost implements OperatorContext, SinkContext, Timers {
  readonly operator: string;
  readonly output: Output;
  readonly metrics: OperatorMetricGroup;
  readonly gate: SubtaskGate;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly lineage: string | undefined;
  readonly wantCheckpoint: () => void;
  currentWatermark = Number.NEGATIVE_INFINITY;
  readonly restored: RestoredSink | undefined;
  /** Of a source: nobody asks for its parts unless it makes watermarks. */
  parts: SourceParts = { replace: () => {}, reading: () => {} };
  /** Set right after the operator was made; absent for fused steps. */
  instance: Operator | undefined;
  /** Whether input has to be held: the operator is suspended, awaits a promise, or has input to take first. */
  busy = false;
  readonly #environment: SubtaskEnvironment;
  readonly #targets: OutputTargets;
  readonly #restored: OperatorSnapshot | undefined;
  readonly #lists = new Map<string, { mode: OperatorStateMode; read: () => readonly unknown[] }>();
  #backend: KeyedStateBackend | undefined;
  #timerQueue: TimerQueue | undefined;
  #processingTimerAt = Number.POSITIVE_INFINITY;
  readonly #waits = new PendingWaits(this);
  #suspensions = 0;
  #awaited = 0;
  #held: (() => void)[] = [];
  #ended = false;

  constructor(
    operator: string,
    environment: SubtaskEnvironment,
    targets: OutputTargets,
    restored: OperatorSnapshot | undefined,
    metrics = new OperatorMetricGroup(),
  ) {
    this.operator = operator;
    this.metrics = metrics;
    this.output = targets.main;
    this.gate = environment.gate;
    this.clock = environment.clock;
    this.signal = environment.signal;
    this.lineage = environment.lineage;
    this.wantCheckpoint = environment.wantCheckpoint;
    this.log = { log: (level, message, fields) => environment.log(level, message, { operator, ...fields }) };
    this.#environment = environment;
    this.#targets = targets;
    this.#restored = restored;
    this.restored = restored?.sink;
    this.#backend = restored?.live?.backend;
    this.#timerQueue = restored?.live?.timers;
    if (restored?.live !== undefined) restored.live.clock.now = (domain) => this.#now(domain);
    if (restored?.timers !== undefined) this.#queue.restore(restored.timers);
    if (restored !== undefined) this.currentWatermark = restored.watermark;
  }

  /** The operators of the chain are open: restored timers may fire. */
  opened(): void {
    this.#scheduleNextProcessing();
  }

  /** The operator's outputs have ended: nothing may call it back any more. */
  ended(): void {
    this.#ended = true;
  }

  get job(): string {
    return this.#environment.job;
  }

  get subtask(): number {
    return this.#environment.subtask;
  }

  get parallelism(): number {
    return this.#environment.parallelism;
  }

  get attempt(): number {
    return this.#environment.attempt;
  }

  get workingDirectory(): string {
    return this.#environment.workingDirectory;
  }

  get keyGroupCount(): number {
    return this.#environment.keyGroups;
  }

  get timers(): Timers {
    return this;
  }

  get state(): KeyedStateBackend {
    if (this.#backend === undefined) {
      const { subtask, keyGroups, parallelism, freeze } = this.#environment;
      this.#backend = this.#environment.createBackend({
        operator: this.operator,
        keyGroups: keyGroupsOfSubtask(subtask, keyGroups, parallelism),
        keyGroupCount: keyGroups,
        freezeValues: freeze,
        clock: (domain) => this.#now(domain),
        capturing: this.checkpointing,
      });
      if (this.#restored?.keyed !== undefined) this.#backend.restore(this.#restored.keyed);
    }
    return this.#backend;
  }

  #now(domain: TimerDomain): number {
    return domain === "event" ? this.currentWatermark : this.clock.now();
  }

  get checkpointing(): boolean {
    return this.#environment.checkpointing;
  }

  get operatorState(): OperatorState {
    return {
      list: <T>(name: string, mode: OperatorStateMode, read: () => readonly T[]) => {
        this.#lists.set(name, { mode, read });
        return (this.#restored?.lists.get(name)?.elements ?? []) as readonly T[];
      },
    };
  }

  side<T>(tag: OutputTag<T>, value: T, timestamp: number): void {
    const push = this.#targets.sides.get(tag.name);
    if (push === undefined) this.metrics.counter(`unread.${tag.name}`).add();
    else push(value, timestamp);
  }

  suspend(resume: () => boolean): void {
    this.#suspensions++;
    this.busy = true;
    const goOn = (): boolean => {
      this.#suspensions--;
      const done = resume();
      if (!done) this.#suspensions++;
      this.#noteBusy();
      return done;
    };
    this.gate.suspend(goOn, this.#targets.place);
  }

  wait(promise: PromiseLike<void>, timeoutMs: number, what: string): void {
    this.#awaited++;
    this.busy = true;
    const settled = this.withTimeout(promise, timeoutMs, what).finally(() => {
      this.#awaited--;
      this.#noteBusy();
      if (what === "commit") faultPoint("sink.committed");
    });
    this.gate.wait(settled);
  }

  /**
   * Keeps an element of the input until the operator can take it. Needed where an operator upstream goes on pushing
   * although the gate is closed: an array of results, one record for two consumers, a watermark behind a record.
   */
  hold(take: () => void): void {
    this.busy = true;
    if (this.#held.push(take) === 1) this.gate.suspend(() => this.#takeHeld(), this.#targets.place - 0.5);
  }

  #takeHeld(): boolean {
    let taken = 0;
    while (taken < this.#held.length && this.#suspensions + this.#awaited === 0 && !this.gate.blocked) {
      (this.#held[taken++] as () => void)();
    }
    this.#held = this.#held.slice(taken);
    if (this.#held.length > 0) return false;
    this.#noteBusy();
    if (!this.busy) this.instance?.batchEnd?.();
    return true;
  }

  #noteBusy(): void {
    this.busy = this.#suspensions + this.#awaited + this.#held.length > 0;
  }

  whenSettled(promise: PromiseLike<unknown>, callback: () => void): void {
    const act = (): void => {
      if (this.#ended) return;
      this.gate.worked = true;
      callback();
    };
    const post = (): void => this.#environment.post(act);
    this.gate.awaitInput(promise.then(post, post));
  }

  callAt(timeMs: number, callback: () => void): void {
    this.#environment.callAt(timeMs, () => {
      if (!this.#ended) callback();
    });
  }

  /** Says to consumers whether they may leave this subtask's watermark out of account, behind all that was emitted. */
  markIdle(idle: boolean): void {
    if (this.busy) this.hold(() => this.#targets.markIdle(idle));
    else this.#targets.markIdle(idle);
  }

  collect(rows: readonly unknown[]): void | Promise<void> {
    return this.#environment.collect(this.operator, rows);
  }

  reached(step: string): void {
    faultPoint(step);
  }

  fail(error: unknown): void {
    this.callAt(this.clock.now(), () => this.wait(Promise.reject(error), ASYNC_TIMEOUT_MS, "send"));
  }

  standardStream(name: "stdout" | "stderr"): TextOutput {
    return this.#environment.standardStream(name);
  }

  arrow(): Promise<ArrowAdapter> {
    return this.#environment.arrow();
  }

  failure(cause: unknown, value: unknown): MillraceError {
    const { subtask, parallelism, attempt, showRecordsInErrors } = this.#environment;
    const known = cause instanceof MillraceError;
    // What failed deeper in the chain has its place already, or keeps at least its operator's name.
    if (known && cause.origin !== undefined) return cause;
    const record = value === undefined ? {} : { record: describeRecord(value, showRecordsInErrors) };
    const origin = { subtask, parallelism, attempt, ...record };
    const text = known
      ? cause.message
      : `a function of "${this.operator}" threw ${cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)}`;
    const on = "record" in origin ? `, on ${origin.record}` : "";
    return new MillraceError(
      known ? cause.code : "USER_FUNCTION",
      `${text} (subtask ${subtask + 1} of ${parallelism}, attempt ${attempt}${on})`,
      {
        operator: (known ? cause.operator : undefined) ?? this.operator,
        cause: known ? cause.cause : cause,
        origin,
      },
    );
  }

  // Timers of the current key.

  register(domain: TimerDomain, timestamp: number): void {
    this.#queue.register(this.state.currentKey, domain, timestamp);
    if (domain === "processing") this.#scheduleProcessing(timestamp);
  }

  delete(domain: TimerDomain, timestamp: number): void {
    this.#queue.delete(this.state.currentKey, domain, timestamp);
  }

  /** The watermark has come to this operator: its timers fire, then it gets the watermark. It never falls. */
  watermark(timestamp: number): void {
    if (this.busy) this.hold(() => this.#advance(timestamp));
    else this.#advance(timestamp);
  }

  #advance(timestamp: number): void {
    if (timestamp <= this.currentWatermark) return;
    this.currentWatermark = timestamp;
    const fireAndForward = (): boolean => {
      if (this.#timerQueue !== undefined && !this.#fire("event", timestamp)) return false;
      if (this.instance?.watermark === undefined) this.output.watermark(timestamp);
      else this.instance.watermark(timestamp);
      return true;
    };
    if (!fireAndForward()) this.suspend(fireAndForward);
  }

  /** True when all due timers have fired and the operator is not suspended behind them. */
  #fire(domain: TimerDomain, time: number): boolean {
    const fire = (timer: Timer): void => {
      this.state.setCurrentKey(timer.key, timer.domain === "event" ? timer.timestamp : undefined);
      assert(this.instance?.onTimer !== undefined, `"${this.operator}" registers timers but has no onTimer`);
      this.instance.onTimer(timer);
    };
    return this.#queue.advance(domain, time, fire, this.gate) && this.#suspensions === 0;
  }

  #scheduleProcessing(timestamp: number): void {
    if (timestamp >= this.#processingTimerAt) return;
    this.#processingTimerAt = timestamp;
    this.callAt(timestamp, () => {
      // An earlier timer may have come meanwhile; then its callback has scheduled this time anew.
      if (this.#processingTimerAt === timestamp) this.#fireProcessing();
    });
  }

  #scheduleNextProcessing(): void {
    const next = this.#timerQueue?.next("processing") ?? Number.POSITIVE_INFINITY;
    if (next < Number.POSITIVE_INFINITY) this.#scheduleProcessing(next);
  }

  #fireProcessing(): void {
    this.#processingTimerAt = Number.POSITIVE_INFINITY;
    this.gate.worked = true;
    const fire = (): boolean => {
      if (!this.#fire("processing", this.clock.now())) return false;
      this.#scheduleNextProcessing();
      return true;
    };
    if (this.gate.blocked || !fire()) this.suspend(fire);
  }

  get #queue(): TimerQueue {
    if (this.#timerQueue === undefined) {
      const { subtask, keyGroups, parallelism } = this.#environment;
      this.#timerQueue = new TimerQueue({
        operator: this.operator,
        keyGroups: keyGroupsOfSubtask(subtask, keyGroups, parallelism),
        keyGroupCount: keyGroups,
      });
    }
    return this.#timerQueue;
  }

  /** REQUIRES: nothing is suspended or awaited. */
  snapshot(): OperatorSnapshot {
    this.instance?.beforeSnapshot?.();
    const lists = [...this.#lists].map(([name, { mode, read }]) => [name, { mode, elements: read() }] as const);
    return {
      watermark: this.currentWatermark,
      keyed: this.#backend?.snapshot(),
      timers: this.#timerQueue?.snapshot(),
      lists: new Map(lists),
    };
  }

  /** The barrier: captures begin, and what waits outside is waited for. REQUIRES: nothing is suspended or awaited. */
  cut(checkpoint: number, full: boolean): OperatorCut {
    this.instance?.beforeSnapshot?.();
    const captures = [this.#backend?.capture(checkpoint, { full }), this.#timerQueue?.capture(checkpoint, { full })];
    const lists = [...this.#lists].map(([name, { mode, read }]) => ({ name, mode, elements: read() }));
    const rest = restBytes({ watermark: this.currentWatermark, lists });
    this.instance?.barrier?.(checkpoint);
    if (this.instance?.prepared !== undefined) faultPoint("sink.preparing");
    return { operator: this.operator, captures: captures.filter((capture) => capture !== undefined), rest };
  }

  /** The checkpoint is complete. `full`: nothing will build on it. */
  completed(checkpoint: number, full: boolean): void {
    if (full) this.aborted(checkpoint);
    else {
      this.#backend?.confirm(checkpoint);
      this.#timerQueue?.confirm(checkpoint);
    }
    if (this.instance?.completed === undefined) return;
    faultPoint("sink.told");
    this.instance.completed(checkpoint);
    faultPoint("sink.committing");
  }

  /** It came to nothing. What sinks have prepared for it goes with the next one. */
  aborted(checkpoint: number): void {
    this.#backend?.abort(checkpoint);
    this.#timerQueue?.abort(checkpoint);
  }

  async close(): Promise<void> {
    this.#backend?.close();
    await this.instance?.close?.();
  }

  /** The promise, or its failure in the operator's name, or TIMEOUT. */
  withTimeout(promise: PromiseLike<void>, timeoutMs: number, what: string): Promise<void> {
    return this.#waits.withTimeout(promise, timeoutMs, what);
  }
}
