/**
 * Process functions of a stream and a broadcast one: the stream's records read what those of the other have put into the
 * broadcast states of every subtask.
 *
 * State: the keyed states and timers that the function declares, and list "broadcast": the broadcast states, in memory,
 * whole in each checkpoint. Complexity: that of the functions; a broadcast record costs once in every subtask.
 */

import type { BroadcastSpec } from "../core/broadcast.ts";
import type { Key } from "../core/key.ts";
import type { Operator, OperatorContext, Timer } from "../core/operator.ts";
import type { OutputTag } from "../core/side-output.ts";
import { BroadcastState } from "./broadcast-state.ts";
import { Emitter } from "./emit.ts";
import { UserContext } from "./user-context.ts";

export class BroadcastProcessOperator implements Operator {
  readonly #spec: BroadcastSpec;
  readonly #context: OperatorContext;
  readonly #emitters: Readonly<Record<"process" | "processBroadcast" | "onTimer", Emitter>>;
  readonly #reader: ReadingContext;
  readonly #writer: WritingContext;

  constructor(spec: BroadcastSpec, context: OperatorContext) {
    this.#spec = spec;
    this.#context = context;
    this.#emitters = {
      process: new Emitter(context, "process"),
      processBroadcast: new Emitter(context, "processBroadcast"),
      onTimer: new Emitter(context, "onTimer"),
    };
    const { handles, views } = new BroadcastState(spec.fn.broadcast, context);
    this.#reader = new ReadingContext(context, spec, views);
    this.#writer = new WritingContext(context, this.#reader, handles);
  }

  open(): void | Promise<void> {
    return this.#spec.fn.open?.(this.#context);
  }

  process(value: unknown, timestamp: number): void {
    const reader = this.#reader;
    let returned: unknown;
    try {
      reader.turnTo(value, timestamp, this.#spec.key);
      returned = this.#spec.fn.process(value, reader);
    } catch (error) {
      throw this.#context.failure(error, value);
    }
    if (returned !== undefined) this.#emitters.process.emit(returned, timestamp, value);
  }

  process2(value: unknown, timestamp: number): void {
    this.#writer.timestamp = timestamp;
    let returned: unknown;
    try {
      returned = this.#spec.fn.processBroadcast(value, this.#writer);
    } catch (error) {
      throw this.#context.failure(error, value);
    }
    if (returned !== undefined) this.#emitters.processBroadcast.emit(returned, timestamp, value);
  }

  onTimer(timer: Timer): void {
    const reader = this.#reader;
    reader.turnToTimer(timer);
    let returned: unknown;
    try {
      returned = this.#spec.fn.onTimer?.(timer, reader);
    } catch (error) {
      throw this.#context.failure(error, timer);
    }
    if (returned !== undefined) this.#emitters.onTimer.emit(returned, timer.timestamp, timer);
  }

  close(): void | Promise<void> {
    return this.#spec.fn.close?.();
  }
}

class ReadingContext extends UserContext {
  // biome-ignore lint/suspicious/noExplicitAny: the handles that the function's declaration says, which the API has typed
  readonly broadcast: any;

  constructor(context: OperatorContext, { key, fn }: BroadcastSpec, broadcast: unknown) {
    super(context, key !== undefined, fn.state ?? {});
    this.broadcast = broadcast;
  }
}

class WritingContext {
  timestamp = 0;
  readonly runtime: OperatorContext;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly state: any;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly broadcast: any;

  constructor(context: OperatorContext, { state }: ReadingContext, broadcast: unknown) {
    this.runtime = context;
    this.state = state;
    this.broadcast = broadcast;
  }

  get watermark(): number {
    return this.runtime.currentWatermark;
  }

  /** The keys as they are now: what is done with one may remove it. */
  readonly eachKey = (name: string): Iterable<Key> => {
    const { state } = this.runtime;
    const keys = [...state.keys(name)];
    return (function* () {
      for (const key of keys) {
        state.setCurrentKey(key);
        yield key;
      }
    })();
  };

  readonly side = <T>(tag: OutputTag<T>, value: T): void => {
    this.runtime.side(tag, value, this.timestamp);
  };
}
