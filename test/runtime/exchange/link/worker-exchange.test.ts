import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { CHANNEL_CREDIT, CHANNEL_FLOOR_SEGMENTS, SEGMENT_BYTES } from "../../../../core/limits.ts";
import type { ClusterId } from "../../../../runtime/cluster-ids.ts";
import type { ExchangeAddress } from "../../../../runtime/cluster-protocol.ts";
import { issue, newAuthority } from "../../wire/certificates.ts";
import { BadNetwork } from "./bad-network.ts";
import { deploymentOf, graphOf, type TestWorker, takeAll, until, Workers, writeAll } from "./workers.ts";

const workers = new Workers();
const networks: BadNetwork[] = [];
afterEach(async () => {
  await workers.close();
  await Promise.all(networks.splice(0).map((network) => network.close()));
});

const tcp = { kind: "tcp", host: "127.0.0.1" } as const;
const oneToOne = graphOf(2, [[0, 1]]);
const bothWays = graphOf(2, [
  [0, 1],
  [1, 0],
]);
/** Beyond all that may be under way in one channel. */
const muchMore = 4 * CHANNEL_CREDIT;

function numbered(count: number, filler = 40): { id: number; text: string }[] {
  return Array.from({ length: count }, (_, id) => ({ id, text: "x".repeat(filler) }));
}

/** A batch of its own. */
function large(id: number): { id: number; text: string } {
  return { id, text: "y".repeat(SEGMENT_BYTES - 2000) };
}

describe.each([
  ["unix", undefined],
  ["tcp", tcp],
] as const)("over %s", (_, listen) => {
  const options = listen === undefined ? {} : { listen };

  test("records come to the other worker, each once, in order, in both directions", async () => {
    const [a, b] = [await workers.start("a", options), await workers.start("b", options)];
    const deployment = deploymentOf("job/0/1", bothWays, [a.place(0), b.place(1)]);
    const [atA, atB] = [a.attach(deployment), b.attach(deployment)];
    const there = numbered(50_000);
    const back = numbered(30_000, 90);
    const [cameThere, cameBack] = await Promise.all([
      takeAll(atB.input(0)),
      takeAll(atA.input(1)),
      writeAll(atA.output(0), there),
      writeAll(atB.output(1), back),
    ]);
    expect(cameThere).toEqual(there);
    expect(cameBack).toEqual(back);
    expect([...a.lost, ...b.lost]).toEqual([]);
  });

  test("records larger than a segment come in their places", async () => {
    const [a, b] = [await workers.start("a", options), await workers.start("b", options)];
    const deployment = deploymentOf("job/0/1", oneToOne, [a.place(0), b.place(1)]);
    const [atA, atB] = [a.attach(deployment), b.attach(deployment)];
    const records = [1, 3, 0.1, 40, 0.1, 9, 150, 2].map((segments, id) => ({
      id,
      text: "z".repeat(segments * SEGMENT_BYTES),
    }));
    const [came] = await Promise.all([takeAll(atB.input(0)), writeAll(atA.output(0), records)]);
    expect(came).toEqual(records);
  });

  test("several regions of several jobs share one connection, and the end of one leaves the others alone", async () => {
    const [a, b] = [await workers.start("a", options), await workers.start("b", options)];
    const graph = graphOf(
      4,
      [0, 1].flatMap((from) => [2, 3].map((to) => [from, to] as const)),
    );
    const places = [a.place(0), a.place(1), b.place(2), b.place(3)];
    const regions = [1, 2, 3].map((job) => deploymentOf(`job-${job}/0/1`, graph, places));
    const atA = regions.map((deployment) => a.attach(deployment));
    const atB = regions.map((deployment) => b.attach(deployment));
    const [stopped, ...others] = regions.map((_, at) => at) as [number, ...number[]];
    const outputs = others.flatMap((at) => graph.channels.map(({ index }) => atA[at]?.output(index)));
    const inputs = others.flatMap((at) => graph.channels.map(({ index }) => atB[at]?.input(index)));
    const stalled = atA[stopped]?.output(0);
    for (let id = 0; id < 3; id++) stalled?.write(large(id), 0);
    const records = numbered(20_000);
    const coming = Promise.all(inputs.map((input) => takeAll(input as NonNullable<typeof input>)));
    const going = Promise.all(outputs.map((output) => writeAll(output as NonNullable<typeof output>, records)));
    await until(() => b.exchange.counters[0] !== undefined && b.exchange.counters[0].framesIn > 20);
    atA[stopped]?.attached.close();
    atB[stopped]?.attached.close();
    await going;
    for (const came of await coming) expect(came).toEqual(records);
    expect(a.exchange.counters.length).toBe(1);
    expect([...a.lost, ...b.lost]).toEqual([]);
  });
});

async function pair(options: Parameters<Workers["start"]>[1] = {}): Promise<[TestWorker, TestWorker]> {
  return [await workers.start("a", options), await workers.start("b", options)];
}

test("a region that is attached late gets what was sent before, and nothing is granted until then", async () => {
  const [a, b] = await pair();
  const deployment = deploymentOf("job/0/1", oneToOne, [a.place(0), b.place(1)]);
  const atA = a.attach(deployment);
  const output = atA.output(0);
  for (let id = 0; id < muchMore && !output.blocked; id++) output.write(large(id), 0);
  await until(() => (b.exchange.counters[0]?.framesIn ?? 0) >= 1);
  expect(output.drain()).toBe(false);
  const atB = b.attach(deployment);
  const coming = takeAll(atB.input(0));
  await until(() => output.drain());
  output.end();
  await until(() => output.drain());
  expect((await coming).map((record) => (record as { id: number }).id)).toEqual([...Array(CHANNEL_CREDIT + 1).keys()]);
});

test("a consumer that takes nothing holds back its producer alone, with bounded memory", async () => {
  const [a, b] = await pair();
  const graph = graphOf(2, [
    [0, 1],
    [0, 1],
  ]);
  const deployment = deploymentOf("job/0/1", graph, [a.place(0), b.place(1)]);
  const [atA, atB] = [a.attach(deployment), b.attach(deployment)];
  const slow = atA.output(0);
  const input = atB.input(0);
  let written = 0;
  const fill = (): void => {
    while (slow.drain() && written < muchMore) slow.write(large(written++), 0);
  };
  const records = numbered(50_000);
  const coming = takeAll(atB.input(1));
  const going = writeAll(atA.output(1), records);
  const filling = setInterval(fill, 1);
  await going;
  expect(await coming).toEqual(records);
  clearInterval(filling);
  expect(slow.blocked).toBe(true);
  expect(written).toBeLessThanOrEqual(2 * CHANNEL_CREDIT + 1);
  expect(written).toBeGreaterThanOrEqual(CHANNEL_CREDIT + CHANNEL_FLOOR_SEGMENTS);
  const all = takeAll(input);
  await until(() => {
    fill();
    return written === muchMore && !slow.blocked;
  });
  slow.end();
  await until(() => slow.drain());
  expect((await all).length).toBe(muchMore);
});

test("what slots have completed reaches the peer though their region is closed here, even before there is a link", async () => {
  const [a, b] = await pair();
  const deployment = deploymentOf("job/0/1", oneToOne, [a.place(0), b.place(1)]);
  const atA = a.attach(deployment);
  const output = atA.output(0);
  for (let id = 0; id < CHANNEL_CREDIT - 1; id++) output.write(large(id), 0);
  output.end();
  atA.attached.close();
  const atB = b.attach(deployment);
  expect((await takeAll(atB.input(0))).length).toBe(CHANNEL_CREDIT - 1);
  expect([...a.lost, ...b.lost]).toEqual([]);
});

test("a cancelled region's frames are dropped, and its attempt is not reported", async () => {
  const [a, b] = await pair();
  const deployment = deploymentOf("job/0/1", oneToOne, [a.place(0), b.place(1)]);
  const [atA, atB] = [a.attach(deployment), b.attach(deployment)];
  const output = atA.output(0);
  for (let id = 0; id < muchMore && !output.blocked; id++) output.write(large(id), 0);
  const input = atB.input(0);
  await until(() => input.poll() === "batch");
  atB.attached.close();
  await until(() => (a.exchange.counters[0]?.framesIn ?? 0) >= 2);
  atA.attached.close();
  const next = deploymentOf("job/0/2", oneToOne, [a.place(0), b.place(1)]);
  const [againA, againB] = [a.attach(next), b.attach(next)];
  const records = numbered(5000);
  const [came] = await Promise.all([takeAll(againB.input(0)), writeAll(againA.output(0), records)]);
  expect(came).toEqual(records);
  expect([...a.lost, ...b.lost]).toEqual([]);
});

test("a peer that never starts its slots is reported", async () => {
  const [a, b] = await pair({ times: { openTimeoutMs: 100 } });
  a.attach(deploymentOf("job/0/1", oneToOne, [a.place(0), b.place(1)]));
  await until(() => a.lost.length > 0);
  expect(a.lost).toEqual([{ peer: "b", attempts: ["job/0/1"], reason: "worker b did not start its slots in 100 ms" }]);
});

test("a peer that cannot be reached is dialed until the time is over, then reported with the last reason", async () => {
  const [a, b] = await pair({ times: { openTimeoutMs: 300 } });
  const nobody: ExchangeAddress = { kind: "unix", path: `${await workers.unixFolder()}/nobody.sock` };
  a.attach(deploymentOf("job/0/1", oneToOne, [a.place(0), { ...b.place(1), exchange: nobody }]));
  b.attach(deploymentOf("job/0/1", oneToOne, [a.place(0), b.place(1)]));
  await until(() => a.lost.length > 0 && b.lost.length > 0);
  expect(a.lost[0]?.reason).toContain("could not be reached in 300 ms: the connection failed: connect ENOENT");
  expect(b.lost[0]?.reason).toBe("worker a could not be reached in 300 ms: it has not connected");
});

test.each([
  ["token", { token: "another-token-entirely" }, "does not have the cluster's token"],
  ["cluster", { cluster: "cluster-2" as ClusterId }, "belongs to another cluster"],
  ["epoch", { epoch: 9 }, "meant for another epoch"],
])("a peer with another %s is refused by name", async (_, options, reason) => {
  const a = await workers.start("a", { times: { openTimeoutMs: 200 } });
  const b = await workers.start("b", options);
  a.attach(deploymentOf("job/0/1", oneToOne, [a.place(0), { ...b.place(1), epoch: 1 }]));
  await until(() => a.lost.length > 0);
  expect(a.lost[0]?.reason).toContain(reason);
  expect(b.exchange.counters).toEqual([]);
});

test("a new epoch drops the old links, and the peer's next one is taken", async () => {
  const [a, b] = await pair();
  const first = deploymentOf("job/0/1", oneToOne, [a.place(0), b.place(1)]);
  const [atA, atB] = [a.attach(first), b.attach(first)];
  atA.output(0).idle(true);
  await until(() => atB.input(0).poll() === "idle");
  b.exchange.joined("cluster-1" as ClusterId, 2);
  b.epoch = 2;
  await until(() => a.lost.length > 0 && b.lost.length > 0);
  expect(b.lost[0]?.reason).toBe("the worker has joined in a new epoch");
  const next = deploymentOf("job/0/2", oneToOne, [a.place(0), b.place(1)]);
  const [againA, againB] = [a.attach(next), b.attach(next)];
  const [came] = await Promise.all([takeAll(againB.input(0)), writeAll(againA.output(0), numbered(100))]);
  expect(came.length).toBe(100);
  a.attach(deploymentOf("job/1/1", oneToOne, [a.place(0), { ...b.place(1), epoch: 1 }]));
  expect(a.lost.at(-1)).toMatchObject({ attempts: ["job/1/1"], reason: expect.stringContaining("epoch 2 by now") });
});

describe("mutual TLS", () => {
  const authority = newAuthority();

  test("records, large ones too, go over encrypted links between processes of one authority", async () => {
    const a = await workers.start("a", { listen: tcp, tls: issue(authority) });
    const b = await workers.start("b", { listen: tcp, tls: issue(authority) });
    const deployment = deploymentOf("job/0/1", bothWays, [a.place(0), b.place(1)]);
    const [atA, atB] = [a.attach(deployment), b.attach(deployment)];
    const records = [...numbered(20_000), { id: -1, text: "z".repeat(5 * SEGMENT_BYTES) }];
    const [there, back] = await Promise.all([
      takeAll(atB.input(0)),
      takeAll(atA.input(1)),
      writeAll(atA.output(0), records),
      writeAll(atB.output(1), records),
    ]);
    expect(there).toEqual(records);
    expect(back).toEqual(records);
  });

  test("a process of another authority, or without a certificate, is refused", async () => {
    const b = await workers.start("b", { listen: tcp, tls: issue(authority) });
    const times = { openTimeoutMs: 200 };
    const strangers = [
      await workers.start("a", { listen: tcp, tls: { ...issue(newAuthority("another")), ca: authority.pem }, times }),
      await workers.start("a2", { listen: tcp, times }),
    ];
    for (const a of strangers) {
      a.attach(deploymentOf("job/0/1", oneToOne, [a.place(0), b.place(1)]));
      await until(() => a.lost.length > 0);
    }
    expect(b.exchange.counters).toEqual([]);
    expect(b.log.length).toBeGreaterThan(0);
  });

  test("closing does not wait for a connection that never encrypts", async () => {
    const b = await workers.start("b", { listen: tcp, tls: issue(authority) });
    const silent = connect((b.address as { port: number }).port, "127.0.0.1");
    silent.on("error", () => {});
    await once(silent, "connect");
    await b.exchange.close();
    await once(silent, "close");
  });
});

describe("a network that misbehaves", () => {
  interface Trial {
    readonly a: TestWorker;
    readonly b: TestWorker;
    readonly network: BadNetwork;
    attach(attempt: string): ReturnType<typeof attachBoth>;
  }

  function attachBoth(a: TestWorker, b: TestWorker, network: BadNetwork, attempt: string) {
    const deployment = deploymentOf(attempt, oneToOne, [a.place(0), { ...b.place(1), exchange: network.address }]);
    return { atA: a.attach(deployment), atB: b.attach(deployment) };
  }

  async function trial(): Promise<Trial> {
    const [a, b] = await pair({ listen: tcp, times: { linkTimeoutMs: 200 } });
    const network = await BadNetwork.inFrontOf(b.address as ExchangeAddress & { kind: "tcp" });
    networks.push(network);
    return { a, b, network, attach: (attempt) => attachBoth(a, b, network, attempt) };
  }

  test("a cut is reported on both sides, once, for the attempts that had something under way; the next one connects anew", async () => {
    const { a, b, network, attach } = await trial();
    const { atA, atB } = attach("job/0/1");
    const untouched = deploymentOf("job/1/1", oneToOne, [a.place(0), { ...b.place(1), exchange: network.address }]);
    const later = a.attach(untouched);
    atA.output(0).idle(true);
    await until(() => atB.input(0).poll() === "idle");
    network.cut();
    await until(() => a.lost.length > 0 && b.lost.length > 0);
    for (const { lost } of [a, b]) expect(lost.map(({ attempts }) => attempts)).toEqual([["job/0/1"]]);
    const again = attach("job/0/2");
    const records = numbered(20_000);
    const [came] = await Promise.all([takeAll(again.atB.input(0)), writeAll(again.atA.output(0), records)]);
    expect(came).toEqual(records);
    // The attempt of which nothing was under way has gone on with the new connection.
    const [cameLater] = await Promise.all([
      takeAll(b.attach(untouched).input(0)),
      writeAll(later.output(0), numbered(10)),
    ]);
    expect(cameLater.length).toBe(10);
    expect(network.connections).toBe(2);
  });

  test.each<[string, readonly ("toServer" | "toClient")[]]>([
    ["both ways", ["toServer", "toClient"]],
    ["towards the one that accepted", ["toServer"]],
    ["towards the one that dialed", ["toClient"]],
  ])("silence %s is noticed on both sides", async (_, directions) => {
    const { a, b, network, attach } = await trial();
    const { atA, atB } = attach("job/0/1");
    atA.output(0).idle(true);
    await until(() => atB.input(0).poll() === "idle");
    for (const direction of directions) network.swallows.add(direction);
    await until(() => a.lost.length > 0 && b.lost.length > 0);
    const reasons = [...a.lost, ...b.lost].map(({ reason }) => reason);
    expect(reasons).toContain("the peer did not answer for 200 ms");
  });

  test("frames that come in pieces and late come whole and in order", async () => {
    const { a, b, network, attach } = await trial();
    network.pieceBytes = 777;
    network.delayMs = 2;
    const { atA, atB } = attach("job/0/1");
    const records = numbered(20_000);
    const [came] = await Promise.all([takeAll(atB.input(0)), writeAll(atA.output(0), records)]);
    expect(came).toEqual(records);
    expect([...a.lost, ...b.lost]).toEqual([]);
  });

  test("the end of a link harms no region that has sent and got everything", async () => {
    const { a, b, network, attach } = await trial();
    const { atA, atB } = attach("job/0/1");
    await Promise.all([takeAll(atB.input(0)), writeAll(atA.output(0), numbered(100))]);
    network.cut();
    await until(() => a.exchange.counters.length === 0 && b.exchange.counters.length === 0);
    expect([...a.lost, ...b.lost]).toEqual([]);
  });

  test("a stranger's bytes end its connection alone", async () => {
    const { a, b, attach } = await trial();
    const { atA, atB } = attach("job/0/1");
    const coming = takeAll(atB.input(0));
    const { port } = b.address as { port: number };
    const stranger = connect(port, "127.0.0.1");
    stranger.on("error", () => {});
    stranger.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await once(stranger, "close");
    expect(b.log.join("\n")).toContain("a connection to the exchange was refused: a handshake message of");
    await writeAll(atA.output(0), numbered(100));
    expect((await coming).length).toBe(100);
    expect([...a.lost, ...b.lost]).toEqual([]);
  });
});

test("a link that no region uses is closed, and opened again when one does", async () => {
  const [a, b] = await pair({ times: { idleAfterMs: 50 } });
  for (const attempt of ["job/0/1", "job/0/2"]) {
    const deployment = deploymentOf(attempt, oneToOne, [a.place(0), b.place(1)]);
    const [atA, atB] = [a.attach(deployment), b.attach(deployment)];
    await Promise.all([takeAll(atB.input(0)), writeAll(atA.output(0), numbered(10))]);
    atA.attached.close();
    atB.attached.close();
    await until(() => a.exchange.counters.length === 0 && b.exchange.counters.length === 0);
  }
  expect([...a.lost, ...b.lost]).toEqual([]);
});

test("closing leaves no socket, timer or file behind", async () => {
  const timers = new Set<unknown>();
  const callAfter = (ms: number, callback: () => void): (() => void) => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      callback();
    }, ms);
    timers.add(timer);
    return () => {
      clearTimeout(timer);
      timers.delete(timer);
    };
  };
  const [a, b] = await pair({ callAfter });
  const { path } = a.address as { path: string };
  expect(existsSync(path)).toBe(true);
  const deployment = deploymentOf("job/0/1", oneToOne, [a.place(0), b.place(1)]);
  const [atA, atB] = [a.attach(deployment), b.attach(deployment)];
  atA.output(0).idle(true);
  await until(() => atB.input(0).poll() === "idle");
  a.attach(deploymentOf("job/1/1", oneToOne, [a.place(0), b.place(1)]));
  await Promise.all([a.exchange.close(), b.exchange.close()]);
  expect(timers.size).toBe(0);
  expect(existsSync(path)).toBe(false);
  const sockets = process.getActiveResourcesInfo().filter((name) => /Pipe|TCP/.test(name));
  expect(sockets.filter((name) => name === "PipeServerWrap" || name === "TCPServerWrap")).toEqual([]);
});

test("a port that other machines can reach needs TLS", async () => {
  await expect(workers.start("a", { listen: { kind: "tcp", host: "0.0.0.0" } })).rejects.toMatchObject({
    code: "INSECURE",
  });
});

test("a folder whose name is too long for a socket is replaced by a temporary one", async () => {
  const folder = `${await workers.unixFolder()}/${"long".repeat(30)}`;
  const a = await workers.start("a", { listen: { kind: "unix", folder } });
  const { path } = a.address as { path: string };
  expect(path.length).toBeLessThan(108);
  expect(existsSync(path)).toBe(true);
  await a.exchange.close();
  expect(existsSync(path)).toBe(false);
});
