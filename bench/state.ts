// biome-ignore-all lint/style/noNonNullAssertion: indexes stay within bounds that this file keeps

/**
 * ns per operation of keyed state, beside a plain JavaScript Map in the same process. Run: node bench/state.ts [filter]
 *
 * Every case runs in a process of its own, so that the types one case sees do not slow the others. The generator of keys
 * (about 3 ns) is included everywhere. Wall time is the median of the repeats with its span, CPU time its median.
 */

import { spawnSync } from "node:child_process";
import { valueState } from "../core/state.ts";
import { createMemoryBackend } from "../runtime/state/memory-backend.ts";
import { TimerQueue } from "../runtime/task/timer-queue.ts";

const REPEATS = 7;
const WARM_UPS = 2;
const OPERATIONS = 2_000_000;
const BATCH_ROWS = 512;
const keyGroups = { first: 0, last: 127 };
const options = { operator: "bench", keyGroups, keyGroupCount: 128 };
const open = { blocked: false };

/** Runs all operations once and returns how many there were. */
type Run = () => number;

function randomKeys(count: number): () => number {
  let state = 12345;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % count;
  };
}

/** Strings as an exchange delivers them: fresh slices of one text a batch. */
function stringBatches(count: number): readonly { readonly text: string; readonly offsets: Int32Array }[] {
  const next = randomKeys(count);
  return Array.from({ length: 1024 }, () => {
    const offsets = new Int32Array(BATCH_ROWS + 1);
    let text = "";
    for (let row = 0; row < BATCH_ROWS; row++) {
      text += `user-key-${next()}`;
      offsets[row + 1] = text.length;
    }
    return { text: Buffer.from(text, "latin1").toString("latin1"), offsets };
  });
}

function overStrings(count: number, use: (key: string) => void): Run {
  const batches = stringBatches(count);
  let at = 0;
  return () => {
    for (let done = 0; done < OPERATIONS; done += BATCH_ROWS) {
      const { text, offsets } = batches[at++ % batches.length] as (typeof batches)[number];
      for (let row = 0; row < BATCH_ROWS; row++)
        use(text.substring(offsets[row] as number, offsets[row + 1] as number));
    }
    return OPERATIONS;
  };
}

const cases: Readonly<Record<string, (count: number) => Run>> = {
  "Map number → object, count++": (count) => {
    const map = new Map<number, { count: number }>();
    const next = randomKeys(count);
    for (let key = 0; key < count; key++) map.set(key * 7 + 1, { count: 0 });
    return () => {
      for (let i = 0; i < OPERATIONS; i++) (map.get(next() * 7 + 1) as { count: number }).count++;
      return OPERATIONS;
    };
  },
  "pane number, slotOf and numbers[0][slot]++": (count) => {
    const pane = createMemoryBackend(options).table("t", { numbers: 1, values: false }).pane(0);
    const next = randomKeys(count);
    for (let key = 0; key < count; key++) pane.slotOf(key * 7 + 1);
    return () => {
      for (let i = 0; i < OPERATIONS; i++) {
        const slot = pane.slotOf(next() * 7 + 1);
        (pane.numbers[0] as Float64Array)[slot]! += 1;
      }
      return OPERATIONS;
    };
  },
  "pane number beyond 32 bits": (count) => {
    const pane = createMemoryBackend(options).table("t", { numbers: 1, values: false }).pane(0);
    const next = randomKeys(count);
    for (let key = 0; key < count; key++) pane.slotOf(key * 7 + 1.7e12);
    return () => {
      for (let i = 0; i < OPERATIONS; i++) {
        const slot = pane.slotOf(next() * 7 + 1.7e12);
        (pane.numbers[0] as Float64Array)[slot]! += 1;
      }
      return OPERATIONS;
    };
  },
  "Map string → object, count++": (count) => {
    const map = new Map<string, { count: number }>();
    for (let key = 0; key < count; key++) map.set(`user-key-${key}`, { count: 0 });
    return overStrings(count, (key) => void (map.get(key) as { count: number }).count++);
  },
  "pane string, slotOf and numbers[0][slot]++": (count) => {
    const pane = createMemoryBackend(options).table("t", { numbers: 1, values: false }).pane(0);
    for (let key = 0; key < count; key++) pane.slotOf(`user-key-${key}`);
    return overStrings(count, (key) => {
      const slot = pane.slotOf(key);
      (pane.numbers[0] as Float64Array)[slot]! += 1;
    });
  },
  "Map number → object, get and set of 2 fields": (count) => {
    const map = new Map<number, { a: number; b: number }>();
    const next = randomKeys(count);
    for (let key = 0; key < count; key++) map.set(key * 7 + 1, { a: 0, b: 0 });
    return () => {
      for (let i = 0; i < OPERATIONS; i++) {
        const entry = map.get(next() * 7 + 1) as { a: number; b: number };
        entry.a += 1;
        entry.b += 2;
      }
      return OPERATIONS;
    };
  },
  "handles, get and set of 2 value states": (count) => {
    const backend = createMemoryBackend(options);
    const a = backend.state("a", valueState(0));
    const b = backend.state("b", valueState(0));
    const next = randomKeys(count);
    return () => {
      for (let i = 0; i < OPERATIONS; i++) {
        backend.setCurrentKey(next() * 7 + 1);
        a.set((a.get() as number) + 1);
        b.set((b.get() as number) + 2);
      }
      return OPERATIONS;
    };
  },
  "insert new number keys into a fresh pane": (count) => () => {
    const pane = createMemoryBackend(options).table("t", { numbers: 1, values: false }).pane(0);
    for (let key = 0; key < count; key++) pane.slotOf(key * 7 + 1);
    return count;
  },
  "insert new number keys into a fresh Map": (count) => () => {
    const map = new Map<number, { count: number }>();
    for (let key = 0; key < count; key++) map.set(key * 7 + 1, { count: 0 });
    return count;
  },
  "timers, register all and fire in order": (count) => () => {
    const queue = new TimerQueue(options);
    const next = randomKeys(600_000);
    for (let key = 0; key < count; key++) queue.register(key, "event", next());
    queue.advance("event", Number.POSITIVE_INFINITY, () => {}, open);
    return count;
  },
  "timers, delete and register a later one": (count) => {
    const queue = new TimerQueue(options);
    const next = randomKeys(count);
    const due = new Float64Array(count);
    let now = 0;
    return () => {
      for (let i = 0; i < OPERATIONS; i++) {
        const key = next();
        if (due[key] !== 0) queue.delete(key, "event", due[key] as number);
        due[key] = ++now + 30_000;
        queue.register(key, "event", due[key] as number);
      }
      return OPERATIONS;
    };
  },
  "snapshot of a table": (count) => {
    const backend = createMemoryBackend(options);
    const pane = backend.table("t", { numbers: 2, values: false }).pane(0);
    for (let key = 0; key < count; key++) pane.slotOf(key * 7 + 1);
    return () => {
      backend.snapshot();
      return count;
    };
  },
  "restore of a table": (count) => {
    const backend = createMemoryBackend(options);
    const pane = backend.table("t", { numbers: 2, values: false }).pane(0);
    for (let key = 0; key < count; key++) pane.slotOf(key * 7 + 1);
    const snapshot = backend.snapshot();
    return () => {
      createMemoryBackend(options).restore(snapshot);
      return count;
    };
  },
};

function measure(name: string, count: number): void {
  const run = (cases[name] as (count: number) => Run)(count);
  for (let i = 0; i < WARM_UPS; i++) run();
  const wall: number[] = [];
  const cpu: number[] = [];
  for (let i = 0; i < REPEATS; i++) {
    const cpuBefore = process.cpuUsage();
    const before = process.hrtime.bigint();
    const operations = run();
    wall.push(Number(process.hrtime.bigint() - before) / operations);
    const { user, system } = process.cpuUsage(cpuBefore);
    cpu.push(((user + system) * 1000) / operations);
  }
  const [low, middle, high] = spanOf(wall);
  const line = `${middle.toFixed(0).padStart(5)} ns  [${low.toFixed(0)}..${high.toFixed(0)}]  cpu ${spanOf(cpu)[1].toFixed(0)} ns`;
  console.log(`${name.padEnd(46)} ${String(count).padStart(8)} keys ${line}`);
}

function spanOf(samples: readonly number[]): readonly [low: number, middle: number, high: number] {
  const sorted = samples.toSorted((a, b) => a - b);
  return [sorted[0] as number, sorted[sorted.length >> 1] as number, sorted.at(-1) as number];
}

/** The longest single insertion while a pane grows: the pause of doubling. */
function measurePause(count: number): void {
  const pane = createMemoryBackend(options).table("t", { numbers: 1, values: false }).pane(0);
  let longestMs = 0;
  for (let key = 0; key < count; key++) {
    const before = performance.now();
    pane.slotOf(key * 7 + 1);
    longestMs = Math.max(longestMs, performance.now() - before);
  }
  console.log(
    `${"longest insertion while growing".padEnd(46)} ${String(count).padStart(8)} keys ${longestMs.toFixed(1).padStart(5)} ms`,
  );
}

const [name = "", count] = process.argv.slice(2);
if (count === "pause") measurePause(Number(name));
else if (count !== undefined) measure(name, Number(count));
else {
  const self = import.meta.filename;
  for (const keys of ["20000", "1000000"]) {
    for (const each of Object.keys(cases)) {
      if (each.includes(name)) spawnSync(process.execPath, [self, each, keys], { stdio: "inherit" });
    }
    if (name === "") spawnSync(process.execPath, [self, keys, "pause"], { stdio: "inherit" });
  }
}
