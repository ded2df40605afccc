/** Captures of timers, as `test/conformance/state-backend-captures.ts` of states. */

import fc from "fast-check";
import { expect, test } from "vitest";
import type { Key } from "../../../core/key.ts";
import { keyGroupsOfSubtask } from "../../../core/key-group.ts";
import type { TimerDomain } from "../../../core/operator.ts";
import type { StateCapture } from "../../../core/state-backend.ts";
import { TimerQueue } from "../../../runtime/task/timer-queue.ts";

const KEY_GROUPS = 5;

function queue(subtask = 0, parallelism = 1): TimerQueue {
  const keyGroups = keyGroupsOfSubtask(subtask, KEY_GROUPS, parallelism);
  return new TimerQueue({ operator: "op", keyGroups, keyGroupCount: KEY_GROUPS });
}

type Fired = readonly [domain: TimerDomain, key: Key, time: number];

/** What a queue would fire, without changing it. */
function pending(timers: TimerQueue): Fired[] {
  const copy = queue();
  copy.restore(timers.snapshot());
  return fire(copy, Number.POSITIVE_INFINITY);
}

function fire(timers: TimerQueue, time: number): Fired[] {
  const fired: Fired[] = [];
  for (const domain of ["event", "processing"] as const)
    timers.advance(domain, time, ({ key, timestamp }) => fired.push([domain, key, timestamp]), { blocked: false });
  return fired;
}

const domain = fc.constantFrom<TimerDomain[]>("event", "processing");
const key = fc.constantFrom<Key[]>(0, 1, 2, "1", "a", 1n);
const time = fc.integer({ min: 0, max: 9 });

const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant("register" as const), domain, key, time }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("delete" as const), domain, key, time }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("advance" as const), time }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("capture" as const), full: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("drive" as const), time }) },
  { weight: 2, arbitrary: fc.constant({ do: "confirm" as const }) },
  { weight: 1, arbitrary: fc.constant({ do: "abort" as const }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("crash" as const), builds: fc.boolean() }) },
);

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

class Subject {
  timers = queue();
  #nextId = 1;
  #running: { readonly capture: StateCapture; readonly blocks: Uint8Array[]; readonly expected: Fired[] } | undefined;
  #chain: { readonly id: number; readonly blocks: readonly Uint8Array[]; readonly expected: Fired[] }[] = [];

  apply(each: Step): void {
    if (each.do === "register") this.timers.register(each.key, each.domain, each.time);
    else if (each.do === "delete") this.timers.delete(each.key, each.domain, each.time);
    else if (each.do === "advance") fire(this.timers, each.time);
    else if (each.do === "capture") this.#capture(each.full);
    else if (each.do === "drive") this.#drive(each.time);
    else if (each.do === "confirm") this.timers.confirm(this.#chain.at(-1)?.id ?? -1);
    else if (each.do === "abort") this.#abort();
    else this.crash(each.builds);
  }

  #capture(full: boolean): void {
    this.#drive(Number.POSITIVE_INFINITY);
    const expected = pending(this.timers);
    this.#running = { capture: this.timers.capture(this.#nextId++, { full }), blocks: [], expected };
  }

  #drive(steps: number): void {
    if (this.#running === undefined) return;
    const { capture, blocks, expected } = this.#running;
    for (let i = 0; i < steps && !capture.done; i++) {
      const block = capture.step();
      if (block !== undefined) blocks.push(block);
    }
    if (!capture.done) return;
    this.#running = undefined;
    const layer = { id: capture.checkpoint, blocks, expected };
    this.#chain = capture.base === undefined ? [layer] : [...this.#chain, layer];
  }

  #abort(): void {
    if (this.#running !== undefined) this.timers.abort(this.#running.capture.checkpoint);
    this.#running = undefined;
  }

  crash(builds: boolean): void {
    this.#running = undefined;
    this.timers = queue();
    for (const { blocks } of this.#chain) for (const block of blocks) this.timers.restoreBlock(block, "a block");
    this.timers.restored(builds ? this.#chain.at(-1)?.id : undefined);
    expect(pending(this.timers)).toEqual(this.#chain.at(-1)?.expected ?? []);
  }
}

test("any use with checkpoints and crashes restores the timers of the last barrier, ties in their order", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: "max" }), (steps) => {
      const subject = new Subject();
      for (const each of steps) subject.apply(each);
      subject.crash(true);
    }),
    { numRuns: 300 },
  );
});

test("a delta holds what came and went since the confirmed checkpoint", () => {
  const timers = queue();
  for (let i = 0; i < 10_000; i++) timers.register(i, "event", i);
  const bytes = (id: number) => {
    const capture = timers.capture(id);
    let sum = 0;
    while (!capture.done) sum += capture.step()?.length ?? 0;
    return sum;
  };
  const everything = bytes(1);
  timers.confirm(1);
  timers.delete(5, "event", 5);
  timers.register("new", "event", 5);
  expect(bytes(2)).toBeLessThan(everything / 50);
});

test("timers of several subtasks come together, and the first capture then takes everything", () => {
  const parts = [0, 1].map((subtask) => queue(subtask, 2));
  const blocks: Uint8Array[] = [];
  for (let i = 0; i < 100; i++) {
    for (const part of parts) {
      try {
        part.register(i, "event", 1);
        break;
      } catch {
        // the key belongs to the other one
      }
    }
  }
  for (const part of parts) {
    const capture = part.capture(1);
    while (!capture.done) {
      const block = capture.step();
      if (block !== undefined) blocks.push(block);
    }
  }
  const whole = queue();
  for (const block of blocks) whole.restoreBlock(block, "a block");
  whole.restored(1);
  expect(whole.size).toBe(100);
  expect(whole.capture(2).base).toBe(undefined);
});
