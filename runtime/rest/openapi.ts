/**
 * The OpenAPI document, written from the routes themselves by a Fastify instance that listens nowhere. Made at the first
 * request for it: its plugin is needed for nothing else.
 */

import { fastify } from "fastify";
import { mountRoutes } from "./mount-routes.ts";
import type { Route } from "./route.ts";
import { lazyValidation } from "./validation.ts";

export async function openApiDocument(routes: readonly Route[], version: string): Promise<object> {
  const { fastifySwagger } = await import("@fastify/swagger");
  const app = fastify({ schemaController: lazyValidation, exposeHeadRoutes: false });
  await app.register(fastifySwagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: "Millrace coordinator", description: "Jobs, workers and programs of one cluster.", version },
      components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
      security: [{ token: [] }],
    },
  });
  await app.register(async (inner) => mountRoutes(inner, routes));
  await app.ready();
  const document = app.swagger();
  await app.close();
  return document;
}
