/** A worker process as its coordinator and the operating system treat it: stopped, cut off, told to end. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { ClusterId } from "../../runtime/cluster-ids.ts";
import type { FromWorker, ToWorker, WorkerHello } from "../../runtime/cluster-protocol.ts";
import { acceptControl } from "../../runtime/wire/accept-control.ts";
import type { ConnectionToWorker } from "../../runtime/wire/connection.ts";
import { generateToken } from "../../runtime/wire/token.ts";
import { tempFolder } from "../connectors/temp-folder.ts";
import { programOf } from "../runtime/worker/bundles.ts";

const folder = tempFolder();
const acts = await programOf("acts");
/** Longer than a busy machine keeps a process waiting. */
const heartbeatTimeoutMs = 3000;

/** One membership of the worker, as the coordinator sees it. */
interface Member {
  readonly hello: WorkerHello;
  readonly messages: FromWorker[];
  readonly connection: ConnectionToWorker;
  send(message: ToWorker): void;
}

interface Cluster {
  readonly worker: ChildProcess;
  readonly members: Member[];
}

async function cluster(): Promise<Cluster> {
  const token = generateToken();
  const server = createServer();
  const members: Member[] = [];
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const onConnection = (connection: ConnectionToWorker): void => {
    const epoch = members.length + 1;
    const messages: FromWorker[] = [];
    connection.onMessage((message) => {
      if (!("kind" in message)) {
        messages.push(message.message);
        if (message.message.kind === "bundleWanted") {
          connection.send({ epoch, message: { kind: "bundle", hash: acts.hash, code: acts.code } });
        }
        return;
      }
      members.push({
        hello: message,
        messages,
        connection,
        send: (given) => connection.send({ epoch, message: given }),
      });
      connection.send({ kind: "welcome", cluster: "c" as ClusterId, epoch, heartbeatEveryMs: 100, heartbeatTimeoutMs });
      const beating = setInterval(() => connection.send({ epoch, message: { kind: "heartbeat", serial: 0 } }), 100);
      void connection.closed.then(() => clearInterval(beating));
    });
  };
  const acceptor = acceptControl(server, { token, onConnection });
  const script = join(import.meta.dirname, "fixtures/worker-process.ts");
  const worker = spawn(process.execPath, [script, String(port), token, folder.path], { stdio: "inherit" });
  onTestFinished(async () => {
    worker.kill("SIGKILL");
    await acceptor.close("the test is over");
    server.close();
  });
  await expect.poll(() => members.length, { timeout: 20_000 }).toBe(1);
  return { worker, members };
}

/** Starts a job without end on the worker's two slots. */
async function deploy({ members: [member] }: Cluster): Promise<Member> {
  if (member === undefined) throw new Error("the worker is no member");
  const { worker, exchange } = member.hello.description;
  const deployment = acts.deployment({ parallelism: 2, place: () => ({ worker, epoch: 1, exchange }) });
  member.send({ kind: "deploy", deployment });
  const reports = (): number =>
    member.messages.filter((each) => each.kind === "fromSlot" && each.message.kind === "report").length;
  await expect.poll(reports, { timeout: 20_000 }).toBeGreaterThan(2);
  return member;
}

const threads = ({ worker }: Cluster): number => readdirSync(`/proc/${worker.pid}/task`).length;

test("a worker describes itself, beats, and ends on SIGTERM with nothing left behind", async () => {
  const started = await cluster();
  const [member] = started.members;
  expect(member?.hello.description).toMatchObject({ slots: 2, labels: { zone: "a" }, pid: started.worker.pid });
  await expect.poll(() => member?.messages.filter(({ kind }) => kind === "heartbeat").length).toBeGreaterThan(2);
  started.worker.kill("SIGTERM");
  const [code] = (await once(started.worker, "exit")) as [number | null];
  expect(code).toBe(0);
  expect(readdirSync(folder.path)).toEqual([]);
});

test("a worker that was stopped and wakes ends its slots before it comes back in a new epoch", async () => {
  const started = await cluster();
  const idle = threads(started);
  const member = await deploy(started);
  expect(threads(started)).toBeGreaterThan(idle);
  started.worker.kill("SIGSTOP");
  // The worker does not wake before it is too late for it.
  await new Promise((resolve) => setTimeout(resolve, 1.5 * heartbeatTimeoutMs));
  const said = member.messages.length;
  started.worker.kill("SIGCONT");
  await expect.poll(() => started.members.length, { timeout: 20_000 }).toBe(2);
  expect(started.members[1]?.hello).toMatchObject({ cluster: "c" });
  expect(threads(started)).toBe(idle);
  // What was on its way when it was stopped may still have come, but no slot has said that it ended.
  expect(member.messages.slice(said).filter(({ kind }) => kind === "slotEnded")).toEqual([]);
});

test("a worker whose connection is cut ends its slots and comes back", async () => {
  const started = await cluster();
  const idle = threads(started);
  const { connection } = await deploy(started);
  connection.destroy("cut");
  await expect.poll(() => started.members.length, { timeout: 20_000 }).toBe(2);
  expect(threads(started)).toBe(idle);
});
