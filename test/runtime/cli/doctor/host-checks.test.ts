import { once } from "node:events";
import { chmodSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { checkKafka, checkOverview, checkToken } from "../../../../runtime/cli/doctor/cluster-checks.ts";
import { findingOf } from "../../../../runtime/cli/doctor/finding.ts";
import {
  checkClock,
  checkCompileCache,
  checkDisk,
  checkFileDescriptors,
  checkMemory,
  checkNode,
  checkPort,
  checkThreads,
  clockFinding,
} from "../../../../runtime/cli/doctor/host-checks.ts";
import type { OverviewView } from "../../../../runtime/rest/views.ts";
import { tempFolder } from "../../../connectors/temp-folder.ts";

const folder = tempFolder();
const MB = 1024 ** 2;

async function listening(): Promise<{ readonly port: number } & AsyncDisposable> {
  const server = createServer((socket) => socket.destroy());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    port,
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, "close");
    },
  };
}

describe("this host, as it is, can run tests and so a cluster", () => {
  test.each([
    ["node", () => checkNode()],
    ["clock", () => checkClock()],
    ["file descriptors", () => checkFileDescriptors()],
    ["threads", () => checkThreads()],
    ["disk", () => checkDisk(join(folder.path, "not/yet/made"))],
  ])("%s", async (check, look) => {
    expect(await look()).toMatchObject({ check, status: expect.stringMatching(/ok|warning/) });
  });

  test("the compile cache works, or its finding says what is lost", () => {
    const { status, detail } = checkCompileCache();
    expect(status === "ok" || /twice as long/.test(detail)).toBe(true);
  });
});

describe("what is too little is named", () => {
  test.each([
    [checkNode("22.1.0"), "bad", /needs Node 24/],
    [checkMemory(200 * MB), "bad", /200 MB for this process; a cluster needs/],
    [checkMemory(512 * MB), "warning", /jobs with state need more/],
    [checkMemory(8192 * MB), "ok", /8\.0 GB/],
    [checkFileDescriptors(128), "bad", /up to 128; raise it/],
    [checkFileDescriptors(512), "warning", /ulimit -n/],
    [checkFileDescriptors(Number.POSITIVE_INFINITY), "ok", /unlimited/],
    [clockFinding(0, 0), "bad", /1970-01-01.*set it/],
    [clockFinding(Date.UTC(2026, 0, 1), -70), "warning", /-70 ms away from the monotonic clock/],
    [clockFinding(Date.UTC(2026, 0, 1), 3), "ok", /2026-01-01/],
  ])("%j", ({ status, detail }, expected, text) => {
    expect(status).toBe(expected);
    expect(detail).toMatch(text);
  });
});

describe("the port", () => {
  test("in use by another program is bad, by the coordinator fine", async () => {
    await using server = await listening();
    const address = { host: "127.0.0.1", port: server.port };
    expect(await checkPort(address, false)).toMatchObject({
      status: "bad",
      detail: expect.stringContaining("in use by another program"),
    });
    expect(await checkPort(address, true)).toMatchObject({ status: "ok" });
  });

  test("that nobody uses is free, and stays so", async () => {
    const { port } = await listening().then(async (server) => {
      await server[Symbol.asyncDispose]();
      return server;
    });
    const address = { host: "127.0.0.1", port };
    expect(await checkPort(address, false)).toMatchObject({ status: "ok", detail: `127.0.0.1:${port} is free` });
    expect(await checkPort(address, false)).toMatchObject({ status: "ok" });
  });

  test("at an address that this host does not have is bad", async () => {
    expect(await checkPort({ host: "192.0.2.1", port: 8081 }, false)).toMatchObject({ status: "bad" });
  });
});

describe("a token file", () => {
  test("that is missing will be made", async () => {
    expect(await checkToken(join(folder.path, "none"))).toMatchObject({
      status: "ok",
      detail: expect.stringContaining("none yet"),
    });
  });

  test("that others may read is bad", async () => {
    const path = folder.write("token", "a-token-of-some-length\n");
    chmodSync(path, 0o644);
    expect(await findingOf("token", () => checkToken(path))).toMatchObject({
      status: "bad",
      detail: expect.stringContaining("chmod 600"),
    });
    chmodSync(path, 0o600);
    expect(await checkToken(path)).toMatchObject({ status: "ok" });
  });
});

describe("a coordinator", () => {
  const overview: OverviewView = {
    "cluster-id": "c1",
    "millrace-version": "0.1.0",
    "start-time": 0,
    workers: 2,
    "slots-total": 4,
    "slots-available": 3,
    "jobs-running": 0,
    "jobs-waiting": 0,
    "jobs-finished": 0,
    "jobs-cancelled": 0,
    "jobs-failed": 0,
  };

  test.each([
    [overview, "ok", /2 workers, 3 free slots/],
    [{ ...overview, workers: 0 }, "warning", /start a worker/],
    [{ ...overview, "millrace-version": "0.2.0" }, "bad", /this is millrace 0\.1\.0/],
  ])("%#", (view, status, text) => {
    const finding = checkOverview(view, "0.1.0");
    expect(finding.status).toBe(status);
    expect(finding.detail).toMatch(text);
  });
});

describe("kafka", () => {
  test("a port that takes connections is no more than that", async () => {
    await using server = await listening();
    const finding = await checkKafka({ host: "127.0.0.1", port: server.port });
    expect(finding).toMatchObject({
      status: "ok",
      detail: expect.stringContaining("accepts TCP connections; no request of Kafka was made"),
    });
  });

  test("a closed port is bad", async () => {
    expect(await checkKafka({ host: "127.0.0.1", port: 1 })).toMatchObject({
      status: "bad",
      detail: "no TCP connection to 127.0.0.1:1: ECONNREFUSED",
    });
  });
});
