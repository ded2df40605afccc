/**
 * process: the user's function with keyed state, timers and side outputs.
 *
 * State: what the function declares, by name, plus its timers. Complexity: that of the function.
 */

import { MillraceError } from "../core/errors.ts";
import type { Key, KeySelector } from "../core/key.ts";
import type { Operator, OperatorContext, Timer } from "../core/operator.ts";
import type { ProcessContext, ProcessFunction } from "../core/process.ts";
import type { OutputTag } from "../core/side-output.ts";
import type { StateDeclaration, StateHandles } from "../core/state.ts";
import { Emitter } from "./emit.ts";

type AnyProcessFunction = ProcessFunction<unknown, Key, StateDeclaration, unknown>;

export class ProcessOperator implements Operator {
  readonly #fn: AnyProcessFunction;
  readonly #key: KeySelector | undefined;
  readonly #context: OperatorContext;
  readonly #emitter: Emitter;
  readonly #timerEmitter: Emitter;
  readonly #user: UserContext;

  constructor(fn: AnyProcessFunction, key: KeySelector | undefined, context: OperatorContext) {
    this.#fn = fn;
    this.#key = key;
    this.#context = context;
    this.#emitter = new Emitter(context, "process");
    this.#timerEmitter = new Emitter(context, "onTimer");
    this.#user = new UserContext(context, key, fn.state ?? {});
  }

  open(): void | Promise<void> {
    return this.#fn.open?.(this.#context);
  }

  process(value: unknown, timestamp: number): void {
    const user = this.#user;
    user.timestamp = timestamp;
    let returned: unknown;
    try {
      if (this.#key !== undefined) {
        user.currentKey = this.#key.select(value);
        this.#context.state.setCurrentKey(user.currentKey, timestamp);
      }
      returned = this.#fn.process(value, user);
    } catch (error) {
      throw this.#context.failure(error, value);
    }
    if (returned !== undefined) this.#emitter.emit(returned, timestamp, value);
  }

  onTimer(timer: Timer): void {
    const user = this.#user;
    user.timestamp = timer.timestamp;
    user.currentKey = timer.key;
    let returned: unknown;
    try {
      returned = this.#fn.onTimer?.(timer, user);
    } catch (error) {
      throw this.#context.failure(error, timer);
    }
    if (returned !== undefined) this.#timerEmitter.emit(returned, timer.timestamp, timer);
  }

  close(): void | Promise<void> {
    return this.#fn.close?.();
  }
}

/** One object a subtask, changed from record to record: a user function must not keep it. */
class UserContext implements ProcessContext {
  timestamp = 0;
  currentKey: Key | undefined;
  readonly state: StateHandles<StateDeclaration>;
  readonly runtime: OperatorContext;

  constructor(context: OperatorContext, key: KeySelector | undefined, declared: StateDeclaration) {
    this.runtime = context;
    const names = Object.keys(declared);
    if (key === undefined && names.length > 0) throw keyNeeded(context.operator, `state ${names.join(", ")}`);
    if (names.includes(""))
      throw new MillraceError(
        "MISSING_NAME",
        `"${context.operator}" declares a state with an empty name; give it one: it identifies the state over upgrades`,
        { operator: context.operator },
      );
    this.state = Object.fromEntries(
      Object.entries(declared).map(([name, descriptor]) => [name, context.state.state(name, descriptor)]),
    ) as StateHandles<StateDeclaration>;
  }

  get key(): Key {
    if (this.currentKey === undefined) throw keyNeeded(this.runtime.operator, "a key");
    return this.currentKey;
  }

  get watermark(): number {
    return this.runtime.currentWatermark;
  }

  get timers(): OperatorContext["timers"] {
    if (this.currentKey === undefined) throw keyNeeded(this.runtime.operator, "timers");
    return this.runtime.timers;
  }

  /** A property, not a method: user functions take the context apart. */
  readonly side = <T>(tag: OutputTag<T>, value: T): void => {
    this.runtime.side(tag, value, this.timestamp);
  };
}

function keyNeeded(operator: string, what: string): MillraceError {
  return new MillraceError("STATE_MISUSE", `"${operator}" uses ${what}, which needs a key; call keyBy before process`, {
    operator,
  });
}
