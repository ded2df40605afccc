import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { get } from "node:https";
import { expect, onTestFinished, test } from "vitest";
import { MillraceError } from "../../../core/errors.ts";
import { BUNDLE_BYTES_MAX } from "../../../core/limits.ts";
import type { BundleHash } from "../../../runtime/cluster-ids.ts";
import { RestClient, type RestClientOptions } from "../../../runtime/rest/client.ts";
import { acceptControl } from "../../../runtime/wire/accept-control.ts";
import { connectControl } from "../../../runtime/wire/connect-control.ts";
import { clientTls } from "../../../runtime/wire/tls.ts";
import { issue, newAuthority } from "../wire/certificates.ts";
import { ended, running, sinkName, vertexId } from "./fake-cluster.ts";
import { startRest, token } from "./rest-fixture.ts";

function clientOf(port: number, options: Partial<RestClientOptions> = {}): RestClient {
  const client = new RestClient({ host: "127.0.0.1", port, token, ...options });
  onTestFinished(() => client.close());
  return client;
}

const failure = (code: string, message = /./) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });
const code = new TextEncoder().encode("export default 1;\n");
const hash = createHash("sha256").update(code).digest("hex") as BundleHash;

test("a client reads what the cluster says", async () => {
  const { cluster, port } = await startRest();
  const client = clientOf(port);
  expect(await client.overview()).toEqual(cluster.overview());
  expect(await client.jobs()).toEqual(cluster.jobs());
  expect(await client.job(running)).toEqual(cluster.job(running));
  expect(await client.plan(running)).toEqual(cluster.job(running)?.plan);
  expect(await client.explain(running)).toBe("source → map\n");
  expect(await client.vertex(running, vertexId)).toEqual(cluster.vertex(running, vertexId));
  expect(await client.config(running)).toEqual(cluster.config(running));
  expect(await client.metrics(running)).toEqual({ operators: { clicks: { records: "7" } } });
  expect((await client.exceptions(ended)).exceptionHistory.entries).toHaveLength(1);
  expect((await client.result(ended)).collected).toEqual({ [sinkName]: 5 });
  expect(await client.rows(ended, sinkName, 3, 10)).toEqual({ rows: [null, { big: "4" }], next: 5 });
  expect(await client.workers()).toEqual(cluster.workers());
  await client.ready();
});

test("a client announces a program, stores it, submits it, and ends jobs", async () => {
  const { cluster, port } = await startRest();
  const client = clientOf(port);
  expect(await client.putBundle(hash, code)).toEqual({ id: hash, size: code.length, uploaded: 1 });
  expect(await client.bundles()).toHaveLength(1);
  await client.expectSubmission({ parallelism: 3 });
  expect(cluster.expected).toEqual([{ parallelism: 3 }]);
  const request = { bundle: hash, workingDirectory: "/srv", paramTexts: ["top=3"] };
  expect((await client.submit(request)).jid).toBe("job-new");
  expect(cluster.submitted).toEqual([request]);
  await client.cancel(running);
  await client.stop(running);
  await client.deleteBundle(hash);
  expect(await client.bundles()).toEqual([]);
});

test("a large program arrives whole", async () => {
  const { port } = await startRest();
  const large = new Uint8Array(8_000_000).fill(32);
  const name = createHash("sha256").update(large).digest("hex") as BundleHash;
  expect((await clientOf(port).putBundle(name, large)).size).toBe(large.length);
  await expect(clientOf(port).putBundle(name, new Uint8Array(BUNDLE_BYTES_MAX + 1))).rejects.toThrow(
    failure("BAD_REQUEST"),
  );
});

test("the coordinator's errors come out as the same errors, with what led to them", async () => {
  const { cluster, port } = await startRest();
  const client = clientOf(port);
  await expect(client.job("none")).rejects.toThrow(failure("JOB_UNKNOWN"));
  await expect(client.cancel(ended)).rejects.toThrow(failure("JOB_ENDED"));
  await expect(clientOf(port, { token: `${token}x` }).jobs()).rejects.toThrow(failure("UNAUTHORIZED"));
  cluster.refuses = new MillraceError("USER_FUNCTION", "the program threw", {
    operator: "parse",
    cause: new Error("outer", { cause: new TypeError("inner") }),
  });
  const error = await client.submit({ bundle: hash, workingDirectory: "/srv" }).catch((each: unknown) => each);
  expect(error).toBeInstanceOf(MillraceError);
  expect(error).toMatchObject({
    code: "USER_FUNCTION",
    message: "the program threw",
    operator: "parse",
    cause: { message: "Error: outer", cause: { message: "TypeError: inner" } },
  });
});

test("a log is followed to its end", async () => {
  const { cluster, port } = await startRest();
  const client = clientOf(port);
  cluster.logLines = Array.from({ length: 7 }, (_, line) => `line ${line}`);
  const lines: string[] = [];
  for await (const { message } of client.followLog(ended)) lines.push(message);
  expect(lines).toEqual(cluster.logLines);
});

test("a log of a running job goes on with what comes, until the reader has enough", async () => {
  const { cluster, port } = await startRest();
  const client = clientOf(port);
  const stop = new AbortController();
  const lines: string[] = [];
  for await (const { message } of client.followLog(running, { from: 1, everyMs: 5, signal: stop.signal })) {
    lines.push(message);
    if (message === "third") cluster.logLines.push("later");
    if (message === "later") stop.abort();
  }
  expect(lines).toEqual(["second", "third", "later"]);
});

test("who is no coordinator, or hangs, is named", async () => {
  await expect(clientOf(1).jobs()).rejects.toThrow(failure("COORDINATOR_UNREACHABLE", /nothing listens/));
  let answer = "<html>";
  const server = createServer((_, response) => {
    if (answer !== "") response.end(answer);
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { readonly port: number }).port));
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await expect(clientOf(port).jobs()).rejects.toThrow(failure("NOT_A_COORDINATOR", /no JSON/));
  answer = "";
  await expect(clientOf(port, { timeoutMs: 50 }).jobs()).rejects.toThrow(
    failure("COORDINATOR_UNREACHABLE", /within 50 ms/),
  );
});

test("a token goes to another machine by TLS only", () => {
  expect(() => new RestClient({ host: "192.0.2.1", port: 1, token })).toThrow(failure("INSECURE"));
});

test("a kept connection that the server has closed is opened again", async () => {
  const { port, rest } = await startRest();
  const client = clientOf(port);
  for (let round = 0; round < 20; round++) {
    await client.jobs();
    rest.server.closeIdleConnections();
  }
});

test("REST and control share one port, with and without TLS", async () => {
  const authority = newAuthority();
  for (const tls of [undefined, issue(authority)]) {
    const { port, rest } = await startRest({ tls });
    const acceptor = acceptControl(rest.server, {
      ...rest.access,
      onConnection: (connection) => connection.onMessage(() => {}),
    });
    const identity = tls === undefined ? undefined : issue(authority);
    const worker = await connectControl({ host: "127.0.0.1", port, token, tls: identity, timeoutMs: 5000 });
    worker.onMessage(() => {});
    const client = clientOf(port, { tls: identity });
    expect(await client.jobs()).toHaveLength(2);
    await expect(clientOf(port, { tls: identity, token: `${token}x` }).jobs()).rejects.toThrow(failure("UNAUTHORIZED"));
    await acceptor.close("stopping");
    expect((await worker.closed).kind).toBe("ended");
    expect(await client.jobs()).toHaveLength(2);
  }
});

test("with mutual TLS nobody without a certificate gets an answer", async () => {
  const authority = newAuthority();
  const { port } = await startRest({ tls: issue(authority) });
  const either = expect.objectContaining({ code: expect.stringMatching(/^(TLS|COORDINATOR_UNREACHABLE)$/) });
  await expect(clientOf(port).jobs()).rejects.toThrow(either);
  await expect(clientOf(port, { tls: issue(newAuthority("another")) }).jobs()).rejects.toThrow(either);
  await expect(
    clientOf(port, { tls: { ...issue(newAuthority("another")), ca: authority.pem } }).jobs(),
  ).rejects.toThrow(either);
});

test("a coordinator is called by the names of its certificate, on all addresses too", async () => {
  const authority = newAuthority();
  const tls = issue(authority, { hosts: ["127.0.0.1", "*.cluster.example"] });
  const { port } = await startRest({ tls, host: "0.0.0.0" });
  const identity = issue(authority);
  const statusFor = (host: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const options = {
        host: "127.0.0.1",
        port,
        path: "/v1/health",
        headers: { host },
        agent: false,
        ...clientTls(identity),
        // The client would refuse what the server is to refuse here.
        checkServerIdentity: () => undefined,
      };
      get(options, (response) => resolve(response.resume().statusCode)).on("error", reject);
    });
  expect(await statusFor("one.cluster.example")).toBe(200);
  expect(await statusFor("127.0.0.1:1")).toBe(200);
  for (const host of ["evil.example", "cluster.example.evil.example", "0.0.0.0", "192.0.2.1"])
    expect(await statusFor(host)).toBe(403);
});

test("an open address is refused without TLS, and a taken one is named", async () => {
  await expect(startRest({ host: "0.0.0.0" })).rejects.toThrow(failure("INSECURE"));
  const { port } = await startRest();
  await expect(startRest({ port })).rejects.toThrow(failure("BAD_OPTION", /another process listens/));
});

test("closing waits for nobody who keeps a connection open", async () => {
  const { rest, port } = await startRest();
  await clientOf(port).jobs();
  await rest.close();
  await expect(clientOf(port).jobs()).rejects.toThrow(failure("COORDINATOR_UNREACHABLE"));
});
