/** Control connections, from a worker's request to messages, and everything that is refused on the way. */

import { createServer, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { connect, createServer as createTcpServer } from "node:net";
import { afterEach, expect, test } from "vitest";
import { type AcceptOptions, acceptControl, type ControlAcceptor } from "../../../runtime/wire/accept-control.ts";
import { type ConnectOptions, connectControl } from "../../../runtime/wire/connect-control.ts";
import type { ConnectionToWorker, WorkerMessage } from "../../../runtime/wire/connection.ts";
import { encodeFrame } from "../../../runtime/wire/message-frames.ts";
import { serverTls, type TlsIdentity } from "../../../runtime/wire/tls.ts";
import { issue, newAuthority } from "./certificates.ts";

const token = "a-token-of-this-test";
const host = "127.0.0.1";
const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of undo.splice(0).reverse()) await each();
});

interface Listening {
  readonly port: number;
  readonly acceptor: ControlAcceptor;
  readonly connections: ConnectionToWorker[];
}

async function listen(options: Partial<AcceptOptions> = {}, tls?: TlsIdentity): Promise<Listening> {
  const server = tls === undefined ? createServer() : createSecureServer(serverTls(tls));
  const connections: ConnectionToWorker[] = [];
  const acceptor = acceptControl(server, { token, onConnection: (each) => connections.push(each), ...options });
  const port = await portOf(server);
  undo.push(() => {
    server.closeAllConnections();
    server.close();
  });
  undo.push(() => acceptor.close("test over"));
  return { port, acceptor, connections };
}

async function portOf(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("expected a port");
  return address.port;
}

function dial(port: number, options: Partial<ConnectOptions> = {}) {
  return connectControl({ host, port, token, timeoutMs: 5000, ...options });
}

const hello = { kind: "hello", protocol: 1, version: "0" } as WorkerMessage;
const failure = (code: string, message = /./) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

test("a worker with the token is connected, and messages go both ways", async () => {
  const { port, connections, acceptor } = await listen();
  const worker = await dial(port);
  expect(worker.peer).toBe(`127.0.0.1:${port}`);
  worker.send(hello);
  const [connection] = connections;
  expect(connection?.peer).toMatch(/^127\.0\.0\.1:\d+$/);
  expect(await new Promise((resolve) => connection?.onMessage(resolve))).toEqual(hello);
  connection?.send({ epoch: 3, message: { kind: "shutdown", reason: "over" } });
  expect(await new Promise((resolve) => worker.onMessage(resolve))).toEqual({
    epoch: 3,
    message: { kind: "shutdown", reason: "over" },
  });
  await acceptor.close("stopping");
  expect((await worker.closed).kind).toBe("ended");
  expect(acceptor.connections).toBe(0);
});

test("what a worker sends in one piece with its request is not lost", async () => {
  const { port, connections } = await listen();
  const socket = connect(port, host);
  undo.push(() => socket.destroy());
  const request = `GET /v1/control HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: millrace-control\r\nauthorization: Bearer ${token}\r\n\r\n`;
  socket.write(Buffer.concat([Buffer.from(request), ...encodeFrame(hello)]));
  await new Promise((resolve) => socket.once("data", resolve));
  expect(await new Promise((resolve) => connections[0]?.onMessage(resolve))).toEqual(hello);
});

test("another token is refused by name", async () => {
  const { port, connections } = await listen();
  await expect(dial(port, { token: "another-token-than-that" })).rejects.toThrow(
    failure("UNAUTHORIZED", /another token/),
  );
  expect(connections).toEqual([]);
});

const refusals: [string, string, string][] = [
  ["another path", "GET /v1/other HTTP/1.1\r\nhost: localhost\r\nupgrade: millrace-control\r\n", "400"],
  ["another method", "POST /v1/control HTTP/1.1\r\nhost: localhost\r\nupgrade: millrace-control\r\n", "400"],
  ["another protocol", "GET /v1/control HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\n", "400"],
  ["a foreign Host", "GET /v1/control HTTP/1.1\r\nhost: evil.example\r\nupgrade: millrace-control\r\n", "403"],
  [
    "a foreign Origin",
    "GET /v1/control HTTP/1.1\r\nhost: localhost\r\norigin: http://evil.example\r\nupgrade: millrace-control\r\n",
    "403",
  ],
  [
    "two Hosts",
    "GET /v1/control HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\nupgrade: millrace-control\r\n",
    "40[03]",
  ],
];

test.each(refusals)("%s is refused with an answer", async (_, lines, status) => {
  const { port, connections } = await listen();
  const socket = connect(port, host);
  socket.write(`${lines}connection: Upgrade\r\nauthorization: Bearer ${token}\r\n\r\n`);
  let answer = "";
  for await (const chunk of socket) answer += String(chunk);
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(connections).toEqual([]);
});

test("connections are capped, and an ended one makes room", async () => {
  const { port, acceptor } = await listen({ connectionsMax: 2 });
  const first = await dial(port);
  await dial(port);
  await expect(dial(port)).rejects.toThrow(failure("NOT_READY", /2 control connections/));
  first.close();
  await first.closed;
  await expect.poll(() => acceptor.connections).toBe(1);
  await dial(port);
});

test("a coordinator that is not ready, or stops, says so", async () => {
  const starting = await listen({ ready: () => false });
  await expect(dial(starting.port)).rejects.toThrow(failure("NOT_READY"));
  const stopping = await listen();
  await stopping.acceptor.close("stopping");
  await expect(dial(stopping.port)).rejects.toThrow(failure("NOT_READY"));
});

test("a connection without a hello is ended in time", async () => {
  const { port, connections } = await listen({ helloWithinMs: 30 });
  const worker = await dial(port);
  connections[0]?.onMessage(() => {});
  expect((await connections[0]?.closed)?.kind).toBe("silent");
  await worker.closed;
});

test("who is no coordinator is named: nobody, silence, another server, noise", async () => {
  await expect(dial(1)).rejects.toThrow(failure("COORDINATOR_UNREACHABLE", /nothing listens/));

  const silent = createTcpServer(() => {});
  const silentPort = await portOf(silent as Server);
  undo.push(() => silent.close());
  await expect(dial(silentPort, { timeoutMs: 50 })).rejects.toThrow(failure("COORDINATOR_UNREACHABLE", /within 50 ms/));

  const other = createServer((_, response) => response.end("hello"));
  const otherPort = await portOf(other);
  undo.push(() => other.close());
  await expect(dial(otherPort)).rejects.toThrow(failure("NOT_A_COORDINATOR", /answered 200/));

  const noise = createTcpServer((socket) => socket.end("SSH-2.0-OpenSSH\r\n"));
  const noisePort = await portOf(noise as Server);
  undo.push(() => noise.close());
  await expect(dial(noisePort)).rejects.toThrow(failure("NOT_A_COORDINATOR", /no HTTP/));

  await expect(dial(1, { host: "192.0.2.1" })).rejects.toThrow(failure("INSECURE"));
});

test("with TLS both sides show certificates of one authority", async () => {
  const authority = newAuthority();
  const { port, connections } = await listen({}, issue(authority));
  const worker = await dial(port, { tls: issue(authority) });
  worker.send(hello);
  expect(await new Promise((resolve) => connections[0]?.onMessage(resolve))).toEqual(hello);
  worker.close();
});

test("without the right certificate there is no connection", async () => {
  const authority = newAuthority();
  const { port, connections } = await listen({}, issue(authority));
  const stranger = newAuthority("another authority");
  const either = expect.objectContaining({ code: expect.stringMatching(/^(TLS|COORDINATOR_UNREACHABLE)$/) });
  await expect(dial(port)).rejects.toThrow(either);
  await expect(dial(port, { tls: issue(stranger) })).rejects.toThrow(failure("TLS"));
  // Believes the coordinator, but is of another authority itself; the coordinator says so after the handshake.
  await expect(dial(port, { tls: { ...issue(stranger), ca: authority.pem } })).rejects.toThrow(either);
  await expect(dial(port, { tls: issue(authority), host: "127.0.0.2" })).rejects.toThrow(either);
  expect(connections).toEqual([]);
});

test("an outdated or foreign-named certificate of the coordinator is refused by the worker", async () => {
  const authority = newAuthority();
  const outdated = await listen({}, issue(authority, { days: -1 }));
  await expect(dial(outdated.port, { tls: issue(authority) })).rejects.toThrow(failure("TLS", /expired/));
  const named = await listen({}, issue(authority, { hosts: ["other.example"] }));
  await expect(dial(named.port, { tls: issue(authority) })).rejects.toThrow(failure("TLS", /name of its certificate/));
});

test("TLS against a coordinator without it is named", async () => {
  const { port } = await listen();
  await expect(dial(port, { tls: issue(newAuthority()) })).rejects.toThrow(failure("TLS", /no TLS/));
});
