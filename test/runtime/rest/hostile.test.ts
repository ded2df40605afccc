/**
 * Requests that nobody means well with. Each gets a named 4xx, or has its connection cut; never a 5xx, and the server
 * answers afterwards.
 */

import { connect } from "node:net";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { BUNDLE_BYTES_MAX, REST_BODY_BYTES_MAX } from "../../../core/limits.ts";
import { running } from "./fake-cluster.ts";
import { head, type RestFixture, startRest, token } from "./rest-fixture.ts";

const json = { "content-type": "application/json" };
const submission = { bundle: "0".repeat(64), workingDirectory: "/srv" };

/** Reports after the test that the server is well, and that nothing of it was its own fault. */
async function startAndWatch(...options: Parameters<typeof startRest>): Promise<RestFixture> {
  const rest = await startRest(...options);
  const { rest: server } = rest;
  onTestFinished(() => expect(rest.faults).toEqual([]));
  expect(server.server.listening).toBe(true);
  return rest;
}

async function expectWell(rest: RestFixture): Promise<void> {
  expect((await rest.request("GET", "/health")).status).toBe(200);
  expect(rest.cluster.submitted).toEqual([]);
  expect(rest.faults).toEqual([]);
}

async function expectRefused(response: Response, ...statuses: readonly number[]): Promise<void> {
  const body = (await response.json()) as { readonly errors: readonly string[]; readonly code: string };
  expect(statuses, JSON.stringify(body)).toContain(response.status);
  expect(body.code).toMatch(/^[A-Z_]+$/);
  expect(body.errors[0]).toMatch(/\w/);
  expect(JSON.stringify(body).length).toBeLessThan(4000);
}

/** The statuses of the answers on a bare connection, each with the one error body. */
function statusesOf(answer: string): number[] {
  for (const each of answer.split(/(?=HTTP\/1\.1 [45])/).filter((one) => /^HTTP\/1\.1 [45]/.test(one))) {
    expect(each).toMatch(/\r\nx-content-type-options: nosniff\r\n/);
    expect(each).toMatch(/\r\n\r\n\{"errors":\["[^"]+.*"code":"[A-Z_]+"/);
  }
  return [...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]));
}

const post = (rest: RestFixture, body: string | Uint8Array<ArrayBuffer>) =>
  rest.request("POST", "/jobs", { body, headers: json });

test("malformed JSON", async () => {
  const rest = await startAndWatch();
  const whole = JSON.stringify(submission);
  const broken = fc.oneof(
    fc.nat(whole.length - 1).map((length) => whole.slice(0, length)),
    fc.string({ maxLength: 200 }),
    fc.constantFrom("", " ", "[", "nul", "{}{}", "'a'", "{a:1}", "\ufeff{}", "\u0000", "NaN", `${whole},`, `${whole}}`),
  );
  await fc.assert(
    fc.asyncProperty(broken, async (body) => expectRefused(await post(rest, body), 400)),
    { numRuns: 150 },
  );
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), async (body) => {
      await expectRefused(await post(rest, new Uint8Array(body)), 400);
    }),
    { numRuns: 50 },
  );
  await expectWell(rest);
});

test("JSON of another shape", async () => {
  const rest = await startAndWatch();
  const field = fc.constantFrom(
    "bundle",
    "workingDirectory",
    "parallelism",
    "params",
    "paramTexts",
    "slotHeapMb",
    "state",
    "other",
  );
  const wrong = fc.oneof(
    fc.jsonValue().filter((value) => typeof value !== "object" || value === null || Array.isArray(value)),
    fc.record({ bundle: fc.jsonValue() }),
    // Each of these is wrong for every field.
    fc
      .tuple(field, fc.constantFrom<unknown>([{}], { a: { b: 1 } }, "", -1, 0.5, true, null))
      .map(([name, value]) => ({ ...submission, [name]: value })),
    fc.constantFrom({ ...submission, parallelism: "4" }, { ...submission, workingDirectory: "relative/folder" }),
    fc.constantFrom({ ...submission, workingDirectory: "/a\u0000b" }, { ...submission, bundle: "../".repeat(20) }),
  );
  await fc.assert(
    fc.asyncProperty(wrong, async (body) => expectRefused(await post(rest, JSON.stringify(body)), 400)),
    { numRuns: 150 },
  );
  await expectWell(rest);
});

test("prototypes in JSON", async () => {
  const rest = await startAndWatch();
  const poisons = [
    '{"__proto__":{"isAdmin":true}}',
    `{"bundle":"${"0".repeat(64)}","workingDirectory":"/srv","__proto__":{"parallelism":3}}`,
    `{"bundle":"${"0".repeat(64)}","workingDirectory":"/srv","params":{"__proto__":{"a":1}}}`,
    `{"bundle":"${"0".repeat(64)}","workingDirectory":"/srv","params":{"constructor":{"prototype":{"a":1}}}}`,
    `{"bundle":"${"0".repeat(64)}","workingDirectory":"/srv","params":{"\\u005f\\u005fproto__":{"a":1}}}`,
    `{"bundle":"${"0".repeat(64)}","workingDirectory":"/srv","params":{"__proto__":1}}`,
    '{"constructor":{"prototype":{"polluted":1}}}',
  ];
  for (const body of poisons) await expectRefused(await post(rest, body), 400);
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  await expectWell(rest);
});

test("deeply nested JSON", async () => {
  const rest = await startAndWatch();
  const depth = 100_000;
  for (const body of [
    "[".repeat(depth),
    `${"[".repeat(depth)}${"]".repeat(depth)}`,
    `${'{"a":'.repeat(40_000)}1${"}".repeat(40_000)}`,
  ]) {
    await expectRefused(await post(rest, body), 400);
  }
  await expectWell(rest);
});

test("bodies that are too large, announced or not", async () => {
  const rest = await startAndWatch();
  const announced = await rest.raw(
    head("POST /v1/jobs", { ...json, "content-length": String(REST_BODY_BYTES_MAX + 1) }),
  );
  expect(statusesOf(announced)).toEqual([413]);
  const code = { "content-type": "application/javascript", "content-length": String(BUNDLE_BYTES_MAX + 1) };
  expect(statusesOf(await rest.raw(head(`PUT /v1/bundles/${"0".repeat(64)}`, code)))).toEqual([413]);
  const chunk = `10000\r\n${"x".repeat(0x10000)}\r\n`;
  const chunks = Array.from({ length: REST_BODY_BYTES_MAX / 0x10000 + 1 }, () => chunk);
  const unannounced = await rest.raw(head("POST /v1/jobs", { ...json, "transfer-encoding": "chunked" }), ...chunks);
  expect(statusesOf(unannounced)).toEqual([413]);
  await expectWell(rest);
});

test("bodies of other types, or where none is expected", async () => {
  const rest = await startAndWatch();
  for (const type of [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/xml",
    "x",
    "",
  ]) {
    await expectRefused(
      await rest.request("POST", "/jobs", { body: "a=1", headers: { "content-type": type } }),
      400,
      415,
    );
  }
  for (const [type, status] of [
    ["application/json", 400],
    ["text/plain", 415],
  ] as const) {
    const init = { body: "{}", headers: { "content-type": type } };
    await expectRefused(await rest.request("PUT", `/bundles/${"0".repeat(64)}`, init), status);
  }
  await expectRefused(
    await rest.request("POST", "/jobs", { body: "export {}", headers: { "content-type": "text/javascript" } }),
    400,
  );
  await expectRefused(await rest.request("POST", "/jobs"), 400);
  await expectWell(rest);
});

test("a program under another hash, or none", async () => {
  const rest = await startAndWatch();
  const init = (body: string) => ({ body, headers: { "content-type": "application/javascript" } });
  await expectRefused(await rest.request("PUT", `/bundles/${"0".repeat(64)}`, init("export {}")), 400);
  await expectRefused(await rest.request("PUT", `/bundles/${"0".repeat(64)}`, init("")), 400);
  expect(rest.cluster.stored.size).toBe(0);
  await expectWell(rest);
});

const foreignHosts = [
  "evil.example",
  "evil.example:80",
  "127.0.0.1.evil.example",
  "localhost.evil.example",
  "localhost@evil.example",
  "192.168.0.1",
  "[::2]",
  "0.0.0.0",
  "",
  "localhost:99999999",
  "local host",
];

test.each(foreignHosts)("a foreign Host: %s", async (host) => {
  const rest = await startAndWatch();
  for (const line of ["GET /v1/overview", "GET /v1/health", "GET /v1/none", "POST /v1/jobs"]) {
    expect(statusesOf(await rest.raw(head(line, { host })))).toEqual([403]);
  }
  await expectWell(rest);
});

test("no Host, two Hosts, and a whole address in the request line", async () => {
  const rest = await startAndWatch();
  const authorization = `authorization: Bearer ${token}\r\nconnection: close\r\n\r\n`;
  for (const version of ["1.0", "1.1"]) {
    expect(statusesOf(await rest.raw(`GET /v1/overview HTTP/${version}\r\n${authorization}`))).toEqual([403]);
  }
  for (const hosts of ["host: localhost\r\nhost: evil.example\r\n", "host: evil.example\r\nhost: localhost\r\n"]) {
    expect(
      statusesOf(await rest.raw(`GET /v1/overview HTTP/1.1\r\n${hosts}${authorization}`))[0],
    ).toBeGreaterThanOrEqual(400);
  }
  expect(statusesOf(await rest.raw(head("GET http://evil.example/v1/overview")))).toEqual([400]);
  expect(statusesOf(await rest.raw(head("GET http://localhost/v1/overview")))).toEqual([400]);
  await expectWell(rest);
});

test("hosts of this machine and those that were allowed are right, with any port", async () => {
  const rest = await startAndWatch({ allowHosts: ["cluster.example"] });
  for (const host of [
    "localhost",
    "LOCALHOST:1",
    "127.0.0.1:8081",
    "127.0.0.2",
    "[::1]:80",
    "cluster.example",
    "Cluster.Example:443",
  ]) {
    expect(statusesOf(await rest.raw(head("GET /v1/overview", { host })))).toEqual([200]);
  }
});

test("a foreign Origin", async () => {
  const rest = await startAndWatch();
  const host = `localhost:${rest.port}`;
  for (const origin of [
    "http://evil.example",
    "null",
    "",
    `https://${host}`,
    "http://localhost",
    `http://${host}.evil.example`,
    "file://",
    "x",
  ]) {
    for (const line of ["GET /v1/overview", "POST /v1/jobs", "OPTIONS /v1/jobs", "GET /v1/health"]) {
      const answer = await rest.raw(head(line, { host, origin }));
      expect(statusesOf(answer)).toEqual([403]);
      expect(answer).not.toMatch(/access-control/i);
    }
  }
  expect(statusesOf(await rest.raw(head("GET /v1/overview", { host, origin: `http://${host}` })))).toEqual([200]);
  await expectWell(rest);
});

test("paths that climb, and ids that are none", async () => {
  const rest = await startAndWatch();
  const climbing = [
    "..%2f..%2fetc%2fpasswd",
    "..",
    "%2e%2e",
    "..%5c..%5cx",
    "%252e%252e%252f",
    "a%00b",
    "%2fetc",
    "~",
    "a%0d%0ab",
    "*",
  ];
  const places = [
    (id: string) => `/v1/jobs/${id}`,
    (id: string) => `/v1/jobs/${running}/vertices/${id}`,
    (id: string) => `/v1/jobs/${running}/rows/${id}`,
    (id: string) => `/v1/bundles/${id}`,
    (id: string) => `/v1/workers/${id}`,
    (id: string) => `/v1/${id}`,
  ];
  for (const place of places) {
    for (const id of climbing) {
      const [status, ...more] = statusesOf(await rest.raw(head(`GET ${place(id)}`)));
      expect(more).toEqual([]);
      expect([400, 404], place(id)).toContain(status);
    }
  }
  for (const path of ["/v1/%", "/v1/jobs/%zz", "/v1/jobs/%c3%28", "//v1/jobs/x/../..", "/v1/../v1/jobs/..", "*", "/"]) {
    expect([400, 404], path).toContain(statusesOf(await rest.raw(head(`GET ${path}`)))[0]);
  }
  await expectWell(rest);
});

test("any path and query", async () => {
  const rest = await startAndWatch();
  const piece = fc.oneof(
    fc.webPath(),
    fc.string({ maxLength: 50 }).map(encodeURIComponent),
    fc.constantFrom("/jobs/", "..", "%", "//", ";", "?", "&="),
  );
  const method = fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "MILL");
  await fc.assert(
    fc.asyncProperty(
      method,
      fc.array(piece, { minLength: 1, maxLength: 5 }),
      fc.webQueryParameters(),
      async (verb, pieces, query) => {
        const path = `/v1/x${pieces.join("")}?${query}`.replace(/[^\x21-\x7e]/g, "");
        const answer = await rest.raw(head(`${verb} ${path}`));
        const [status = 0] = statusesOf(answer);
        expect(status, `${verb} ${path}: ${answer}`).toBeGreaterThanOrEqual(400);
        expect(status, `${verb} ${path}: ${answer}`).toBeLessThan(500);
      },
    ),
    { numRuns: 200 },
  );
  await expectWell(rest);
});

test("very long addresses and many headers", async () => {
  const rest = await startAndWatch();
  expect(statusesOf(await rest.raw(head(`GET /v1/${"a".repeat(100_000)}`)))).toEqual([431]);
  expect(statusesOf(await rest.raw(head(`GET /v1/jobs/${"a".repeat(4000)}`)))).toEqual([414]);
  expect(statusesOf(await rest.raw(head("GET /v1/overview", { "x-long": "a".repeat(100_000) })))).toEqual([431]);
  const many = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`x-${index}`, "y"]));
  expect(statusesOf(await rest.raw(head("GET /v1/overview", many)))).toEqual([431]);
  await expectWell(rest);
});

test("what is no HTTP", async () => {
  // What may still become a request is waited for.
  const rest = await startAndWatch({ headersWithinMs: 800 });
  const noise = fc
    .uint8Array({ minLength: 1, maxLength: 300 })
    .map((bytes) => Buffer.concat([bytes, Buffer.from("\r\n\r\n")]));
  await fc.assert(
    fc.asyncProperty(noise, async (bytes) => {
      for (const status of statusesOf(await rest.raw(bytes))) expect([400, 408]).toContain(status);
    }),
    { numRuns: 100 },
  );
  for (const text of [
    "\u0016\u0003\u0001\u0002\u0000\u0001",
    "GET\r\n\r\n",
    "GET / HTTP/9.9\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  ]) {
    expect(statusesOf(await rest.raw(text))).toEqual([400]);
  }
  await expectWell(rest);
});

test("garbage behind good requests closes the connection, and never passes for their answer", async () => {
  const rest = await startAndWatch();
  const good = head("GET /v1/health", { connection: "keep-alive" });
  for (const parts of [[`${good}${good}garbage that is no request\r\n\r\n`], [good, good, "\u0000\u0001"]]) {
    const statuses = statusesOf(await rest.raw(...parts));
    expect([[], [200], [200, 200], [200, 200, 400]]).toContainEqual(statuses);
  }
  await expectWell(rest);
});

test("two lengths, or a length and chunks: what smuggling is made of", async () => {
  const rest = await startAndWatch();
  const smuggled = "GET /v1/health HTTP/1.1\r\nhost: localhost\r\n\r\n";
  for (const lengths of [
    "content-length: 0\r\ncontent-length: 5",
    "content-length: 5\r\ntransfer-encoding: chunked",
    "transfer-encoding: x, chunked, x",
  ]) {
    const request = `POST /v1/jobs HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${token}\r\n${lengths}\r\n\r\n0\r\n\r\n${smuggled}`;
    expect(statusesOf(await rest.raw(request))[0]).toBe(400);
  }
  await expectWell(rest);
});

test("headers and bodies that never come whole are given up", async () => {
  const rest = await startAndWatch({ headersWithinMs: 800, requestWithinMs: 1200 });
  const [nothing, headers, body] = await Promise.all([
    rest.raw(),
    rest.raw("GET /v1/overview HTTP/1.1\r\nhost: localhost\r\nx: "),
    rest.raw(head("POST /v1/jobs", { ...json, "content-length": "100" }), '{"bundle"'),
  ]);
  expect([nothing, headers, body].map(statusesOf)).toEqual([[408], [408], [408]]);
  await expectWell(rest);
});

test("connections beyond the cap are cut, and an ended one makes room", async () => {
  const rest = await startAndWatch({ connectionsMax: 2 });
  const idle = Array.from({ length: 2 }, () => connect(rest.port, "127.0.0.1"));
  await Promise.all(idle.map((socket) => new Promise((resolve) => socket.once("connect", resolve))));
  await expect
    .poll(() => new Promise((resolve) => rest.rest.server.getConnections((_, count) => resolve(count))))
    .toBe(2);
  expect(await rest.raw(head("GET /v1/health"))).toBe("");
  for (const socket of idle) socket.destroy();
  await expect.poll(async () => statusesOf(await rest.raw(head("GET /v1/health")))).toEqual([200]);
  await expectWell(rest);
});

test("an expectation that nobody knows is ignored", async () => {
  const rest = await startAndWatch();
  expect(statusesOf(await rest.raw(head("GET /v1/overview", { expect: "the unexpected" })))).toEqual([200]);
  expect(statusesOf(await rest.raw(head("GET /v1/none", { expect: "the unexpected" })))).toEqual([404]);
});

test("an upgrade that nobody offers", async () => {
  const rest = await startAndWatch();
  for (const upgrade of ["websocket", "h2c", "millrace-control"]) {
    const answer = await rest.raw(head("GET /v1/control", { connection: "Upgrade, close", upgrade }));
    expect(statusesOf(answer)).toEqual([404]);
  }
  await expectWell(rest);
});
