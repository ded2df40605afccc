/** A schema registry for tests: the part of Confluent's protocol that clients of messages need, and ways to fail. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

interface Stored {
  readonly schema: string;
  readonly schemaType?: string;
  readonly references?: readonly { readonly name: string; readonly subject: string; readonly version: number }[];
}

export interface RegistryServer extends AsyncDisposable {
  readonly url: string;
  /** Requests that came, as "GET /schemas/ids/1". */
  readonly requests: string[];
  /** The authorization of the last one. */
  authorization: string | undefined;
  /** Answers these first, one a request. */
  readonly failures: { readonly status: number; readonly body?: string }[];
  register(subject: string, stored: Stored): number;
}

/** Listens on loopback, on a port of its own. */
export async function startRegistry(): Promise<RegistryServer> {
  const schemas: Stored[] = [];
  const subjects = new Map<string, number[]>();
  const register = (subject: string, stored: Stored): number => {
    const text = JSON.stringify(stored);
    let at = schemas.findIndex((each) => JSON.stringify(each) === text);
    if (at < 0) at = schemas.push(stored) - 1;
    const versions = subjects.get(subject) ?? [];
    if (!versions.includes(at)) subjects.set(subject, [...versions, at]);
    return at + 1;
  };
  const answer = (request: IncomingMessage, body: string): { status: number; body: unknown } => {
    const url = decodeURIComponent(request.url ?? "");
    const byId = /^\/schemas\/ids\/(\d+)$/.exec(url);
    const byVersion = /^\/subjects\/([^/]+)\/versions\/(\d+)$/.exec(url);
    const posted = /^\/subjects\/([^/]+)\/versions$/.exec(url);
    if (posted !== null && request.method === "POST")
      return { status: 200, body: { id: register(posted[1] as string, JSON.parse(body) as Stored) } };
    const at =
      byVersion === null ? Number(byId?.[1]) - 1 : subjects.get(byVersion[1] as string)?.[Number(byVersion[2]) - 1];
    const found = schemas[at ?? -1];
    if (found === undefined) return { status: 404, body: { error_code: 40403, message: "Schema not found" } };
    return { status: 200, body: byVersion === null ? found : { subject: byVersion[1], id: (at ?? 0) + 1, ...found } };
  };
  const server = createServer(async (request: IncomingMessage, response: ServerResponse) => {
    let body = "";
    for await (const part of request) body += String(part);
    made.requests.push(`${request.method} ${request.url}`);
    made.authorization = request.headers.authorization;
    const failure = made.failures.shift();
    const { status, body: said } =
      failure === undefined ? answer(request, body) : { status: failure.status, body: failure.body };
    response.writeHead(status, { "content-type": "application/vnd.schemaregistry.v1+json" });
    response.end(typeof said === "string" ? said : JSON.stringify(said ?? {}));
  });
  const listening = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", listening.resolve);
  await listening.promise;
  const made: RegistryServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    authorization: undefined,
    failures: [],
    register,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return made;
}
