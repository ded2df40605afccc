/** Every route: what it answers, that the answer is what its schema says, and that the OpenAPI document knows it. */

import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { MillraceError } from "../../../core/errors.ts";
import { routesOf } from "../../../runtime/rest/rest-server.ts";
import type { Method, Route } from "../../../runtime/rest/route.ts";
import { errorBodySchema } from "../../../runtime/rest/view-schemas.ts";
import { ended, FakeCluster, running, sinkName, vertexId } from "./fake-cluster.ts";
import { type RestFixture, startRest, token } from "./rest-fixture.ts";

// Ajv as Fastify brings it.
const ofFastify = createRequire(import.meta.resolve("fastify"));
const ofCompiler = createRequire(ofFastify.resolve("@fastify/ajv-compiler"));
const { Ajv2020 } = ofCompiler("ajv/dist/2020.js") as {
  readonly Ajv2020: new (
    options: object,
  ) => { validate(schema: object, value: unknown): boolean; errorsText(): string };
};
const ajv = new Ajv2020({ strict: false });

function expectValid(schema: object, value: unknown): void {
  expect(ajv.validate(schema, value), `${ajv.errorsText()} in ${JSON.stringify(value)}`).toBe(true);
}

const code = new TextEncoder().encode("export default 1;\n");
const hash = createHash("sha256").update(code).digest("hex");
const submission = { bundle: hash, workingDirectory: "/srv/jobs", params: { top: 3, on: true, none: null, name: "x" } };
const v = `/jobs/${running}/vertices/${encodeURIComponent(vertexId)}`;
const json = { "content-type": "application/json" };

interface Example {
  readonly method: Method;
  /** Of the route. */
  readonly path: string;
  readonly url: string;
  readonly status?: number;
  readonly init?: RequestInit;
  readonly holds?: unknown;
}

const get = (path: string, url = path, holds: unknown = expect.anything()): Example => ({
  method: "GET",
  path,
  url,
  holds,
});

const examples: readonly Example[] = [
  get("/health", "/health", { healthy: true }),
  get("/ready", "/ready", { ready: true }),
  get("/overview", "/overview", new FakeCluster().overview()),
  get("/openapi.json", "/openapi.json", expect.objectContaining({ openapi: "3.1.0" })),
  get("/jobs", "/jobs", {
    jobs: [
      { id: running, status: "RUNNING" },
      { id: ended, status: "FAILED" },
    ],
  }),
  get("/jobs/overview", "/jobs/overview", { jobs: new FakeCluster().jobs() }),
  get("/jobs/:jid", `/jobs/${running}`, expect.objectContaining({ jid: running, failure: null })),
  get(
    "/jobs/:jid",
    `/jobs/${ended}`,
    expect.objectContaining({ failure: expect.objectContaining({ code: "USER_FUNCTION" }) }),
  ),
  get("/jobs/:jid/plan", `/jobs/${running}/plan`, { plan: expect.objectContaining({ jid: running }) }),
  get("/jobs/:jid/explain", `/jobs/${running}/explain`, "source → map\n"),
  get("/jobs/:jid/exceptions", `/jobs/${ended}/exceptions`),
  get("/jobs/:jid/checkpoints", `/jobs/${running}/checkpoints`, new FakeCluster().checkpoints(running)),
  get("/jobs/:jid/config", `/jobs/${running}/config`),
  get("/jobs/:jid/metrics", `/jobs/${running}/metrics`, { operators: { clicks: { records: "7" } } }),
  get("/jobs/:jid/result", `/jobs/${ended}/result`),
  get("/jobs/:jid/vertices/:vid", v, expect.objectContaining({ id: vertexId })),
  get("/jobs/:jid/vertices/:vid/subtasks/:n", `${v}/subtasks/1`, expect.objectContaining({ subtask: 1 })),
  get(
    "/jobs/:jid/vertices/:vid/backpressure",
    `${v}/backpressure`,
    expect.objectContaining({
      "backpressure-level": "high",
      subtasks: ["ok", "low", "high"].map((level) => expect.objectContaining({ "backpressure-level": level })),
    }),
  ),
  get("/jobs/:jid/rows/:sink", `/jobs/${ended}/rows/${encodeURIComponent(sinkName)}`, {
    rows: [{ row: 0 }, "one", 2, null, { big: "4" }],
    next: 5,
  }),
  get("/jobs/:jid/rows/:sink", `/jobs/${ended}/rows/${encodeURIComponent(sinkName)}?from=1&max=2`, {
    rows: ["one", 2],
    next: 3,
  }),
  get("/jobs/:jid/log", `/jobs/${running}/log`, expect.objectContaining({ next: 2, ended: false })),
  get("/jobs/:jid/log", `/jobs/${ended}/log?from=2`, expect.objectContaining({ next: 3, ended: true })),
  get("/workers", "/workers", { workers: new FakeCluster().workers() }),
  get("/workers/:id", "/workers/worker-1", expect.objectContaining({ id: "worker-1" })),
  get("/taskmanagers", "/taskmanagers", { taskmanagers: new FakeCluster().workers() }),
  get("/taskmanagers/:id", "/taskmanagers/worker-1", expect.objectContaining({ id: "worker-1" })),
  {
    method: "PUT",
    path: "/bundles/:hash",
    url: `/bundles/${hash}`,
    init: { body: code, headers: { "content-type": "application/javascript" } },
  },
  get("/bundles", "/bundles", { bundles: [{ id: hash, size: code.length, uploaded: 1 }] }),
  get("/bundles/:hash", `/bundles/${hash}`, { id: hash, size: code.length, uploaded: 1 }),
  {
    method: "POST",
    path: "/submissions",
    url: "/submissions",
    status: 202,
    init: { body: JSON.stringify({ parallelism: 2 }), headers: json },
    holds: {},
  },
  {
    method: "POST",
    path: "/jobs",
    url: "/jobs",
    status: 201,
    init: { body: JSON.stringify(submission), headers: json },
  },
  { method: "DELETE", path: "/bundles/:hash", url: `/bundles/${hash}`, holds: {} },
  { method: "PATCH", path: "/jobs/:jid", url: `/jobs/${running}?mode=cancel`, status: 202, holds: {} },
  { method: "PATCH", path: "/jobs/:jid", url: `/jobs/${running}`, status: 202, holds: {} },
  { method: "POST", path: "/jobs/:jid/cancel", url: `/jobs/${running}/cancel`, status: 202, holds: {} },
  { method: "POST", path: "/jobs/:jid/stop", url: `/jobs/${running}/stop`, status: 202, holds: {} },
  {
    method: "POST",
    path: "/jobs/:jid/savepoints",
    url: `/jobs/${running}/savepoints`,
    init: { body: JSON.stringify({ "target-directory": "/mine" }), headers: json },
    holds: { location: "/mine" },
  },
];

const routes = routesOf({ service: new FakeCluster(), version: "0" });
const nameOf = ({ method, path }: Pick<Route, "method" | "path">): string => `${method} ${path}`;

test("each route answers as its schema says", async () => {
  const rest = await startRest();
  for (const example of examples) {
    const response = await rest.request(example.method, example.url, example.init);
    const route = routes.find((each) => nameOf(each) === nameOf(example));
    expect([nameOf(example), response.status]).toEqual([nameOf(example), example.status ?? 200]);
    const schema = route?.answers[response.status];
    if (schema === undefined) throw new Error(`${nameOf(example)} has no schema for ${response.status}`);
    const body: unknown = schema === "text" ? await response.text() : await response.json();
    expect(response.headers.get("content-type")).toMatch(schema === "text" ? /^text\/plain/ : /^application\/json/);
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
    if (schema !== "text") expectValid(schema, body);
    if (example.holds !== undefined) expect(body).toEqual(example.holds);
  }
  expect(new Set(examples.map(nameOf))).toEqual(new Set(routes.map(nameOf)));
  expect(rest.faults).toEqual([]);
});

test("the announcement of a submission reaches the cluster, and says as much as is known", async () => {
  const rest = await startRest();
  const post = (body: unknown) => rest.request("POST", "/submissions", { body: JSON.stringify(body), headers: json });
  expect((await post({ parallelism: 2 })).status).toBe(202);
  expect((await post({})).status).toBe(202);
  for (const wrong of [{ parallelism: 0 }, { parallelism: "2" }, { slots: 2 }, []]) {
    expect(await refusal(await post(wrong))).toEqual([400, "BAD_REQUEST"]);
  }
  rest.cluster.isReady = false;
  expect(await refusal(await post({}))).toEqual([503, "NOT_READY"]);
  expect(rest.cluster.expected).toEqual([{ parallelism: 2 }, {}]);
});

test("a submission reaches the cluster as it was sent, and its answer says where the job is", async () => {
  const rest = await startRest();
  const post = () => rest.request("POST", "/jobs", { body: JSON.stringify(submission), headers: json });
  const created = await post();
  expect([created.status, created.headers.get("location")]).toEqual([201, "/v1/jobs/job-new"]);
  rest.cluster.waits = true;
  expect((await post()).status).toBe(202);
  expect(rest.cluster.submitted).toEqual([submission, submission]);
});

async function refusal(response: Response): Promise<unknown> {
  const body: unknown = await response.json();
  expectValid(errorBodySchema, body);
  expect(JSON.stringify(body)).not.toMatch(/\bat .*\.ts:\d|node_modules/);
  return [response.status, (body as { code: string }).code];
}

test.each([
  ["GET", "/jobs/none", 404, "JOB_UNKNOWN"],
  ["GET", "/jobs/none/plan", 404, "JOB_UNKNOWN"],
  ["GET", "/jobs/none/vertices/x", 404, "JOB_UNKNOWN"],
  ["GET", "/jobs/none/rows/x", 404, "JOB_UNKNOWN"],
  ["GET", "/jobs/none/log", 404, "JOB_UNKNOWN"],
  ["POST", "/jobs/none/cancel", 404, "JOB_UNKNOWN"],
  ["GET", `/jobs/${running}/vertices/none`, 404, "NOT_FOUND"],
  ["GET", `${v}/subtasks/3`, 404, "NOT_FOUND"],
  ["GET", `/jobs/${running}/rows/none`, 404, "NOT_FOUND"],
  ["GET", "/workers/none", 404, "NOT_FOUND"],
  ["GET", `/bundles/${hash}`, 404, "NOT_FOUND"],
  ["DELETE", `/bundles/${hash}`, 404, "NOT_FOUND"],
  ["GET", "/nothing", 404, "NOT_FOUND"],
  ["GET", "/jobs/", 400, "BAD_REQUEST"],
  ["POST", `/jobs/${ended}/cancel`, 409, "JOB_ENDED"],
  ["POST", `/jobs/${ended}/stop`, 409, "JOB_ENDED"],
  ["GET", "/jobs/none/checkpoints", 404, "JOB_UNKNOWN"],
  ["PATCH", `/jobs/${running}?mode=stop`, 400, "BAD_REQUEST"],
  ["GET", `${v}/subtasks/-1`, 400, "BAD_REQUEST"],
  ["GET", `${v}/subtasks/1.5`, 400, "BAD_REQUEST"],
  ["GET", `${v}/subtasks/x`, 400, "BAD_REQUEST"],
  ["GET", `/jobs/${running}/log?from=-1`, 400, "BAD_REQUEST"],
  ["GET", `/jobs/${running}/log?form=1`, 400, "BAD_REQUEST"],
  ["GET", `/jobs/${running}/log?from=1&from=2`, 400, "BAD_REQUEST"],
  ["GET", `/jobs/${running}/rows/x?max=1000000`, 400, "BAD_REQUEST"],
  ["GET", `/bundles/${"A".repeat(64)}`, 400, "BAD_REQUEST"],
  ["GET", "/overview?x=1", 400, "BAD_REQUEST"],
])("%s %s is refused with %i %s", async (method, url, status, code) => {
  const rest = await startRest();
  expect(await refusal(await rest.request(method, url))).toEqual([status, code]);
});

test("another method is answered by 405 and those that are allowed, whatever its body", async () => {
  const rest = await startRest();
  for (const path of new Set(routes.map((route) => route.path))) {
    const allowed = routes.filter((route) => route.path === path).map(({ method }) => method as string);
    const url = path.replace(/:\w+/g, "x");
    for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].filter(
      (each) => !allowed.includes(each),
    )) {
      const body = method === "GET" ? {} : { body: "{", headers: json };
      const response = await rest.request(method, url, body);
      expect(await refusal(response)).toEqual([405, "BAD_REQUEST"]);
      expect(response.headers.get("allow")?.split(", ").toSorted()).toEqual(allowed.toSorted());
    }
    expect((await rest.request("HEAD", url)).status).toBe(405);
  }
});

test("everything but /health needs the token", async () => {
  const rest = await startRest();
  for (const example of examples) {
    for (const authorization of ["", "Bearer ", `Bearer ${token}x`, `Basic ${token}`, token]) {
      const response = await rest.request(example.method, example.url, { headers: { authorization } });
      if (example.path === "/health") expect(response.status).toBe(200);
      else {
        expect(response.headers.get("www-authenticate")).toBe('Bearer realm="millrace"');
        expect(await refusal(response)).toEqual([401, "UNAUTHORIZED"]);
      }
    }
  }
  expect(await refusal(await rest.request("GET", "/nothing", { headers: { authorization: "" } }))).toEqual([
    401,
    "UNAUTHORIZED",
  ]);
});

test("before it is ready a coordinator is healthy, and takes neither programs nor jobs", async () => {
  const rest = await startRest();
  rest.cluster.isReady = false;
  expect((await rest.request("GET", "/health")).status).toBe(200);
  expect(await refusal(await rest.request("GET", "/ready"))).toEqual([503, "NOT_READY"]);
  const init = { body: JSON.stringify(submission), headers: json };
  expect(await refusal(await rest.request("POST", "/jobs", init))).toEqual([503, "NOT_READY"]);
  const put = { body: code, headers: { "content-type": "application/javascript" } };
  expect(await refusal(await rest.request("PUT", `/bundles/${hash}`, put))).toEqual([503, "NOT_READY"]);
});

test("what the cluster refuses keeps its name, and a fault's text stays in the log", async () => {
  const rest = await startRest();
  const post = () => rest.request("POST", "/jobs", { body: JSON.stringify(submission), headers: json });
  rest.cluster.refuses = new MillraceError("USER_FUNCTION", "the program threw", {
    cause: new TypeError("x is undefined"),
  });
  const user = await post();
  expect([user.status, await user.json()]).toEqual([
    400,
    {
      errors: ["the program threw", "TypeError: x is undefined"],
      code: "USER_FUNCTION",
      domain: "user",
      retry: "restart",
    },
  ]);
  rest.cluster.refuses = new MillraceError("OUTPUT_UNWRITABLE", "the disk is full");
  expect(await refusal(await post())).toEqual([503, "OUTPUT_UNWRITABLE"]);
  expect(rest.faults).toEqual([]);
  rest.cluster.refuses = new TypeError("secret detail");
  const fault = await post();
  expect(await fault.clone().text()).not.toContain("secret");
  expect(await refusal(fault)).toEqual([500, "INTERNAL"]);
  expect(rest.faults).toEqual([rest.cluster.refuses]);
});

test("the OpenAPI document has every route with its answers, and nothing else", async () => {
  const rest: RestFixture = await startRest();
  const document = (await (await rest.request("GET", "/openapi.json")).json()) as OpenApi;
  expect(document).toMatchObject({
    openapi: "3.1.0",
    info: { title: "Millrace coordinator", version: "0.1.0" },
    components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
    security: [{ token: [] }],
  });
  const described = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, operation })),
  );
  const expected = routes.map(({ method, path }) => `${method} /v1${path.replace(/:(\w+)/g, "{$1}")}`);
  expect(described.map(({ name }) => name).toSorted()).toEqual(expected.toSorted());
  expect(new Set(described.map(({ operation }) => operation.operationId)).size).toBe(routes.length);
  for (const { name, operation } of described) {
    const [, path = ""] = name.split(" ");
    expect(operation.summary).not.toBe("");
    const inPath = (operation.parameters ?? []).filter((each) => each.in === "path").map((each) => `{${each.name}}`);
    expect(inPath).toEqual(path.match(/\{\w+\}/g) ?? []);
    expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(["4XX", "5XX"]));
    for (const { content, description } of Object.values(operation.responses)) {
      expect(description).toMatch(/\w/);
      for (const { schema } of Object.values(content ?? {})) expect(() => ajv.validate(schema, null)).not.toThrow();
    }
  }
  const put = document.paths["/v1/bundles/{hash}"]?.["put"];
  expect(Object.keys(put?.requestBody?.content ?? {})).toEqual(["application/javascript", "text/javascript"]);
  expect(document.paths["/v1/health"]?.["get"]?.security).toEqual([]);
  expect(document.paths["/v1/jobs"]?.["post"]?.requestBody?.content["application/json"]?.schema).toMatchObject({
    required: ["bundle", "workingDirectory"],
    additionalProperties: false,
  });
});

interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly security?: unknown;
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: object }>> };
  readonly responses: Readonly<
    Record<
      string,
      { readonly description: string; readonly content?: Readonly<Record<string, { readonly schema: object }>> }
    >
  >;
}
