/** What process functions work with: the state and the timers of the current key, and side outputs. */

import { MillraceError } from "../core/errors.ts";
import type { Key, KeySelector } from "../core/key.ts";
import type { OperatorContext, Timer } from "../core/operator.ts";
import type { ProcessContext } from "../core/process.ts";
import type { OutputTag } from "../core/side-output.ts";
import type { StateDeclaration, StateHandles } from "../core/state.ts";

/** One object a subtask, changed from record to record: a user function must not keep it. */
export class UserContext implements ProcessContext {
  timestamp = 0;
  currentKey: Key | undefined;
  readonly state: StateHandles<StateDeclaration>;
  readonly runtime: OperatorContext;

  constructor(context: OperatorContext, keyed: boolean, declared: StateDeclaration) {
    this.runtime = context;
    const names = Object.keys(declared);
    if (!keyed && names.length > 0) throw keyNeeded(context.operator, `state ${names.join(", ")}`);
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

  /** A record is about to be processed; with a key, its key becomes the current one. @throws what the key function throws, or BAD_KEY */
  turnTo(value: unknown, timestamp: number, key: KeySelector | undefined): void {
    this.timestamp = timestamp;
    if (key === undefined) return;
    this.currentKey = key.select(value);
    this.runtime.state.setCurrentKey(this.currentKey, timestamp);
  }

  /** A timer is due, whose key is the current one already. */
  turnToTimer(timer: Timer): void {
    this.timestamp = timer.timestamp;
    this.currentKey = timer.key;
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
