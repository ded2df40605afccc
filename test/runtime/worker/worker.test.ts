/** A worker with a coordinator that does what the test says: regions on real threads, ends of all kinds. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { MillraceError } from "../../../core/errors.ts";
import type { Params } from "../../../core/job.ts";
import { systemClock } from "../../../runtime/clock.ts";
import type { WorkerId } from "../../../runtime/cluster-ids.ts";
import type { ExchangeAddress, RegionDeployment } from "../../../runtime/cluster-protocol.ts";
import { toErrorReport } from "../../../runtime/error-report.ts";
import { WorkerExchange } from "../../../runtime/exchange/link/worker-exchange.ts";
import { CallbackQueue } from "../../../runtime/task/callback-queue.ts";
import { VirtualClock } from "../../../runtime/testing/virtual-clock.ts";
import { Worker, type WorkerParts } from "../../../runtime/worker/worker.ts";
import { tempFolder } from "../../connectors/temp-folder.ts";
import { type DeploymentOptions, type Program, programOf } from "./bundles.ts";
import { type FakeConnection, FakeCoordinator, relay } from "./fake-coordinator.ts";

const folder = tempFolder();
const acts = await programOf("acts");

const noExchange: WorkerParts["exchange"] = {
  joined() {},
  attach() {
    throw new Error("no other worker was expected");
  },
  async close() {},
};

interface Started {
  readonly worker: Worker;
  readonly connection: FakeConnection;
}

let workers = 0;

interface StartOptions {
  readonly exchange?: WorkerParts["exchange"];
  readonly id?: WorkerId;
  readonly address?: ExchangeAddress;
  readonly coordinator?: FakeCoordinator;
  /** Default: the machine's. */
  readonly time?: TestTime;
}

const realTime: Pick<WorkerParts, "clock" | "callAfter"> = {
  clock: systemClock,
  callAfter: (ms, callback) => {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

function unstarted(options: StartOptions): { worker: Worker; id: WorkerId; coordinator: FakeCoordinator } {
  const { coordinator = new FakeCoordinator(), exchange = noExchange, time = realTime } = options;
  const { id = `w${++workers}` as WorkerId, address = { kind: "unix", path: "/none" } } = options;
  const worker = new Worker({
    description: { worker: id, host: "here", pid: 1, slots: 2, labels: {}, memoryBytes: 0, exchange: address },
    version: "1.0.0",
    bundleFolder: join(folder.path, "bundles"),
    env: { PATH: process.env["PATH"] ?? "" },
    exchange,
    connect: coordinator.connect,
    clock: time.clock,
    callAfter: time.callAfter,
    random: () => 1,
    rssBytes: () => 1,
    log: () => {},
  });
  return { worker, id, coordinator };
}

/** A worker that has joined in epoch 1. */
async function started(options: StartOptions = {}): Promise<Started> {
  const { worker, id, coordinator } = unstarted(options);
  onTestFinished(async () => {
    worker.shutDown("the test is over");
    await worker.ended.catch(() => {});
  });
  worker.start();
  options.time?.pass(0);
  await expect.poll(() => coordinator.connections[0]?.hello?.description.worker).toBe(id);
  coordinator.last.welcome(1);
  return { worker, connection: coordinator.last };
}

interface RunOptions extends Partial<Omit<DeploymentOptions, "params">> {
  readonly params?: Params;
  readonly program?: Program;
}

/** Deploys a program on two slots of a worker. */
async function deployed(
  { program = acts, ...options }: RunOptions,
  on = started(),
): Promise<Started & { deployment: RegionDeployment }> {
  const { worker, connection } = await on;
  const { hello } = connection;
  const self = hello?.description.worker as WorkerId;
  const place = (): ReturnType<DeploymentOptions["place"]> => ({
    worker: self,
    epoch: 1,
    exchange: { kind: "unix", path: "/none" },
  });
  const deployment = program.deployment({ parallelism: 2, place, ...options });
  relay([connection], deployment, program.code);
  connection.send({ kind: "deploy", deployment });
  return { worker, connection, deployment };
}

async function ended(connection: FakeConnection, slots = 2): Promise<readonly (string | undefined)[]> {
  await expect.poll(() => connection.slotsEnded.length, { timeout: 20_000 }).toBe(slots);
  return connection.slotsEnded.map(({ lost }) => lost?.code);
}

const running = async (connection: FakeConnection): Promise<void> =>
  await expect.poll(() => connection.fromSlots("report").length, { timeout: 20_000 }).toBeGreaterThan(3);

/** How many records the windows have counted. */
function counted(...connections: readonly FakeConnection[]): number {
  const rows = connections.flatMap((each) => each.fromSlots("collect")).flatMap((message) => message.rows);
  return (rows as readonly { readonly value: number }[]).reduce((sum, { value }) => sum + value, 0);
}

describe("a region", () => {
  test("runs to its end, with splits dealt in a slot's thread and its bundle asked for", async () => {
    const { connection } = await deployed({ params: { count: 20_000 } });
    expect(await ended(connection)).toEqual([undefined, undefined]);
    expect(counted(connection)).toBe(20_000);
    expect(connection.fromSlots("failed")).toEqual([]);
    const kinds = connection.messages.map((message) => message.kind);
    expect(kinds.filter((kind) => kind === "bundleWanted").length).toBeLessThanOrEqual(1);
    expect(kinds.filter((kind) => kind !== "heartbeat").at(-1)).toBe("slotEnded");
    // Both ends of every split are on this worker.
    expect(connection.fromSlots("requestSplit")).toEqual([]);
  });

  test("runs on threads that were started ahead as on others, one after the other", async () => {
    const on = await started();
    on.connection.send({ kind: "prepare", slots: 1_000 });
    for (const round of [1, 2]) {
      on.connection.send({ kind: "prepare", slots: 1 });
      await deployed({ params: { count: 20_000 }, attempt: round }, Promise.resolve(on));
      expect(await ended(on.connection, 2 * round)).toEqual(new Array(2 * round).fill(undefined));
      expect(counted(on.connection)).toBe(round * 20_000);
    }
  });

  test("is cancelled", async () => {
    const { connection, deployment } = await deployed({});
    await running(connection);
    connection.send({ kind: "end", attempt: deployment.attempt, how: "cancel" });
    expect(await ended(connection)).toEqual([undefined, undefined]);
    expect(counted(connection)).toBe(0);
  });

  test("is stopped: windows fire and sinks flush", async () => {
    const { connection, deployment } = await deployed({});
    await running(connection);
    connection.send({ kind: "end", attempt: deployment.attempt, how: "stop" });
    expect(await ended(connection)).toEqual([undefined, undefined]);
    expect(counted(connection)).toBeGreaterThan(0);
  });

  test("is killed", async () => {
    const { connection, deployment } = await deployed({});
    await running(connection);
    connection.send({ kind: "end", attempt: deployment.attempt, how: "kill" });
    expect(await ended(connection)).toEqual(["SLOT_LOST", "SLOT_LOST"]);
    expect(connection.slotsEnded[0]?.lost?.message).toContain("was killed");
  });

  test("that is cancelled before its bundle has come does not start", async () => {
    const { connection } = await started();
    const self = connection.hello?.description.worker as WorkerId;
    const place = () => ({ worker: self, epoch: 1, exchange: { kind: "unix", path: "/" } as const });
    const unknown = { ...acts.deployment({ parallelism: 2, place }), bundle: "0".repeat(64) as Program["hash"] };
    connection.send({ kind: "deploy", deployment: unknown });
    await expect.poll(() => connection.messages.some(({ kind }) => kind === "bundleWanted")).toBe(true);
    connection.send({ kind: "end", attempt: unknown.attempt, how: "cancel" });
    connection.send({ kind: "bundle", hash: unknown.bundle, code: undefined });
    expect(await ended(connection)).toEqual(["BUNDLE_UNAVAILABLE", "BUNDLE_UNAVAILABLE"]);
  });
});

describe("a slot", () => {
  const lostSlots: readonly (readonly [string, RunOptions, string, RegExp])[] = [
    ["process.exit", { params: { act: "exits" } }, "SLOT_LOST", /exited with code: 3/],
    ["a full heap", { params: { act: "fills the heap" }, slotHeapMb: 64 }, "SLOT_LOST", /memory limit/],
    ["an endless loop", { params: { act: "loops" }, watchdogMs: 1000 }, "SLOT_STUCK", /a step of "generate" → "map"/],
  ];

  test.each(lostSlots)("is lost by %s, and only it", async (_, options, code, message) => {
    const { connection, deployment } = await deployed(options);
    expect(await ended(connection, 1)).toEqual([code]);
    expect(connection.slotsEnded[0]?.lost?.message).toMatch(message);
    connection.send({ kind: "end", attempt: deployment.attempt, how: "kill" });
    await ended(connection);
  });

  test("says what a function of the job throws, and ends in order", async () => {
    const { connection, deployment } = await deployed({ params: { act: "throws" } });
    await expect.poll(() => connection.fromSlots("failed").length, { timeout: 20_000 }).toBe(1);
    expect(connection.fromSlots("failed")[0]?.error).toMatchObject({ code: "USER_FUNCTION", operator: "map" });
    connection.send({ kind: "end", attempt: deployment.attempt, how: "cancel" });
    expect(await ended(connection)).toEqual([undefined, undefined]);
  });

  test("says that a source's input is not there, in the job's folder, with the message of an embedded run", async () => {
    const params = { act: "reads what is not there", count: 10 };
    const { connection, deployment } = await deployed({ params, workingDirectory: folder.path });
    await expect.poll(() => connection.fromSlots("failed").length, { timeout: 20_000 }).toBe(1);
    const [{ error } = { error: undefined }] = connection.fromSlots("failed");
    const missing = join(folder.path, "missing.jsonl");
    expect(error).toMatchObject({ code: "INPUT_UNREADABLE", operator: "jsonl:missing.jsonl" });
    expect(error?.message).toMatch(
      `the source of "jsonl:missing.jsonl" could not list what to read: cannot read ${missing}`,
    );
    connection.send({ kind: "end", attempt: deployment.attempt, how: "cancel" });
    await ended(connection, deployment.placement.length);
  });

  test("says that its bundle cannot be loaded", async () => {
    const { connection } = await deployed({ program: await programOf("throws-at-load") });
    expect(await ended(connection)).toEqual([undefined, undefined]);
    expect(connection.fromSlots("failed").map(({ error }) => [error.code, error.message])).toEqual(
      new Array(2).fill(["BAD_JOB_MODULE", expect.stringContaining("no licence in this thread")]),
    );
  });

  test("prints to the job's log, writes into the job's folder, and sees no variable that it was not given", async () => {
    const params = { act: "writes", count: 100 };
    const { connection } = await deployed({ params, workingDirectory: folder.path });
    expect(await ended(connection)).toEqual([undefined, undefined]);
    expect(connection.fromSlots("printed")).toMatchObject([
      { stream: "stdout", text: expect.stringMatching(/PATH\n$/) },
    ]);
    expect(JSON.parse(readFileSync(join(folder.path, "written.jsonl"), "utf8"))).toBe("PATH");
  });
});

describe("bundles", () => {
  test("with another content than their name says are refused, and nothing of them is kept", async () => {
    const { connection } = await started();
    const self = connection.hello?.description.worker as WorkerId;
    const place = () => ({ worker: self, epoch: 1, exchange: { kind: "unix", path: "/" } as const });
    const deployment = { ...acts.deployment({ parallelism: 1, place }), bundle: "1".repeat(64) as Program["hash"] };
    relay([connection], deployment, acts.code);
    connection.send({ kind: "deploy", deployment });
    expect(await ended(connection, 1)).toEqual(["BUNDLE_UNAVAILABLE"]);
    expect(connection.slotsEnded[0]?.lost?.message).toContain("has another content");
    expect(existsSync(join(folder.path, "bundles", `${deployment.bundle}.mjs`))).toBe(false);
  });
});

test("a job of two workers exchanges records between them and asks for splits over the coordinator", async () => {
  const token = "0123456789abcdef";
  const starting = ["one", "two"].map(async (name) => {
    const id = name as WorkerId;
    const exchange = new WorkerExchange({
      worker: id,
      token,
      listen: { kind: "unix", folder: join(folder.path, "run") },
      log: () => {},
      onLinkLost: (peer, _, reason) => {
        throw new Error(`the link to ${peer} was lost: ${reason}`);
      },
    });
    const address = await exchange.listen();
    return { ...(await started({ exchange, id, address })), address, id };
  });
  const both = await Promise.all(starting);
  const place = (slot: number): ReturnType<DeploymentOptions["place"]> => {
    const { id, address } = both[slot % 2] as (typeof both)[number];
    return { worker: id, epoch: 1, exchange: address };
  };
  const deployment = acts.deployment({ parallelism: 4, place, params: { count: 50_000 } });
  const connections = both.map(({ connection }) => connection);
  relay(connections, deployment, acts.code);
  for (const connection of connections) connection.send({ kind: "deploy", deployment });
  for (const connection of connections) expect(await ended(connection)).toEqual([undefined, undefined]);
  expect(counted(...connections)).toBe(50_000);
  expect(connections.map((connection) => connection.fromSlots("requestSplit").length > 0)).toEqual([false, true]);
});

/** Time that the test moves on, and what falls due by it. */
class TestTime {
  readonly clock = new VirtualClock();
  readonly #due = new CallbackQueue();

  readonly callAfter = (ms: number, callback: () => void): (() => void) => {
    let wanted = true;
    this.#due.add(this.clock.now() + ms, () => {
      if (wanted) callback();
    });
    return () => {
      wanted = false;
    };
  };

  /** A pause in which nothing ran; then what is due runs if `wakes`. */
  pass(ms: number, wakes = true): void {
    this.clock.advanceTo(this.clock.now() + ms);
    if (wakes) this.#due.runDue(this.clock.now());
  }
}

describe("membership", () => {
  test("what is said in another epoch is not followed", async () => {
    const { connection, deployment } = await deployed({});
    await running(connection);
    connection.send({ kind: "end", attempt: deployment.attempt, how: "kill" }, 2);
    connection.send({ kind: "end", attempt: deployment.attempt, how: "cancel" });
    // A kill would have come first and lost the slots.
    expect(await ended(connection)).toEqual([undefined, undefined]);
  });

  test("heartbeats go on while a slot is stuck", async () => {
    const { connection, deployment } = await deployed({ params: { act: "loops" } });
    const beats = (): number => connection.messages.filter(({ kind }) => kind === "heartbeat").length;
    await running(connection);
    const before = beats();
    await expect.poll(() => beats() - before, { timeout: 20_000 }).toBeGreaterThan(2);
    connection.send({ kind: "end", attempt: deployment.attempt, how: "kill" });
    await ended(connection);
  });

  /** A worker whose slots run, and what it does when it is fenced: it says hello again, when nothing runs any more. */
  async function runningOn(
    time: TestTime,
  ): Promise<{ coordinator: FakeCoordinator; back: () => Promise<FakeConnection> }> {
    const coordinator = new FakeCoordinator();
    const { connection, worker } = await deployed({}, started({ coordinator, time }));
    await expect.poll(() => connection.fromSlots("report").length, { timeout: 20_000 }).toBeGreaterThan(1);
    const back = async (): Promise<FakeConnection> => {
      await expect.poll(() => worker.state, { timeout: 20_000 }).toBe("connecting");
      time.pass(0);
      await expect.poll(() => coordinator.connections.length).toBe(2);
      expect(coordinator.last.hello).toMatchObject({ cluster: "cluster" });
      coordinator.last.welcome(2);
      return coordinator.last;
    };
    return { coordinator, back };
  }

  test("after silence its slots are killed, and it says hello again when they are dead", async () => {
    const time = new TestTime();
    const { coordinator, back } = await runningOn(time);
    const first = coordinator.last;
    time.pass(60_000);
    expect(first.closed).toBe(true);
    const second = await back();
    expect(first.slotsEnded).toEqual([]);
    time.pass(1000);
    // Nothing of the epoch before is said in this one.
    expect(new Set(second.messages.map(({ kind }) => kind))).toEqual(new Set(["heartbeat"]));
  });

  test("a message that finds it asleep for too long is not followed: its slots are killed first", async () => {
    const time = new TestTime();
    const { coordinator, back } = await runningOn(time);
    const first = coordinator.last;
    const deployment = { attempt: "job/0/9" } as RegionDeployment;
    time.pass(3_600_000, false);
    // It would throw, as the deployment has no slots.
    first.send({ kind: "deploy", deployment });
    expect(first.closed).toBe(true);
    await back();
  });

  test("when its connection is lost its slots are killed at once, and it comes back in a new epoch", async () => {
    const time = new TestTime();
    const { coordinator, back } = await runningOn(time);
    coordinator.last.cut();
    const { hello, epoch } = await back();
    expect([hello?.description.slots, epoch]).toEqual([2, 2]);
  });

  test("it ends with the reason for which the coordinator refuses it", async () => {
    const coordinator = new FakeCoordinator();
    const time = new TestTime();
    const { worker, connection } = await started({ coordinator, time });
    const outcome = worker.ended.catch((error: unknown) => error);
    connection.cut();
    await expect.poll(() => worker.state).toBe("connecting");
    time.pass(0);
    await expect.poll(() => coordinator.connections.length).toBe(2);
    const refusal = new MillraceError("WORKER_REFUSED", "it runs another version");
    coordinator.last.say({ kind: "refused", error: toErrorReport(refusal) });
    expect(await outcome).toMatchObject({ code: "WORKER_REFUSED", message: "it runs another version" });
  });

  test("it does not wait for a coordinator that will never take it, but for one that is not there yet", async () => {
    const coordinator = new FakeCoordinator();
    const time = new TestTime();
    const absent = new MillraceError("COORDINATOR_UNREACHABLE", "nobody listens");
    coordinator.failure = absent;
    const joining = started({ coordinator, time });
    for (let tries = 0; tries < 3; tries++) {
      await setImmediate();
      time.pass(2000);
    }
    coordinator.failure = undefined;
    await setImmediate();
    time.pass(2000);
    await joining;
    const refusing = new FakeCoordinator();
    refusing.failure = new MillraceError("UNAUTHORIZED", "another token");
    const parts = { coordinator: refusing, time: new TestTime() };
    const { worker } = unstarted(parts);
    worker.start();
    parts.time.pass(0);
    await expect(worker.ended).rejects.toMatchObject({ code: "UNAUTHORIZED" });
  });
});
