/** A REST server over the fake cluster, for one test; and bare sockets to it. */

import { connect } from "node:net";
import { onTestFinished } from "vitest";
import { type RestServer, type RestServerOptions, startRestServer } from "../../../runtime/rest/rest-server.ts";
import { FakeCluster } from "./fake-cluster.ts";

export const token = "the-token-of-these-tests";

export interface RestFixture {
  readonly cluster: FakeCluster;
  readonly rest: RestServer;
  readonly port: number;
  /** What the server has logged as its own faults. */
  readonly faults: unknown[];
  request(method: string, path: string, init?: RequestInit): Promise<Response>;
  /** Sends bytes and gives back all that comes until the server closes. */
  raw(...parts: readonly (string | Uint8Array)[]): Promise<string>;
}

export async function startRest(options: Partial<RestServerOptions> = {}): Promise<RestFixture> {
  const cluster = new FakeCluster();
  const faults: unknown[] = [];
  const rest = await startRestServer({
    host: "127.0.0.1",
    port: 0,
    token,
    version: "0.1.0",
    service: cluster,
    logFault: (_message, error) => faults.push(error),
    ...options,
  });
  onTestFinished(() => rest.close());
  const { port } = rest.address;
  return {
    cluster,
    rest,
    port,
    faults,
    request: (method, path, init = {}) =>
      fetch(`http://127.0.0.1:${port}/v1${path}`, {
        method,
        ...init,
        headers: { authorization: `Bearer ${token}`, ...(init.headers as Record<string, string>) },
      }),
    raw: (...parts) => exchange(port, parts),
  };
}

function exchange(port: number, parts: readonly (string | Uint8Array)[]): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk.toString("latin1");
    });
    // The server may cut the connection while this side still sends.
    socket.on("error", () => socket.destroy());
    socket.on("end", () => socket.end());
    socket.on("close", () => resolve(answer));
    for (const part of parts) socket.write(part);
  });
}

/** The head of a request that is right but for what a test adds or replaces. */
export function head(requestLine: string, headers: Readonly<Record<string, string>> = {}): string {
  const all = { host: "localhost", authorization: `Bearer ${token}`, connection: "close", ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${requestLine} HTTP/1.1\r\n${lines.join("")}\r\n`;
}
