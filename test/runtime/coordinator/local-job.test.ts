import { describe, expect, test } from "vitest";
import type { Source } from "../../../core/source.ts";
import { LocalJob, type StartedSlot } from "../../../runtime/coordinator/local-job.ts";
import type { FromSlot, SlotDeployment, SubtaskReport, ToSlot } from "../../../runtime/protocol.ts";
import { type Item, items, nothing, planOf } from "../graph/programs.ts";

/** A slot that does what the test says. */
class FakeSlot implements StartedSlot {
  readonly deployment: SlotDeployment;
  readonly got: ToSlot[] = [];
  readonly #ended = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  #receive: (message: FromSlot) => void = () => {};
  killed = false;
  /** Whether it ends when it is cancelled, as real slots do. */
  obeys = true;
  readonly port = {
    send: (message: ToSlot): void => {
      this.got.push(message);
      if (message.kind === "cancel" && this.obeys) this.end();
    },
    onMessage: (receive: (message: FromSlot) => void): void => {
      this.#receive = receive;
    },
    closed: this.#closed.promise,
  };

  constructor(deployment: SlotDeployment) {
    this.deployment = deployment;
  }

  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  say(message: FromSlot): void {
    this.#receive(message);
  }

  end(): void {
    this.endTask();
    this.close();
  }

  /** The task has ended; what it sent is still under way. */
  endTask(): void {
    this.#ended.resolve();
  }

  /** The thread is gone; what it sent is still under way. */
  lose(reason: string): void {
    this.#ended.reject(new Error(reason));
  }

  close(): void {
    this.#closed.resolve();
  }

  kill(): void {
    this.killed = true;
    this.lose("killed");
    this.close();
  }
}

interface Started {
  readonly job: LocalJob;
  readonly slots: FakeSlot[];
  readonly logged: string[];
  readonly timers: Set<() => void>;
  readonly result: Promise<unknown>;
}

interface StartOptions {
  readonly source?: Partial<Source<Item>>;
  readonly slotFailsToStart?: number;
  readonly onReport?: () => void;
  readonly beforeRun?: (job: LocalJob) => void;
}

const wanted = 2;

/** Starts a job on two fake slots. Its result is what `run` throws, or "finished". */
function start({ source = {}, slotFailsToStart, onReport, beforeRun }: StartOptions = {}): Started {
  const slots: FakeSlot[] = [];
  const logged: string[] = [];
  const timers = new Set<() => void>();
  const job = new LocalJob({
    jobId: "id",
    jobName: "test",
    module: "file:///job.ts",
    plan: planOf(
      (env) =>
        env
          .from({ ...items(), ...source } as Source<Item>)
          .rebalance()
          .to(nothing),
      wanted,
    ),
    showRecordsInErrors: false,
    freeze: false,
    workingDirectory: "/work",
    startSlot: (deployment) => {
      if (deployment.slot === slotFailsToStart) throw new Error("no thread left");
      const slot = new FakeSlot(deployment);
      slots.push(slot);
      return slot;
    },
    log: (_, message) => logged.push(message),
    onReport,
    callAfter: (_, callback) => {
      timers.add(callback);
      return () => timers.delete(callback);
    },
  });
  beforeRun?.(job);
  const result = job.run().then(
    () => "finished",
    (error) => error,
  );
  return { job, slots, logged, timers, result };
}

function slotOf({ slots }: Started, slot: number): FakeSlot {
  return slots[slot] as FakeSlot;
}

function report(subtask: number, recordsIn: number): Extract<FromSlot, { kind: "report" }> {
  const own = { vertex: "items", subtask, recordsIn, phase: "running" } as unknown as SubtaskReport;
  return { kind: "report", subtasks: [own], busyMs: 7 };
}

function failed(message: string): FromSlot {
  const nothingElse = {
    code: undefined,
    name: "Error",
    stack: undefined,
    operator: undefined,
    origin: undefined,
    cause: undefined,
  };
  return { kind: "failed", error: { ...nothingElse, message } };
}

describe("a job on local slots", () => {
  test("every slot gets the deployment with its own number, and the job finishes when all have ended", async () => {
    const started = start();
    expect(started.slots.map(({ deployment }) => deployment.slot)).toEqual([0, 1]);
    expect(new Set(started.slots.map(({ deployment }) => deployment.memory)).size).toBe(1);
    slotOf(started, 0).end();
    expect(started.job.state.kind).toBe("running");
    slotOf(started, 1).end();
    expect(await started.result).toBe("finished");
    expect(started.job.state.kind).toBe("finished");
    expect(started.slots.flatMap(({ got }) => got)).toEqual([]);
  });

  test("reports that come after a slot's task has ended still count", async () => {
    const started = start();
    const [first, second] = started.slots as [FakeSlot, FakeSlot];
    first.say(report(0, 1));
    second.end();
    first.endTask();
    await new Promise(setImmediate);
    expect(started.job.state.kind).toBe("running");
    first.say(report(0, 5));
    first.close();
    expect(await started.result).toBe("finished");
    expect(started.job.reports.map(({ recordsIn }) => recordsIn)).toEqual([5]);
    expect(started.job.busyMs).toEqual([7, 0]);
  });

  test("a split goes to the slot that asked, the end of splits is said, and an oversize frame goes to its slot", async () => {
    const splits = [null, { from: 1 }];
    const started = start({ source: { enumerate: () => ({ next: () => splits.shift() }) } });
    const [first, second] = started.slots as [FakeSlot, FakeSlot];
    const vertex = started.job.reports[0]?.vertex ?? ("items" as never);
    for (const slot of [first, second, first]) {
      slot.say({ kind: "requestSplit", vertex, subtask: slot.deployment.slot });
      await new Promise(setImmediate);
    }
    expect(first.got).toEqual([
      { kind: "split", vertex, subtask: 0, split: { serial: 1, split: null }, none: false },
      { kind: "split", vertex, subtask: 0, split: null, none: true },
    ]);
    const frame = new SharedArrayBuffer(8);
    first.say({ kind: "oversize", toSlot: 1, channel: 3, serial: 4, frame });
    expect(second.got).toEqual([
      { kind: "split", vertex, subtask: 1, split: { serial: 2, split: { from: 1 } }, none: false },
      { kind: "oversize", channel: 3, serial: 4, frame },
    ]);
    for (const slot of started.slots) slot.end();
    await started.result;
  });

  test("collected rows are kept in order and acknowledged", async () => {
    const started = start();
    slotOf(started, 1).say({ kind: "collect", operator: "out", rows: [1, 2], serial: 8 });
    slotOf(started, 0).say({ kind: "collect", operator: "out", rows: [3], serial: 1 });
    expect(started.job.collected("out")).toEqual([1, 2, 3]);
    expect(slotOf(started, 1).got).toEqual([{ kind: "collected", serial: 8 }]);
    for (const slot of started.slots) slot.end();
    await started.result;
  });
});

test("whoever watches a job hears of the first rows of each sink at once", async () => {
  let heard = 0;
  const started = start({ onReport: () => heard++ });
  const collect = (operator: string, serial: number): void =>
    slotOf(started, 0).say({ kind: "collect", operator, rows: [1], serial });
  collect("out", 1);
  expect(heard).toBe(1);
  collect("out", 2);
  expect(heard).toBe(1);
  collect("other", 3);
  expect(heard).toBe(2);
  for (const slot of started.slots) slot.end();
  await started.result;
});

describe("failures", () => {
  test("the failure of one slot cancels the others, and the first cause is the outcome", async () => {
    const started = start();
    slotOf(started, 0).say(failed("first"));
    expect(started.job.state.kind).toBe("failing");
    expect(slotOf(started, 1).got).toContainEqual({ kind: "cancel" });
    slotOf(started, 1).say(failed("second"));
    expect(await started.result).toMatchObject({ message: "first" });
    expect(started.job.state.kind).toBe("failed");
    expect(started.logged).toContain("a failure of a job that ends anyway");
  });

  test("a lost slot fails the job as SLOT_LOST with the reason, and cancels the others", async () => {
    const started = start();
    slotOf(started, 1).lose("worker exited with code: 3");
    slotOf(started, 1).close();
    expect(await started.result).toMatchObject({ code: "SLOT_LOST", message: expect.stringContaining("slot 2") });
    expect(await started.result).toMatchObject({ message: expect.stringContaining("worker exited with code: 3") });
    expect(slotOf(started, 0).got).toContainEqual({ kind: "cancel" });
  });

  test("what a lost slot had sent before still arrives", async () => {
    const started = start();
    const slot = slotOf(started, 1);
    slot.lose("gone");
    await new Promise(setImmediate);
    slot.say(report(1, 9));
    slot.close();
    await started.result;
    expect(started.job.reports.map(({ recordsIn }) => recordsIn)).toEqual([9]);
  });

  test("a slot that cannot be started fails the job and cancels those that were", async () => {
    const started = start({ slotFailsToStart: 1 });
    expect(await started.result).toMatchObject({ message: "no thread left" });
    expect(started.job.state.kind).toBe("failed");
    expect(slotOf(started, 0).got).toContainEqual({ kind: "cancel" });
  });

  test.each<[string, Partial<Source<Item>>]>([
    ["throws", { enumerate: () => Promise.reject(new Error("enumerator")) }],
    ["throws at a split", { enumerate: () => ({ next: () => Promise.reject(new Error("enumerator")) }) }],
    [
      "throws at its close",
      { enumerate: () => ({ next: () => undefined, close: () => Promise.reject(new Error("enumerator")) }) },
    ],
  ])("an enumerator that %s fails the job by name", async (_, source) => {
    const started = start({ source });
    await new Promise(setImmediate);
    if (started.job.state.kind === "running") {
      for (const subtask of [0, 1])
        slotOf(started, subtask).say({ kind: "requestSplit", vertex: "items" as never, subtask });
      await new Promise(setImmediate);
    }
    for (const slot of started.slots) slot.end();
    expect(await started.result).toMatchObject({
      code: "USER_FUNCTION",
      message: expect.stringContaining("enumerator"),
    });
    expect(started.job.state.kind).toBe("failed");
  });

  test("a failure while an enumerator cannot be closed keeps its own cause", async () => {
    const close = (): Promise<void> => Promise.reject(new Error("close"));
    const started = start({ source: { enumerate: () => ({ next: () => undefined, close }) } });
    slotOf(started, 0).say(failed("first"));
    expect(await started.result).toMatchObject({ message: "first" });
  });

  test("an observer that throws fails the job instead of the process", async () => {
    const started = start({
      onReport: () => {
        throw new Error("observer");
      },
    });
    slotOf(started, 0).say(report(0, 1));
    expect(await started.result).toMatchObject({ message: "observer" });
  });
});

describe("cancelling", () => {
  test("all slots are told, and the job is cancelled when they have ended", async () => {
    const started = start();
    started.job.cancel();
    expect(started.slots.map(({ got }) => got)).toEqual([[{ kind: "cancel" }], [{ kind: "cancel" }]]);
    expect(await started.result).toMatchObject({ code: "CANCELLED" });
    expect(started.job.state.kind).toBe("cancelled");
  });

  test("a job that is cancelled before it runs stops the slots that it starts", async () => {
    const started = start({ beforeRun: (job) => job.cancel() });
    expect(await started.result).toMatchObject({ code: "CANCELLED" });
  });

  test("enumerators learn of it by their signal", async () => {
    let signal: AbortSignal | undefined;
    const started = start({
      source: {
        enumerate: (context) => {
          signal = context.signal;
          return { next: () => undefined };
        },
      },
    });
    expect(signal?.aborted).toBe(false);
    started.job.cancel();
    expect(signal?.aborted).toBe(true);
    await started.result;
  });

  test("a slot that does not stop in time is killed; the outcome stays", async () => {
    const started = start();
    slotOf(started, 1).obeys = false;
    started.job.cancel();
    await new Promise(setImmediate);
    expect(started.timers.size).toBe(1);
    for (const timer of started.timers) timer();
    expect(started.slots.map(({ killed }) => killed)).toEqual([false, true]);
    expect(await started.result).toMatchObject({ code: "CANCELLED" });
  });

  test("when all slots have stopped, nothing is left to be called back", async () => {
    const started = start();
    started.job.cancel();
    await started.result;
    expect(started.timers.size).toBe(0);
  });

  test("after the end it changes nothing", async () => {
    const started = start();
    for (const slot of started.slots) slot.end();
    await started.result;
    started.job.cancel();
    expect(started.job.state.kind).toBe("finished");
    expect([started.timers.size, slotOf(started, 0).got.length]).toEqual([0, 0]);
  });
});
