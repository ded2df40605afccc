/**
 * What a client sees of what went wrong: the one error body, with a status. What is no fault of the client's and has no
 * name becomes INTERNAL, and its stack goes to the log, never to the client.
 */

import type { Server } from "node:http";
import type { Duplex } from "node:stream";
import type { FastifyInstance, FastifyReply } from "fastify";
import { MillraceError } from "../../core/errors.ts";
import { errorBody, statusOf } from "../wire/error-body.ts";

export type LogFault = (message: string, error: unknown) => void;

/** How much of a client's own words an answer repeats. */
const quotedMax = 200;

export function answerErrors(app: FastifyInstance, logFault: LogFault): void {
  app.setErrorHandler((error, request, reply) => {
    const { known, status } = named(error, logFault, `${request.method} ${request.routeOptions.url ?? request.url}`);
    return answer(reply, known, status);
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.slice(0, quotedMax);
    const known = new MillraceError("NOT_FOUND", `there is no ${request.method} ${path}; see GET /v1/openapi.json`);
    return answer(reply, known, statusOf(known));
  });
}

/** For errors that Fastify finds before there is a route. */
export function answerEarly(error: unknown, reply: FastifyReply, logFault: LogFault): void {
  const { known, status } = named(error, logFault, "a request");
  void answer(reply, known, status);
}

function answer(reply: FastifyReply, error: MillraceError, status: number): FastifyReply {
  if (status === 401) reply.header("www-authenticate", 'Bearer realm="millrace"');
  reply.header("x-content-type-options", "nosniff").header("content-type", "application/json; charset=utf-8");
  return reply.code(status).send(errorBody(error));
}

interface Named {
  readonly known: MillraceError;
  readonly status: number;
}

function named(error: unknown, logFault: LogFault, where: string): Named {
  if (error instanceof MillraceError) {
    const { statusCode: status = statusOf(error) } = error as { readonly statusCode?: number };
    if (status === 500) logFault(`${where} failed`, error);
    return { known: error, status };
  }
  const { statusCode: status = 500, message = "" } = (error ?? {}) as { statusCode?: number; message?: string };
  if (status >= 400 && status < 500) return { known: new MillraceError("BAD_REQUEST", message.slice(0, 1000)), status };
  logFault(`${where} failed`, error);
  const advice = "the coordinator failed to answer; its log has the cause";
  return { known: new MillraceError("INTERNAL", advice), status: 500 };
}

const socketStatuses: Readonly<Record<string, readonly [status: string, message: string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: ["408 Request Timeout", "the request did not come in time"],
  HPE_HEADER_OVERFLOW: ["431 Request Header Fields Too Large", "the address or the headers are too long"],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ["413 Payload Too Large", "the body is too large"],
};

/**
 * For what is no HTTP request, or does not become one in time: an answer on the bare socket, which is then closed. With
 * the answer to an earlier request of the same connection under way it is closed in silence, or the client would take
 * one answer for the other.
 */
export class SocketAnswers {
  readonly #underWay = new WeakMap<Duplex, number>();

  watch(server: Server): void {
    server.on("request", ({ socket }, response) => {
      this.#count(socket, 1);
      response.once("close", () => this.#count(socket, -1));
    });
  }

  answer(error: NodeJS.ErrnoException, socket: Duplex): void {
    const [status, message] = socketStatuses[error.code ?? ""] ?? ["400 Bad Request", "this is no HTTP request"];
    const late = error.code === "ERR_HTTP_REQUEST_TIMEOUT";
    if (error.code === "ECONNRESET" || !socket.writable || (!late && this.#underWay.get(socket))) {
      socket.destroy();
      return;
    }
    const body = JSON.stringify(errorBody(new MillraceError("BAD_REQUEST", message)));
    socket.end(
      `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: application/json; charset=utf-8\r\n` +
        `x-content-type-options: nosniff\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      () => socket.destroy(),
    );
  }

  #count(socket: Duplex, change: 1 | -1): void {
    this.#underWay.set(socket, (this.#underWay.get(socket) ?? 0) + change);
  }
}
