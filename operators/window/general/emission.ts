/**
 * What windows emit: a `WindowResult`, or what a window function makes of it.
 *
 * A function is called when its turn comes, with its key and window current, and drained while the gate is open; when it
 * closes, all that is left waits in line, in order. So one record or timer may fire any number of windows, and each may
 * make any number of records, in bounded memory.
 */

import type { Key } from "../../../core/key.ts";
import type { OperatorContext } from "../../../core/operator.ts";
import type { OutputTag } from "../../../core/side-output.ts";
import type { StateDeclaration, StateHandles } from "../../../core/state.ts";
import type { Window, WindowResult } from "../../../core/window.ts";
import type { WindowContext, WindowFunction } from "../../../core/window-function.ts";
import { iteratorOf } from "../../emit.ts";
import { WindowStates } from "./window-states.ts";

type AnyWindowFunction = WindowFunction<unknown, Key, StateDeclaration, StateDeclaration, unknown>;

/** A firing that waits for its turn, or a window that is gone behind its last one. */
interface Turn {
  readonly key: Key;
  readonly window: Window;
  readonly content: unknown;
  readonly timestamp: number;
  readonly gone: boolean;
}

export class Emission {
  readonly #context: OperatorContext;
  readonly #fn: AnyWindowFunction | undefined;
  readonly #user: UserContext;
  #line: Turn[] = [];
  #next = 0;
  #running: Iterator<unknown> | undefined;

  constructor(fn: AnyWindowFunction | undefined, context: OperatorContext) {
    this.#fn = fn;
    this.#context = context;
    this.#user = new UserContext(fn, context);
  }

  fire(key: Key, window: Window, content: unknown, timestamp: number): void {
    const { start, end } = window;
    if (this.#fn !== undefined) this.#line.push({ key, window: { start, end }, content, timestamp, gone: false });
    else {
      const result: WindowResult<unknown, unknown> = { key, windowStart: start, windowEnd: end, value: content };
      this.#context.output.push(result, timestamp);
    }
  }

  /** The window will not fire again. */
  gone(key: Key, { start, end }: Window): void {
    if (this.#user.windowStates.exist)
      this.#line.push({ key, window: { start, end }, content: undefined, timestamp: 0, gone: true });
  }

  /** Calls functions for what has fired; suspends itself when consumers have no room. */
  flush(): void {
    if (this.#line.length > 0 && !this.#drain()) this.#context.suspend(() => this.#drain());
  }

  /** True when all is done. */
  #drain(): boolean {
    const { output, gate } = this.#context;
    while (this.#next < this.#line.length) {
      const turn = this.#line[this.#next] as Turn;
      this.#running ??= this.#begin(turn);
      for (let step = this.#step(turn); step.done !== true; step = this.#step(turn)) {
        output.push(step.value, turn.timestamp);
        if (gate.blocked) return false;
      }
      this.#running = undefined;
      this.#next++;
    }
    this.#line = [];
    this.#next = 0;
    return true;
  }

  #begin({ key, window, content, timestamp, gone }: Turn): Iterator<unknown> {
    const context = this.#context;
    context.state.setCurrentKey(key);
    this.#user.windowStates.select(window);
    if (gone) {
      this.#user.windowStates.clear();
      return [].values();
    }
    this.#user.timestamp = timestamp;
    let returned: unknown;
    try {
      returned = this.#fn?.process(key, window, content, this.#user);
    } catch (error) {
      throw context.failure(error, window);
    }
    return returned === undefined ? [].values() : iteratorOf(returned, "process", context, window);
  }

  #step(turn: Turn): IteratorResult<unknown> {
    try {
      return (this.#running as Iterator<unknown>).next();
    } catch (error) {
      throw this.#context.failure(error, turn.window);
    }
  }
}

/** One object a subtask, changed from window to window: a user function must not keep it. */
class UserContext implements WindowContext {
  timestamp = 0;
  readonly state: StateHandles<StateDeclaration>;
  readonly windowStates: WindowStates;
  readonly runtime: OperatorContext;

  constructor(fn: AnyWindowFunction | undefined, context: OperatorContext) {
    this.runtime = context;
    this.state = Object.fromEntries(
      Object.entries(fn?.state ?? {}).map(([name, descriptor]) => [name, context.state.state(name, descriptor)]),
    ) as StateHandles<StateDeclaration>;
    this.windowStates = new WindowStates(fn?.windowState ?? {}, context.state);
  }

  get windowState(): StateHandles<StateDeclaration> {
    return this.windowStates.handles;
  }

  get watermark(): number {
    return this.runtime.currentWatermark;
  }

  get processingTime(): number {
    return this.runtime.clock.now();
  }

  /** A property, not a method: user functions take the context apart. */
  readonly side = <T>(tag: OutputTag<T>, value: T): void => {
    this.runtime.side(tag, value, this.timestamp);
  };
}
