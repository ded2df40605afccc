/** The cluster as a whole: overview, health, workers, bundles. */

import { MillraceError } from "../../core/errors.ts";
import type { BundleHash } from "../cluster-ids.ts";
import { bundleParams, workerParams } from "./request-schemas.ts";
import { type Answer, known, type Route } from "./route.ts";
import { boolean, fieldsOf } from "./schema.ts";
import { bundle, empty, listing, overview, worker } from "./view-schemas.ts";
import type { ClusterService } from "./views.ts";

export function clusterRoutes(service: ClusterService): readonly Route[] {
  return [...stateRoutes(service), ...workerRoutes(service), ...bundleRoutes(service)];
}

function stateRoutes(service: ClusterService): readonly Route[] {
  return [
    {
      method: "GET",
      path: "/health",
      summary: "Whether the coordinator's process answers",
      open: true,
      answers: { 200: fieldsOf<{ healthy: boolean }>({ healthy: boolean }) },
      answer: () => ({ body: { healthy: true } }),
    },
    {
      method: "GET",
      path: "/ready",
      summary: "Whether workers may register and jobs be submitted; 503 until then",
      answers: { 200: fieldsOf<{ ready: boolean }>({ ready: boolean }) },
      answer: () => {
        checkReady(service);
        return { body: { ready: true } };
      },
    },
    {
      method: "GET",
      path: "/overview",
      summary: "The cluster in numbers",
      answers: { 200: overview },
      answer: () => ({ body: service.overview() }),
    },
  ];
}

/** By both names: Millrace's and Flink's. */
function workerRoutes(service: ClusterService): readonly Route[] {
  return ["workers", "taskmanagers"].flatMap((name): Route[] => [
    {
      method: "GET",
      path: `/${name}`,
      summary: "The workers, with slots, labels and memory",
      answers: { 200: listing(name, worker) },
      answer: () => ({ body: { [name]: service.workers() } }),
    },
    {
      method: "GET",
      path: `/${name}/:id`,
      summary: "One worker",
      params: workerParams,
      answers: { 200: worker },
      answer: ({ params: { id = "" } }) => ({
        body: known(
          service.workers().find((each) => each.id === id),
          `worker ${id}`,
          `/${name}`,
        ),
      }),
    },
  ]);
}

function bundleRoutes(service: ClusterService): readonly Route[] {
  const find = async (hash: string) =>
    known(
      (await service.bundles()).find(({ id }) => id === hash),
      `bundle ${hash}`,
      "/bundles",
    );
  const answers = { 200: bundle };
  return [
    {
      method: "GET",
      path: "/bundles",
      summary: "The stored programs",
      answers: { 200: listing("bundles", bundle) },
      answer: async () => ({ body: { bundles: await service.bundles() } }),
    },
    {
      method: "GET",
      path: "/bundles/:hash",
      summary: "One stored program: its size and when it came",
      params: bundleParams,
      answers,
      answer: async ({ params: { hash = "" } }) => ({ body: await find(hash) }),
    },
    {
      method: "PUT",
      path: "/bundles/:hash",
      summary: "Stores a bundled program under its SHA-256",
      params: bundleParams,
      takesCode: true,
      answers,
      answer: ({ params: { hash = "" }, body }) => putBundle(service, hash, body),
    },
    {
      method: "DELETE",
      path: "/bundles/:hash",
      summary: "Removes a stored program",
      params: bundleParams,
      answers: { 200: empty },
      answer: async ({ params: { hash = "" } }) => {
        known((await service.deleteBundle(hash as BundleHash)) || undefined, `bundle ${hash}`, "/bundles");
        return { body: {} };
      },
    },
  ];
}

async function putBundle(service: ClusterService, hash: string, body: unknown): Promise<Answer> {
  checkReady(service);
  if (!(body instanceof Uint8Array) || body.length === 0) {
    throw new MillraceError("BAD_REQUEST", "expected the program's text as application/javascript, got no body");
  }
  return { body: await service.putBundle(hash as BundleHash, body) };
}

/** @throws NOT_READY */
export function checkReady(service: ClusterService): void {
  if (service.ready()) return;
  throw new MillraceError("NOT_READY", "the coordinator is starting or stopping; try again in a moment");
}
