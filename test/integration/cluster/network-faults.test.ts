/**
 * Links that are slow, cut, or silent in one direction or both: between a worker and its coordinator, and between two
 * workers. The processes at their ends live all the time.
 */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, eventually } from "./cluster.ts";
import { type Direction, FaultProxy } from "./fault-proxy.ts";
import { endsAllProcesses, freePort, type Process, workFolder } from "./processes.ts";

endsAllProcesses();

/** Longer than a busy machine keeps a process from running. */
const HEARTBEAT_TIMEOUT_MS = 3000;
const SLOW_MS = 300;

const heartbeats = ["--heartbeat-every", "200ms", "--heartbeat-timeout", `${HEARTBEAT_TIMEOUT_MS}ms`];

describe("between one of two workers and the coordinator", async () => {
  const folder = await workFolder();
  let cluster: Cluster;
  let proxy: FaultProxy;
  let behind: Process;

  beforeAll(async () => {
    cluster = await Cluster.coordinator({ folder: folder.path, args: heartbeats });
    proxy = await FaultProxy.to(() => ({ host: "127.0.0.1", port: cluster.port }));
    await cluster.worker(["--slots", "1"]);
    behind = await cluster.worker(["--slots", "1", "--coordinator", `127.0.0.1:${proxy.port}`]);
  });

  afterAll(async () => {
    await proxy.close();
    await cluster[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  test("slow: nothing fails", async () => {
    const { epoch } = await cluster.member(behind.pid);
    proxy.delay(SLOW_MS);
    const { jid, open } = await cluster.gatedSums();
    open();
    const { restarts } = await cluster.expectSums(jid, 1);
    expect(restarts).toBe(0);
    expect(await cluster.exceptions(jid)).toEqual([]);
    expect((await cluster.member(behind.pid)).epoch).toBe(epoch);
    proxy.heal();
  });

  const notHeard = /was lost: nothing was heard of it for \d+ ms/;
  const broke = /was lost: its connection to the coordinator broke/;
  const coordinatorNotHeard = /nothing was heard of the coordinator for \d+ ms/;
  const cases: readonly (readonly [string, () => void, RegExp, RegExp])[] = [
    ["cut", () => proxy.cut(), broke, /the worker leaves the cluster/],
    ["silent from the worker on", () => proxy.swallow(["out"]), notHeard, /the worker leaves the cluster/],
    ["silent towards the worker", () => proxy.swallow(["back"]), broke, coordinatorNotHeard],
    ["silent both ways", () => proxy.swallow(), /was lost: (nothing was heard|its connection)/, /leaves the cluster/],
  ];

  test.each(cases)(
    "%s: the worker is lost and fences itself; healed, it joins anew and the job goes on",
    async (_, spoil, lost, said) => {
      const { epoch } = await cluster.member(behind.pid);
      const saidBefore = behind.stderr.length;
      const { jid, open } = await cluster.gatedSums();
      spoil();
      const [exception] = await eventually("the loss is noticed", async () => {
        const found = await cluster.exceptions(jid);
        return found.length > 0 && found;
      });
      expect(exception).toMatchObject({ exceptionName: "WORKER_LOST", restarted: true });
      expect(exception?.error.message).toMatch(lost);
      const leaves = await eventually("the worker notices", () =>
        behind.stderr.slice(saidBefore).find((line) => line.includes("the worker leaves the cluster")),
      );
      expect(leaves).toMatch(said);
      proxy.heal();
      await cluster.member(behind.pid, epoch);
      open();
      const { restarts } = await cluster.expectSums(jid, 2);
      expect(restarts).toBe(1);
      expect(await cluster.exceptions(jid)).toHaveLength(1);
    },
  );
});

describe("between two workers", async () => {
  const folder = await workFolder();
  const faults = [
    "slow",
    "cut",
    "silent from the dialing worker on",
    "silent towards the dialing worker",
    "silent both ways",
  ];
  const swallowed: Readonly<Record<string, readonly Direction[]>> = {
    "silent from the dialing worker on": ["out"],
    "silent towards the dialing worker": ["back"],
    "silent both ways": ["out", "back"],
  };
  let cluster: Cluster;
  const proxies = new Map<string, FaultProxy[]>();
  const workers = new Map<string, Process[]>();

  /** A worker with one slot, which the others reach through a proxy. */
  async function worker(link: string): Promise<void> {
    const port = await freePort();
    const proxy = await FaultProxy.to(() => ({ host: "127.0.0.1", port }));
    proxies.set(link, [...(proxies.get(link) ?? []), proxy]);
    const listen = ["--exchange-host", "127.0.0.1", "--exchange-port", `${port}`];
    const started = await cluster.worker([
      ...["--verbose", "--slots", "1", "--label", `link=${link}`],
      ...[...listen, "--exchange-advertise", `127.0.0.1:${proxy.port}`],
    ]);
    workers.set(link, [...(workers.get(link) ?? []), started]);
    expect((await cluster.member(started.pid)).exchange).toContain(String(proxy.port));
  }

  /** The two workers of a link that has this fault, and of their two proxies the one that is used. */
  async function disturbed(link: string): Promise<void> {
    const both = proxies.get(link) ?? [];
    if (link === "slow") for (const proxy of both) proxy.delay(SLOW_MS);
    const { jid, open } = await cluster.gatedSums({ link });
    expect(both.map(({ connections }) => connections).sort()).toEqual([0, 1]);
    const epochs = (await cluster.client.workers()).map(({ epoch }) => epoch);
    if (link === "slow") {
      open();
      expect((await cluster.expectSums(jid, 1)).restarts).toBe(0);
      return;
    }
    for (const proxy of both) {
      if (link === "cut") proxy.cut();
      else proxy.swallow(swallowed[link]);
    }
    const [exception] = await eventually(`${link} is noticed`, async () => {
      const found = await cluster.exceptions(jid);
      return found.length > 0 && found;
    });
    expect(exception).toMatchObject({ exceptionName: "LINK_LOST", restarted: true });
    expect(exception?.error.message).toMatch(/^the exchange between \S+:\d+ and \S+:\d+ broke: /);
    // Whoever notices silence closes the connection, and either end may be the first to tell.
    const said = (): string => (workers.get(link) ?? []).flatMap(({ stderr }) => stderr).join("\n");
    const notAnswered = /the peer did not answer for \d+ ms.*a link has ended/;
    if (link !== "cut") await eventually("one of them has noticed the silence", () => notAnswered.test(said()));
    for (const proxy of both) proxy.heal();
    open();
    expect((await cluster.expectSums(jid, 2)).restarts).toBe(1);
    // It was the link only: no worker has left.
    expect((await cluster.client.workers()).map(({ epoch }) => epoch)).toEqual(epochs);
  }

  beforeAll(async () => {
    cluster = await Cluster.coordinator({ folder: folder.path });
    for (const link of faults) await Promise.all([worker(link), worker(link)]);
  }, 120_000);

  afterAll(async () => {
    for (const proxy of [...proxies.values()].flat()) await proxy.close();
    await cluster[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  // Silence takes its time to be noticed: all at once.
  test.concurrent.each(faults)("%s", async (link) => {
    await disturbed(link);
  });
});
