/** A coordinator's REST interface with fixed answers, over real HTTP: for tests of commands. */
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll } from "vitest";

export interface Asked {
  readonly method: string;
  /** With its query, without "/v1". */
  readonly path: string;
  readonly body: string;
}

/** `METHOD /path` → what is answered: data as JSON, a text as it is, or an error. */
export type Answers = Readonly<Record<string, unknown>>;

export class Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;

  constructor(status: number, code: string, message: string) {
    this.status = status;
    this.code = code;
    this.message = message;
  }
}

export interface FakeCoordinator {
  readonly address: string;
  readonly port: number;
  /** What was asked so far, oldest first. */
  readonly asked: Asked[];
  /** Replaces all answers. A function is called with what was asked. */
  answer(answers: Answers): void;
}

export const token = "fake-token-0123456789";

export async function fakeCoordinator(): Promise<FakeCoordinator> {
  const asked: Asked[] = [];
  let answers: Answers = {};
  const server = createServer(async (request, response) => {
    const { method = "", url = "" } = request;
    const ask = { method, path: url.replace(/^\/v1/, ""), body: await bodyOf(request) };
    asked.push(ask);
    const answer = request.headers.authorization === `Bearer ${token}` ? answerTo(answers, ask) : unauthorized;
    if (answer instanceof Refusal) {
      const { status, code, message } = answer;
      response
        .writeHead(status, { "content-type": "application/json" })
        .end(JSON.stringify({ errors: [message], code, domain: "user", retry: "never" }));
    } else if (typeof answer === "string") response.writeHead(200, { "content-type": "text/plain" }).end(answer);
    else response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    port,
    asked,
    answer(next) {
      answers = next;
    },
  };
}

const unauthorized = new Refusal(401, "UNAUTHORIZED", "no token");

function answerTo(answers: Answers, ask: Asked): unknown {
  const answer = answers[`${ask.method} ${ask.path}`];
  if (answer === undefined) return new Refusal(404, "NOT_FOUND", `nothing at ${ask.method} ${ask.path}`);
  return typeof answer === "function" ? answer(ask) : answer;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request) body += chunk;
  return body;
}
