/** A worker with a coordinator that does what the test says: regions on real threads, ends of all kinds. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Params } from "../../../core/job.ts";
import { systemClock } from "../../../runtime/clock.ts";
import type { WorkerId } from "../../../runtime/cluster-ids.ts";
import type { ExchangeAddress, RegionDeployment } from "../../../runtime/cluster-protocol.ts";
import type { Exchange } from "../../../runtime/exchange/link/link-contract.ts";
import { WorkerExchange } from "../../../runtime/exchange/link/worker-exchange.ts";
import { Worker } from "../../../runtime/worker/worker.ts";
import { tempFolder } from "../../connectors/temp-folder.ts";
import { type DeploymentOptions, type Program, programOf } from "./bundles.ts";
import { type FakeConnection, FakeCoordinator, relay } from "./fake-coordinator.ts";

const folder = tempFolder();
const acts = await programOf("acts");

const noExchange: Pick<Exchange, "attach" | "joined" | "close"> = {
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

/** A worker that has joined in epoch 1. */
async function started(
  exchange = noExchange,
  id = `w${++workers}` as WorkerId,
  address: ExchangeAddress = { kind: "unix", path: "/none" },
): Promise<Started> {
  const coordinator = new FakeCoordinator();
  const worker = new Worker({
    description: { worker: id, host: "here", pid: 1, slots: 2, labels: {}, memoryBytes: 0, exchange: address },
    version: "1.0.0",
    bundleFolder: join(folder.path, "bundles"),
    env: { PATH: process.env["PATH"] ?? "" },
    exchange,
    connect: coordinator.connect,
    clock: systemClock,
    callAfter: (ms, callback) => {
      const timer = setTimeout(callback, ms);
      return () => clearTimeout(timer);
    },
    random: () => 0.5,
    rssBytes: () => 1,
    log: () => {},
  });
  onTestFinished(async () => {
    worker.shutDown("the test is over");
    await worker.ended;
  });
  worker.start();
  await expect.poll(() => coordinator.connections[0]?.hello?.description.worker).toBe(id);
  coordinator.last.welcome(1);
  return { worker, connection: coordinator.last };
}

interface RunOptions extends Partial<Omit<DeploymentOptions, "params">> {
  readonly params?: Params;
  readonly program?: Program;
}

/** Deploys a program on two slots of a worker. */
async function deployed({
  program = acts,
  ...options
}: RunOptions): Promise<Started & { deployment: RegionDeployment }> {
  const { worker, connection } = await started();
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
    expect(kinds.at(-1)).toBe("slotEnded");
    // Both ends of every split are on this worker.
    expect(connection.fromSlots("requestSplit")).toEqual([]);
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
    return { ...(await started(exchange, id, address)), address, id };
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

describe("membership", () => {
  test("what is said in another epoch is not followed", async () => {
    const { connection, deployment } = await deployed({});
    await running(connection);
    connection.send({ kind: "end", attempt: deployment.attempt, how: "kill" }, 2);
    connection.send({ kind: "end", attempt: deployment.attempt, how: "cancel" });
    // A kill would have come first and lost the slots.
    expect(await ended(connection)).toEqual([undefined, undefined]);
  });

  test("heartbeats go on while slots work", async () => {
    const { connection, deployment } = await deployed({ params: { act: "loops" } });
    const beats = (): number => connection.messages.filter(({ kind }) => kind === "heartbeat").length;
    await running(connection);
    const before = beats();
    await expect.poll(() => beats() - before, { timeout: 20_000 }).toBeGreaterThan(2);
    connection.send({ kind: "end", attempt: deployment.attempt, how: "kill" });
    await ended(connection);
  });
});
