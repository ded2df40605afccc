/**
 * process: the user's function with keyed state, timers and side outputs.
 *
 * State: what the function declares, by name, plus its timers. Complexity: that of the function.
 */

import type { Key, KeySelector } from "../core/key.ts";
import type { Operator, OperatorContext, Timer } from "../core/operator.ts";
import type { ProcessFunction } from "../core/process.ts";
import type { StateDeclaration } from "../core/state.ts";
import { Emitter } from "./emit.ts";
import { UserContext } from "./user-context.ts";

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
    this.#user = new UserContext(context, key !== undefined, fn.state ?? {});
  }

  open(): void | Promise<void> {
    return this.#fn.open?.(this.#context);
  }

  process(value: unknown, timestamp: number): void {
    const user = this.#user;
    let returned: unknown;
    try {
      user.turnTo(value, timestamp, this.#key);
      returned = this.#fn.process(value, user);
    } catch (error) {
      throw this.#context.failure(error, value);
    }
    if (returned !== undefined) this.#emitter.emit(returned, timestamp, value);
  }

  onTimer(timer: Timer): void {
    const user = this.#user;
    user.turnToTimer(timer);
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
