import fc from "fast-check";
import { expect, test } from "vitest";
import { createDoorbells } from "../../../runtime/exchange/doorbell.ts";
import { readProgress, SlotProgress } from "../../../runtime/exchange/slot-progress.ts";
import { Watchdog } from "../../../runtime/worker/watchdog.ts";

function watched(timeoutMs: number) {
  const doorbells = createDoorbells(3);
  const progress = new SlotProgress(doorbells, 1);
  const watchdog = new Watchdog({ timeoutMs, read: () => readProgress(doorbells, 1) });
  return { progress, watchdog };
}

/** When it is told stuck, sampled at every interval from 0 on; undefined if not within `ms`. */
function stuckAfter({ watchdog }: ReturnType<typeof watched>, ms: number, fromMs = 0): number | undefined {
  for (let now = fromMs; now <= fromMs + ms; now += watchdog.intervalMs)
    if (watchdog.sample(now) !== undefined) return now - fromMs;
  return undefined;
}

test("a slot that never takes its first turn is stuck after the time", () => {
  expect(stuckAfter(watched(800), 5000)).toBe(800);
});

test("a slot that takes turns is not", () => {
  const slot = watched(800);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 700 })), (pauses) => {
      let now = 0;
      for (const pause of pauses) {
        slot.progress.turn();
        expect(stuckAfter(slot, pause, now)).toBeUndefined();
        now += pause;
      }
    }),
  );
});

test("what it has been at is told", () => {
  const slot = watched(100);
  slot.progress.turn();
  slot.progress.step(4);
  expect(stuckAfter(slot, 1000)).toBeDefined();
  expect(slot.watchdog.sample(2000)).toMatchObject({ step: 4 });
  slot.progress.step(-1);
  expect(slot.watchdog.sample(2100)).toMatchObject({ step: -1 });
});

test("time in which nobody looked does not count: the whole process may have been suspended", () => {
  const { watchdog } = watched(800);
  expect(watchdog.sample(0)).toBeUndefined();
  expect(watchdog.sample(1e9)).toBeUndefined();
  expect(watchdog.sample(2e9)).toBeUndefined();
});

test("turns wrap around and never look like none", () => {
  const words = new Int32Array(createDoorbells(1));
  words[2] = 0x7fffffff;
  const progress = new SlotProgress(words.buffer as SharedArrayBuffer, 0);
  for (let turn = 0; turn < 4; turn++) {
    const before = readProgress(words.buffer as SharedArrayBuffer, 0).turns;
    progress.turn();
    const { turns } = readProgress(words.buffer as SharedArrayBuffer, 0);
    expect(turns).not.toBe(before);
    expect(turns).not.toBe(0);
  }
});
