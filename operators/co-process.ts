/**
 * Process functions of two inputs: the user's functions with keyed state and timers that both share, and side outputs.
 *
 * State: what the function declares, by name, plus its timers. Complexity: that of the functions.
 */

import type { CoProcessFunction } from "../core/co-process.ts";
import type { Key } from "../core/key.ts";
import type { KeyPair } from "../core/node.ts";
import type { Operator, OperatorContext, Timer } from "../core/operator.ts";
import type { StateDeclaration } from "../core/state.ts";
import { Emitter } from "./emit.ts";
import { UserContext } from "./user-context.ts";

type AnyCoProcessFunction = CoProcessFunction<unknown, unknown, Key, StateDeclaration, unknown>;

export class CoProcessOperator implements Operator {
  readonly #fn: AnyCoProcessFunction;
  readonly #keys: KeyPair | undefined;
  readonly #context: OperatorContext;
  readonly #emitters: { readonly process1: Emitter; readonly process2: Emitter; readonly onTimer: Emitter };
  readonly #user: UserContext;

  constructor(fn: AnyCoProcessFunction, keys: KeyPair | undefined, context: OperatorContext) {
    this.#fn = fn;
    this.#keys = keys;
    this.#context = context;
    this.#emitters = {
      process1: new Emitter(context, "process1"),
      process2: new Emitter(context, "process2"),
      onTimer: new Emitter(context, "onTimer"),
    };
    this.#user = new UserContext(context, keys !== undefined, fn.state ?? {});
  }

  open(): void | Promise<void> {
    return this.#fn.open?.(this.#context);
  }

  process(value: unknown, timestamp: number): void {
    let returned: unknown;
    try {
      this.#user.turnTo(value, timestamp, this.#keys?.[0]);
      returned = this.#fn.process1(value, this.#user);
    } catch (error) {
      throw this.#context.failure(error, value);
    }
    if (returned !== undefined) this.#emitters.process1.emit(returned, timestamp, value);
  }

  process2(value: unknown, timestamp: number): void {
    let returned: unknown;
    try {
      this.#user.turnTo(value, timestamp, this.#keys?.[1]);
      returned = this.#fn.process2(value, this.#user);
    } catch (error) {
      throw this.#context.failure(error, value);
    }
    if (returned !== undefined) this.#emitters.process2.emit(returned, timestamp, value);
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
    if (returned !== undefined) this.#emitters.onTimer.emit(returned, timer.timestamp, timer);
  }

  close(): void | Promise<void> {
    return this.#fn.close?.();
  }
}
