/** A savepoint with which a job ends: behind its barriers nothing goes on, unless it comes to nothing. */

import { setImmediate } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { collectTo, counting, defineJob, generate, tumbling } from "../../../index.ts";
import { createSharedMemory } from "../../../runtime/exchange/shared-memory.ts";
import { SlotProgress } from "../../../runtime/exchange/slot-progress.ts";
import { planJob } from "../../../runtime/graph/plan.ts";
import type { FromSlot, JobEnd, SlotDeployment, ToSlot } from "../../../runtime/protocol.ts";
import { runSlot } from "../../../runtime/task/run-slot.ts";

/** Records without end by event time, and others that come of processing timers alone. */
const job = defineJob(import.meta, "endless", (env) => {
  const numbers = env.from(generate({ record: (index) => ({ index, key: index % 3 }) }), { name: "numbers" });
  const timed = numbers.withTimestamps(({ index }) => index);
  numbers.filter(({ index }) => index % 100 === 0).to(collectTo("read"));
  timed.keyBy("key").window(tumbling("1h")).aggregate("counting", counting()).to(collectTo("counts"));
  numbers
    .keyBy("key")
    .process("ticking", {
      process(_, { timers }) {
        timers.register("processing", now + 1);
      },
      onTimer: ({ timestamp }, { timers }) => {
        timers.register("processing", now + 1);
        return [timestamp];
      },
    })
    .to(collectTo("ticks"));
});

/** Rises with every turn. */
let now = 0;

class DrivenSlot {
  readonly rows = new Map<string, unknown[]>([
    ["read", []],
    ["counts", []],
    ["ticks", []],
  ]);
  readonly sent: FromSlot["kind"][] = [];
  readonly ended: Promise<void>;
  #receive: (message: ToSlot) => void = () => {};

  constructor() {
    const clock = { now: () => ++now, monotonicMs: () => now };
    const deployment = deploymentOf();
    const host = { clock, progress: new SlotProgress(deployment.memory.doorbells, 0), prepareSleep() {}, wake() {} };
    this.ended = runSlot(deployment, {
      host: { ...host, yield: () => setImmediate(), sleep: () => setImmediate() },
      reportEveryMs: undefined,
      loadJob: async () => job,
      send: (message) => this.#hear(message),
      onMessage: (receive) => {
        this.#receive = receive;
      },
    });
  }

  tell(message: ToSlot): void {
    this.#receive(message);
  }

  counts(): readonly number[] {
    return [...this.rows.values()].map(({ length }) => length);
  }

  #hear(message: FromSlot): void {
    this.sent.push(message.kind);
    if (message.kind !== "collect") return;
    this.rows.get(message.operator)?.push(...message.rows);
    queueMicrotask(() => this.tell({ kind: "collected", serial: message.serial }));
  }
}

function deploymentOf(): SlotDeployment {
  const { params, jobGraph, executionGraph, graphHash } = planJob(job, { parallelism: 1 });
  return {
    ...{ jobId: "job", jobName: job.name, module: job.module, bundled: false, params, attempt: 1, slot: 0 },
    ...{ jobGraph, executionGraph, graphHash, showRecordsInErrors: false, freeze: false, workingDirectory: "/" },
    enumerates: jobGraph.vertices.slice(0, 1).map(({ id }) => id),
    printsToLog: true,
    memory: createSharedMemory(executionGraph, () => false),
    checkpointing: true,
  };
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await setImmediate();
}

describe("a slot that takes a savepoint with which its job ends", () => {
  let slot: DrivenSlot;

  afterEach(async () => {
    slot.tell({ kind: "cancel" });
    await slot.ended;
  });

  async function saved(ends: JobEnd | undefined): Promise<void> {
    slot = new DrivenSlot();
    await expect.poll(() => Math.min(...slot.counts().toSpliced(1, 1))).toBeGreaterThan(10);
    slot.tell({ kind: "checkpoint", checkpoint: 1, full: true, ends });
    await expect.poll(() => slot.sent).toContain("snapshotted");
    // What the sinks have was on its way before the barrier.
    await turns(20);
  }

  test("emits nothing behind it, neither of its sources nor of timers", async () => {
    await saved("suspend");
    const then = slot.counts();
    await turns(500);
    expect(slot.counts()).toEqual(then);
    expect(slot.rows.get("counts")).toEqual([]);
  });

  test("goes on where it came to nothing", async () => {
    await saved("suspend");
    const [read = 0, , ticks = 0] = slot.counts();
    slot.tell({ kind: "checkpointEnded", checkpoint: 1, complete: false });
    await expect.poll(() => slot.counts()[0]).toBeGreaterThan(read + 10);
    await expect.poll(() => slot.counts()[2]).toBeGreaterThan(ticks + 10);
    expect(slot.rows.get("counts")).toEqual([]);
  });

  test("fires its windows before, if it is to drain, and counts what it has read", async () => {
    await saved("drain");
    const then = slot.counts();
    await turns(500);
    expect(slot.counts()).toEqual(then);
    const counted = (slot.rows.get("counts") as { readonly value: number }[]).reduce(
      (sum, { value }) => sum + value,
      0,
    );
    expect(Math.ceil(counted / 100)).toBe(slot.rows.get("read")?.length);
  });

  test("goes on behind one with which it does not end", async () => {
    await saved(undefined);
    const [read = 0] = slot.counts();
    await expect.poll(() => slot.counts()[0]).toBeGreaterThan(read + 10);
  });
});
