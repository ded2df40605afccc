/** A cluster is closed by default: to strangers, to requests that nobody means well with, and to what cannot show who it is. */

import { existsSync } from "node:fs";
import { readFile, stat, writeFile } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { REST_BODY_BYTES_MAX } from "../../../core/limits.ts";
import type { TlsIdentity } from "../../../runtime/wire/tls.ts";
import { generateToken } from "../../../runtime/wire/token.ts";
import { issue, newAuthority } from "../../runtime/wire/certificates.ts";
import { Cluster, fixturePath, type GatedJob } from "./cluster.ts";
import { endsAllProcesses, millrace, workFolder } from "./processes.ts";

endsAllProcesses();

describe("without TLS, on loopback", async () => {
  const folder = await workFolder();
  let cluster: Cluster;
  let job: GatedJob;
  let token = "";

  beforeAll(async () => {
    cluster = await Cluster.start({ folder: folder.path, args: ["--workers", "1", "--slots", "2"] });
    token = (await readFile(cluster.place.tokenFile, "utf8")).trim();
    job = await cluster.gatedSums();
  });

  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  interface Asked {
    readonly method?: string;
    readonly path: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
  }

  /** As written: `fetch` would mend some of these. */
  async function ask({ method = "GET", path, headers = {}, body }: Asked): Promise<{ status: number; code: string }> {
    const { port } = cluster;
    const authorization = `Bearer ${token}`;
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = request({ host: "127.0.0.1", port, method, path, headers: { authorization, ...headers } }, resolve);
      sent.on("error", reject).end(body);
    });
    const { code } = JSON.parse(await text(response)) as { readonly code: string };
    return { status: response.statusCode ?? 0, code };
  }

  const json = { "content-type": "application/json" };
  const submission = `"bundle":"${"0".repeat(64)}","workingDirectory":"/srv"`;
  const cases: readonly (readonly [string, Asked, number, string])[] = [
    [
      "another token",
      { path: "/v1/jobs", headers: { authorization: `Bearer ${generateToken()}` } },
      401,
      "UNAUTHORIZED",
    ],
    ["no token", { path: "/v1/jobs", headers: { authorization: "" } }, 401, "UNAUTHORIZED"],
    ["a foreign Host", { path: "/v1/jobs", headers: { host: "example.org" } }, 403, "FORBIDDEN"],
    ["a foreign Origin", { path: "/v1/jobs", headers: { origin: "http://example.org" } }, 403, "FORBIDDEN"],
    ["a path out of the jobs", { path: "/v1/jobs/..%2f..%2ftoken" }, 400, "BAD_REQUEST"],
    [
      "a path out of the bundles",
      {
        method: "PUT",
        path: "/v1/bundles/..%2f..%2ftoken",
        headers: { "content-type": "application/javascript" },
        body: "",
      },
      400,
      "BAD_REQUEST",
    ],
    ["a job called __proto__", { path: "/v1/jobs/__proto__" }, 404, "JOB_UNKNOWN"],
    [
      "a field __proto__",
      { method: "POST", path: "/v1/jobs", headers: json, body: `{${submission},"__proto__":{"parallelism":2}}` },
      400,
      "BAD_REQUEST",
    ],
    [
      "a huge body",
      { method: "POST", path: "/v1/jobs", headers: json, body: `{${submission}}${" ".repeat(REST_BODY_BYTES_MAX)}` },
      413,
      "BAD_REQUEST",
    ],
    ["half a JSON", { method: "POST", path: "/v1/jobs", headers: json, body: `{${submission}` }, 400, "BAD_REQUEST"],
  ];

  test.each(cases)("%s is refused by name", async (_, asked, status, code) => {
    expect(await ask(asked)).toEqual({ status, code });
  });

  test("the job that runs all the while is undisturbed", async () => {
    expect((await cluster.client.job(job.jid)).state).toBe("RUNNING");
    job.open();
    expect((await cluster.expectSums(job.jid, 1)).restarts).toBe(0);
    expect(await cluster.exceptions(job.jid)).toEqual([]);
  });

  test("only its user can read the token and what is in the data folder", async () => {
    const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;
    expect(await modeOf(cluster.place.tokenFile)).toBe(0o600);
    expect(await modeOf(cluster.data)).toBe(0o700);
    expect(await modeOf(join(cluster.data, "run"))).toBe(0o700);
  });

  test("a worker with another token is refused and ends", async () => {
    const other = join(folder.path, "other-token");
    await writeFile(other, `${generateToken()}\n`, { mode: 0o600 });
    const { code, stderr } = await millrace(["worker", "--token-file", other], { cwd: folder.path });
    expect(stderr).toMatch(/^error UNAUTHORIZED: .*another token than this cluster's/m);
    expect(code).toBe(2);
    expect(await cluster.client.workers()).toHaveLength(1);
  });

  test("a token that others can read is refused", async () => {
    const open = join(folder.path, "open-token");
    await writeFile(open, `${token}\n`, { mode: 0o644 });
    const { code, stderr } = await millrace(["list", "--token-file", open], { cwd: folder.path });
    expect(stderr).toMatch(/^error TOKEN_FILE: /m);
    expect(code).toBe(2);
  });

  test("a worker's exchange does not listen for other machines", async () => {
    const { code, stderr } = await millrace(["worker", "--exchange-host", "0.0.0.0"], { cwd: folder.path });
    expect(stderr).toMatch(/^error INSECURE: "0\.0\.0\.0" can be reached from other machines/m);
    expect(code).toBe(2);
  });

  test("a coordinator does not listen for other machines, and touches nothing", async () => {
    const data = join(folder.path, "untouched");
    const { code, stderr } = await millrace(["coordinator", "--host", "0.0.0.0", "--data", data], { cwd: folder.path });
    expect(stderr).toMatch(/^error INSECURE: "0\.0\.0\.0" can be reached from other machines/m);
    expect(code).toBe(2);
    expect(existsSync(data)).toBe(false);
  });
});

describe("processes that show certificates", async () => {
  const folder = await workFolder();
  const authority = newAuthority();

  /** The options of a process with this identity. */
  async function tlsArgs(name: string, identity: TlsIdentity): Promise<string[]> {
    const file = async (part: "cert" | "key" | "ca"): Promise<string> => {
      const path = join(folder.path, `${name}-${part}.pem`);
      await writeFile(path, identity[part], { mode: 0o600 });
      return path;
    };
    return ["--tls-cert", await file("cert"), "--tls-key", await file("key"), "--tls-ca", await file("ca")];
  }

  afterAll(() => folder[Symbol.asyncDispose]());

  test.each(["127.0.0.1", "0.0.0.0"])("a coordinator on %s and two workers over TCP run a job", async (host) => {
    const tls = issue(authority);
    const own = await tlsArgs("coordinator", tls);
    await using cluster = await Cluster.coordinator({ folder: folder.path, args: ["--host", host, ...own], tls });
    const coordinator = ["--coordinator", `127.0.0.1:${cluster.port}`];
    for (const name of ["one", "two"]) {
      const shown = await tlsArgs(name, issue(authority));
      const { pid } = await cluster.worker([...coordinator, "--slots", "1", "--exchange-host", "127.0.0.1", ...shown]);
      expect((await cluster.member(pid)).exchange).toMatch(/^tcp:127\.0\.0\.1:\d+$/);
    }
    const submitted = await millrace(
      ["submit", fixturePath("sums"), "--param", "count=1000", ...coordinator, ...own, "--detach"],
      { cwd: folder.path },
    );
    expect(submitted.code, submitted.stderr).toBe(0);
    const jid = submitted.stdout.trim();
    expect((await cluster.expectSums(jid, 1)).restarts).toBe(0);

    const stranger = await tlsArgs("stranger", issue(newAuthority("another authority")));
    const refused = await millrace(["worker", ...coordinator, ...stranger], { cwd: folder.path });
    expect(refused.stderr).toMatch(/^error TLS: /m);
    expect(refused.code).toBe(2);
    const plain = await millrace(
      ["list", ...coordinator, "--data", "elsewhere", "--token-file", cluster.place.tokenFile],
      {
        cwd: folder.path,
      },
    );
    expect(plain.stderr).toMatch(/^error (TLS|NOT_A_COORDINATOR|COORDINATOR_UNREACHABLE): /m);
    expect(plain.code).not.toBe(0);
    expect(await cluster.client.workers()).toHaveLength(2);
  });

  test("cluster start for other machines: its own commands and workers reach it by a name of its certificate", async () => {
    const tls = issue(authority);
    const args = ["--host", "0.0.0.0", "--workers", "2", "--slots", "1", ...(await tlsArgs("cluster", tls))];
    await using cluster = await Cluster.start({ folder: folder.path, args, tls });
    const listed = await millrace(["workers", "--json"], { cwd: folder.path });
    expect(listed.code, listed.stderr).toBe(0);
    const submitted = await millrace(["submit", fixturePath("sums"), "--param", "count=1000", "--detach"], {
      cwd: folder.path,
    });
    expect(submitted.code, submitted.stderr).toBe(0);
    expect((await cluster.expectSums(submitted.stdout.trim(), 1)).restarts).toBe(0);
  });
});
