import { expect, onTestFinished, test } from "vitest";
import type { Job, Params } from "../../../core/job.ts";
import { SLOT_YOUNG_HEAP_MB } from "../../../core/limits.ts";
import { LocalJob, type StartedSlot } from "../../../runtime/coordinator/local-job.ts";
import { planJob } from "../../../runtime/graph/plan.ts";
import type { SlotDeployment } from "../../../runtime/protocol.ts";
import { run } from "../../../runtime/run.ts";
import { SlotPool } from "../../../runtime/worker/slot-pool.ts";
import leavesATimer from "./fixtures/leaves-a-timer.ts";
import neverReturns from "./fixtures/never-returns.ts";
import tellsItsHeap from "./fixtures/tells-its-heap.ts";

interface Pooled {
  readonly job: LocalJob;
  readonly slots: StartedSlot[];
  /** The first error of a thread whose slot has ended. */
  readonly strayError: Promise<Error>;
  /** What the job asked to be called back for. */
  readonly timers: Set<() => void>;
}

function pooled<P extends Params>(given: Job<P>, slotCount: number, watchdogMs = 60_000): Pooled {
  const strayError = Promise.withResolvers<Error>();
  const slots: StartedSlot[] = [];
  const timers = new Set<() => void>();
  const pool = new SlotPool({ slots: slotCount, onStrayError: strayError.resolve });
  onTestFinished(() => pool.close());
  const job = new LocalJob({
    jobId: "id",
    jobName: given.name,
    module: given.module,
    plan: planJob(given as unknown as Job, { parallelism: slotCount }),
    showRecordsInErrors: false,
    freeze: false,
    workingDirectory: process.cwd(),
    startSlot: (deployment: SlotDeployment) => {
      const slot = pool.start(deployment, watchdogMs);
      slots.push(slot);
      return slot;
    },
    log: () => {},
    callAfter: (_, callback) => {
      timers.add(callback);
      return () => timers.delete(callback);
    },
  });
  return { job, slots, strayError: strayError.promise, timers };
}

test("a thread that never returns from the user's code is ended, and its port with it", async () => {
  const { job, slots, timers } = pooled(neverReturns, 2);
  const result = job.run();
  job.cancel();
  expect(slots).toHaveLength(2);
  for (const timer of timers) timer();
  await expect(result).rejects.toMatchObject({ code: "CANCELLED" });
  for (const slot of slots) await slot.port.closed;
});

test("an error in a thread whose slot has ended is told to whoever owns the pool, and ends neither job nor process", async () => {
  const { job, strayError } = pooled(leavesATimer, 1);
  await job.run();
  expect(job.state.kind).toBe("finished");
  expect(await strayError).toMatchObject({ message: "nobody is left to catch this" });
});

test("a thread that is stuck while it imports the job's module is ended by its watchdog", async () => {
  const { job } = pooled(neverReturns, 1, 1000);
  await expect(job.run()).rejects.toMatchObject({
    code: "SLOT_STUCK",
    message: expect.stringMatching(/^slot 1 of job "never-returns" did not come back from importing .* within 1000 ms/),
  });
});

test.each([
  { keeps: "none", slotHeapMb: undefined },
  { keeps: "none", slotHeapMb: 200 },
  { keeps: "states", slotHeapMb: 200 },
  { keeps: "tables", slotHeapMb: 200 },
] as const)("the young generation of a slot is small unless tables keep records: %j", async ({ keeps, slotHeapMb }) => {
  const told = await run(tellsItsHeap, { params: { keeps }, ...(slotHeapMb === undefined ? {} : { slotHeapMb }) })
    .then(({ result }) => result)
    .then(String, (error: Error) => error.message);
  const [, young, old] = /young: (\d+), old: (\d+)/.exec(told) ?? [];
  if (keeps === "tables") expect(Number(young)).toBeGreaterThan(SLOT_YOUNG_HEAP_MB.states);
  else expect(Number(young)).toBe(SLOT_YOUNG_HEAP_MB[keeps]);
  if (slotHeapMb === undefined) expect(Number(old)).toBeGreaterThan(200);
  else expect(Number(old)).toBe(slotHeapMb);
});
