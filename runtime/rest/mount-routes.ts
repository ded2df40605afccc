/** Gives the routes to Fastify, and answers 405 where a path exists with other methods. */

import type { FastifyInstance, FastifySchema, HTTPMethods } from "fastify";
import { MillraceError } from "../../core/errors.ts";
import { BUNDLE_BYTES_MAX } from "../../core/limits.ts";
import { noQuery } from "./request-schemas.ts";
import type { Answer, Call, Route } from "./route.ts";
import { errorBodySchema } from "./view-schemas.ts";

export const API_PREFIX = "/v1";

const methods: readonly HTTPMethods[] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const codeTypes = ["application/javascript", "text/javascript"];
/** Any text: the cluster checks it by its hash. */
const codeBody = { content: Object.fromEntries(codeTypes.map((type) => [type, { schema: {} }])) };

export function mountRoutes(app: FastifyInstance, routes: readonly Route[]): void {
  app.addContentTypeParser(codeTypes, { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  app.removeContentTypeParser("text/plain");
  for (const route of routes) mount(app, route);
  for (const path of new Set(routes.map((route) => route.path))) {
    refuseOthers(
      app,
      path,
      routes.filter((route) => route.path === path).map(({ method }) => method),
    );
  }
}

function mount(app: FastifyInstance, route: Route): void {
  app.route({
    method: route.method,
    url: `${API_PREFIX}${route.path}`,
    schema: schemaOf(route),
    config: { open: route.open === true },
    ...(route.takesCode === true ? { bodyLimit: BUNDLE_BYTES_MAX } : {}),
    handler: async (request, reply) => {
      const { params, query, body } = request;
      const answer = await route.answer({ params, query, body } as Call);
      reply.code(answer.status ?? 200).type(typeOf(route, answer));
      if (answer.location !== undefined) reply.header("location", `${API_PREFIX}${answer.location}`);
      return reply.send(answer.body);
    },
  });
}

function typeOf({ answers }: Route, { status = 200 }: Answer): string {
  return answers[status] === "text" ? "text/plain; charset=utf-8" : "application/json; charset=utf-8";
}

/** What is checked, and beside it what the OpenAPI document says. */
function schemaOf(route: Route): FastifySchema {
  const { params, query = noQuery, body, answers, summary, open } = route;
  return {
    ...(params === undefined ? {} : { params }),
    querystring: query,
    ...(body === undefined ? {} : { body }),
    summary,
    operationId: operationId(route),
    ...(route.takesCode === true ? { body: codeBody } : {}),
    ...(open === true ? { security: [] } : {}),
    response: {
      ...Object.fromEntries(Object.entries(answers).map(([status, schema]) => [status, described(schema)])),
      "4xx": { description: "What was wrong with the request", ...errorBodySchema },
      "5xx": { description: "Why the coordinator cannot answer now", ...errorBodySchema },
    },
  } as FastifySchema;
}

function described(schema: Route["answers"][number]): object {
  if (schema !== "text") return { description: "Done", ...schema };
  return { description: "Done", content: { "text/plain": { schema: { type: "string" } } } };
}

/** "GET /jobs/:jid/plan" is getJobsJidPlan. */
function operationId({ method, path }: Route): string {
  const words = path.split(/[^A-Za-z]+/).filter((word) => word !== "");
  return [method.toLowerCase(), ...words.map((word) => `${word[0]?.toUpperCase()}${word.slice(1)}`)].join("");
}

function refuseOthers(app: FastifyInstance, path: string, allowed: readonly string[]): void {
  const allow = allowed.join(", ");
  app.route({
    method: methods.filter((method) => !allowed.includes(method)),
    url: `${API_PREFIX}${path}`,
    schema: { hide: true } as FastifySchema,
    // Before a body is looked at, which this path may not even take.
    onRequest: async (request, reply) => {
      reply.header("allow", allow);
      const message = `${request.method} is not for this path, which knows ${allow}`;
      throw Object.assign(new MillraceError("BAD_REQUEST", message), { statusCode: 405 });
    },
    handler: () => {},
  });
}
