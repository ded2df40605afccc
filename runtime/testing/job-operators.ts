/** The operators of a job that is driven by hand, each with all of its subtasks: their state, timers and watermarks. */

import { assert } from "../../core/assert.ts";
import { MillraceError } from "../../core/errors.ts";
import { hashKey, type Key } from "../../core/key.ts";
import { keyGroupOf } from "../../core/key-group.ts";
import type { Timer, TimerDomain } from "../../core/operator.ts";
import type { StateDescriptor, StateHandle } from "../../core/state.ts";
import { TimestampsOperator } from "../../operators/timestamps.ts";
import type { OperatorHost } from "../task/operator-host.ts";
import { pendingTimers } from "./pending-timers.ts";

/** An operator of one subtask. */
export interface PlacedOperator {
  readonly subtask: number;
  readonly host: OperatorHost;
}

export class JobOperators {
  readonly #job: string;
  readonly #placed: readonly PlacedOperator[];

  /** REQUIRES: between two steps of the job, in which it is not changed. */
  constructor(job: string, placed: readonly PlacedOperator[]) {
    this.#job = job;
    this.#placed = placed;
  }

  /** The handle of a state in the subtask that has the key. */
  state<D extends StateDescriptor>(operator: string, key: Key, name: string, descriptor: D): StateHandle<D> {
    const owner = this.#named(operator).find(({ host }) => {
      const group = keyGroupOf(hashKey(key, operator), host.keyGroupCount);
      const { first, last } = host.state.keyGroups;
      return group >= first && group <= last;
    });
    assert(owner !== undefined, `no subtask of "${operator}" has the key`);
    owner.host.state.setCurrentKey(key);
    return owner.host.state.state(name, descriptor);
  }

  keys(operator: string, state: string): readonly Key[] {
    return this.#named(operator).flatMap(({ host }) => [...host.state.keys(state)]);
  }

  timers(operator: string, domain: TimerDomain): readonly Timer[] {
    const all = this.#named(operator).flatMap(({ host }) => pendingTimers(host, domain));
    return all.toSorted((a, b) => a.timestamp - b.timestamp);
  }

  /** What the slowest of its subtasks has heard. */
  watermark(operator: string): number {
    return Math.min(...this.#named(operator).map(({ host }) => host.currentWatermark));
  }

  /** Lets subtasks of a `withTimestamps` say that event time has gone on, in their own time. @throws BAD_OPTION */
  advance(operator: string, timestamp: number, subtask: number | undefined): void {
    const named = this.#named(operator);
    const chosen = named.filter((placed) => subtask === undefined || placed.subtask === subtask);
    if (chosen.length === 0)
      throw wrong(`"${operator}" of job "${this.#job}" has the subtasks 0 to ${named.length - 1}, and no ${subtask}`);
    for (const { host } of chosen) {
      const { instance, clock } = host;
      if (!(instance instanceof TimestampsOperator))
        throw wrong(`"${operator}" of job "${this.#job}" makes no watermarks; name one that withTimestamps has made`);
      host.callAt(clock.now(), () => instance.advanceTo(timestamp));
    }
  }

  #named(operator: string): readonly PlacedOperator[] {
    const found = this.#placed.filter(({ host }) => host.operator === operator);
    if (found.length > 0) return found;
    const names = [...new Set(this.#placed.map(({ host }) => `"${host.operator}"`))].join(", ");
    throw wrong(`job "${this.#job}" has no operator "${operator}" that runs; it has ${names === "" ? "none" : names}`);
  }
}

function wrong(message: string): MillraceError {
  return new MillraceError("BAD_OPTION", message);
}
