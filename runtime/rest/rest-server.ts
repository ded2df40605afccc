/**
 * The REST interface of a coordinator: Fastify over a `ClusterService`, and the HTTP server on which workers upgrade to
 * control connections.
 *
 * A request passes, in this order: caps on headers and time (Node), Host and Origin, the token, the route, caps on the
 * body, the schemas, and only then the service.
 */

import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type FastifyInstance, type FastifyServerOptions, fastify } from "fastify";
import { MillraceError } from "../../core/errors.ts";
import {
  REST_BODY_BYTES_MAX,
  REST_CONNECTIONS_MAX,
  REST_HEADER_BYTES_MAX,
  REST_HEADERS_WITHIN_MS,
  REST_KEEP_ALIVE_MS,
  REST_REQUEST_WITHIN_MS,
} from "../../core/limits.ts";
import { formatAddress, type NetworkAddress } from "../wire/address.ts";
import { checkListen } from "../wire/listen-rule.ts";
import { type AccessRules, checkSite, checkToken } from "../wire/request-guard.ts";
import { serverTls } from "../wire/tls.ts";
import { clusterRoutes } from "./cluster-routes.ts";
import { answerEarly, answerErrors, type LogFault, SocketAnswers } from "./error-answers.ts";
import { jobRoutes } from "./job-routes.ts";
import { mountRoutes } from "./mount-routes.ts";
import type { Route } from "./route.ts";
import { anything } from "./schema.ts";
import { lazyValidation, warmUp } from "./validation.ts";
import type { ClusterService } from "./views.ts";

export interface RestServerOptions extends NetworkAddress, AccessRules {
  readonly service: ClusterService;
  readonly version: string;
  readonly connectionsMax?: number;
  /** Gets what no client is told. */
  readonly logFault: LogFault;
  readonly headersWithinMs?: number;
  readonly requestWithinMs?: number;
}

export interface RestServer {
  /** Where it listens, with the port that it got when 0 was asked for. */
  readonly address: NetworkAddress;
  /** For `acceptControl`, with `access`. */
  readonly server: Server;
  /** Who may talk to this coordinator. */
  readonly access: AccessRules;
  /** Loads what the first request would have to wait for; costs about 80 ms and 8 MB. */
  warmUp(): void;
  /** Takes no further request, lets those under way end for a moment, and closes all connections. */
  close(): Promise<void>;
}

/** How often Node looks for requests that are too slow. */
const slowCheckEveryMs = 500;
const closeGraceMs = 2_000;
const idleWithinMs = 60_000;

/** @throws INSECURE; BAD_OPTION when the address cannot be listened on. */
export async function startRestServer(options: RestServerOptions): Promise<RestServer> {
  checkListen(options.host, { token: options.token, tls: options.tls });
  const socketAnswers = new SocketAnswers();
  const app = fastify({
    ...serverOptions(options),
    clientErrorHandler: (error, socket) => socketAnswers.answer(error, socket),
  }) as unknown as FastifyInstance;
  socketAnswers.watch(app.server);
  // Here Node takes what the options of Fastify do not.
  app.server.maxConnections = options.connectionsMax ?? REST_CONNECTIONS_MAX;
  // What else a client expects but to be told to continue is ignored, as HTTP allows.
  app.server.on("checkExpectation", (request, response) => app.server.emit("request", request, response));
  const access = accessOf(options);
  guard(app, access);
  answerErrors(app, options.logFault);
  mountRoutes(app, routesOf(options));
  await listen(app, options);
  const { port } = app.server.address() as AddressInfo;
  return {
    address: { host: options.host, port },
    server: app.server,
    access,
    warmUp,
    close: () => close(app),
  };
}

export function routesOf({ service, version }: Pick<RestServerOptions, "service" | "version">): readonly Route[] {
  const routes: Route[] = [...clusterRoutes(service), ...jobRoutes(service)];
  let document: Promise<object> | undefined;
  routes.push({
    method: "GET",
    path: "/openapi.json",
    summary: "This interface as an OpenAPI document",
    answers: { 200: anything },
    answer: async () => {
      document ??= import("./openapi.ts").then(({ openApiDocument }) => openApiDocument(routes, version));
      return { body: await document };
    },
  });
  return routes;
}

function serverOptions(options: RestServerOptions): FastifyServerOptions {
  const slow = {
    headersTimeout: options.headersWithinMs ?? REST_HEADERS_WITHIN_MS,
    connectionsCheckingInterval: slowCheckEveryMs,
    maxHeaderSize: REST_HEADER_BYTES_MAX,
    // Refused by the guard, with the body that all errors have.
    requireHostHeader: false,
  };
  const transport = options.tls === undefined ? { http: slow } : { https: { ...slow, ...serverTls(options.tls) } };
  return {
    ...transport,
    bodyLimit: REST_BODY_BYTES_MAX,
    requestTimeout: options.requestWithinMs ?? REST_REQUEST_WITHIN_MS,
    connectionTimeout: idleWithinMs,
    keepAliveTimeout: REST_KEEP_ALIVE_MS,
    forceCloseConnections: "idle",
    onProtoPoisoning: "error",
    onConstructorPoisoning: "error",
    exposeHeadRoutes: false,
    // Names of operators, each sign escaped.
    routerOptions: { maxParamLength: 1024 },
    schemaController: lazyValidation,
    frameworkErrors: (error, _request, reply) => answerEarly(error, reply, options.logFault),
  } as FastifyServerOptions;
}

/** Listening everywhere gives no name to be called by: that has to be given, or to stand in the certificate. */
function accessOf({ host, token, tls, allowHosts = [] }: RestServerOptions): AccessRules {
  const own = host === "0.0.0.0" || host === "::" ? [] : [host];
  return { token, tls, allowHosts: [...allowHosts, ...own] };
}

function guard(app: FastifyInstance, rules: AccessRules): void {
  app.addHook("onRequest", async (request, reply) => {
    reply.header("x-content-type-options", "nosniff").header("cache-control", "no-store");
    checkSite(request.raw, rules);
    const { open } = request.routeOptions.config as { readonly open?: boolean };
    if (open !== true) checkToken(request.raw, rules);
  });
}

async function listen(app: FastifyInstance, { host, port }: NetworkAddress): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === undefined || !/^E[A-Z]+$/.test(code)) throw cause;
    const reason = code === "EADDRINUSE" ? "another process listens there" : code;
    const advice = "choose another port, or 0 for a free one";
    throw new MillraceError("BAD_OPTION", `cannot listen on ${formatAddress({ host, port })}: ${reason}; ${advice}`, {
      cause,
    });
  }
}

async function close(app: FastifyInstance): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), closeGraceMs);
  try {
    await app.close();
  } finally {
    clearTimeout(timer);
  }
}
