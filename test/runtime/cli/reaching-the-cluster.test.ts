/** How commands find their cluster, what `millrace doctor` says of it, and how they speak to terminals and pipes. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ownVersion } from "../../../runtime/version.ts";
import { tempFolder } from "../../connectors/temp-folder.ts";
import {
  beginsWithJobs,
  collected,
  command,
  coordinator,
  env,
  folder,
  millrace,
  summary,
  tokenFile,
} from "./on-fake-cluster.ts";

beginsWithJobs();

describe("where the coordinator is", () => {
  const elsewhere = tempFolder();

  test("by options and by environment variables, from any folder", async () => {
    const byOption = ["--coordinator", coordinator.address, "--token-file", tokenFile];
    expect((await millrace(["list", ...byOption], { cwd: elsewhere.path })).status).toBe(0);
    const variables = { MILLRACE_COORDINATOR: coordinator.address, MILLRACE_TOKEN_FILE: tokenFile };
    expect((await millrace(["list"], { cwd: elsewhere.path, env: variables })).status).toBe(0);
    expect((await millrace(["list", "--data", join(folder.path, ".millrace")], { cwd: elsewhere.path })).status).toBe(
      0,
    );
  });

  test.each([
    [["list"], 2, /^error TOKEN_FILE: cannot read the token file .*\.millrace\/token; give --token-file/],
    [["list", "--coordinator", "nowhere", "--token-file", tokenFile], 2, /^error BAD_OPTION: expected an address/],
    [
      ["list", "--coordinator", "127.0.0.1:1", "--token-file", tokenFile],
      3,
      /^error COORDINATOR_UNREACHABLE: no connection to 127\.0\.0\.1:1: nothing listens there/,
    ],
    [["list", "--coordinator", "10.1.2.3:1", "--token-file", tokenFile], 2, /^error INSECURE: /],
    [
      ["list", "--tls-cert", "x", "--coordinator", "127.0.0.1:1", "--token-file", tokenFile],
      2,
      /^error BAD_OPTION: --tls-cert, --tls-key and --tls-ca belong together/,
    ],
  ])("millrace %j ends with %i", async (args, status, message) => {
    const run = await millrace(args, { cwd: elsewhere.path });
    expect(run.stderr).toMatch(message);
    expect(run.status).toBe(status);
  });

  test("a token that is not the cluster's is refused", async () => {
    const other = elsewhere.write("token", "another-token-0123456789\n");
    chmodSync(other, 0o600);
    const { status, stderr } = await millrace(["list", "--token-file", other]);
    expect(stderr).toMatch(/^error UNAUTHORIZED/);
    expect(status).toBe(2);
  });

  test("a damaged cluster.json is named", async () => {
    elsewhere.write(".millrace/cluster.json", "{");
    const { stderr } = await millrace(["list"], { cwd: elsewhere.path });
    expect(stderr).toMatch(/^error BAD_OPTION: \.millrace\/cluster\.json cannot be used; delete it/);
  });
});

describe("millrace doctor", () => {
  const overview = { "cluster-id": "c1", "millrace-version": ownVersion(), workers: 2, "slots-available": 4 };

  test("looks at the host and at the cluster that was started in this folder", async () => {
    coordinator.answer({ "GET /overview": overview });
    const { stdout, status } = await millrace(["doctor", "--json"]);
    const findings: { check: string; status: string; detail: string }[] = JSON.parse(stdout);
    const cluster = new Map(findings.map(({ check, ...rest }) => [check, rest]));
    expect(cluster.get("coordinator")).toMatchObject({
      status: "ok",
      detail: expect.stringMatching(/2 workers, 4 free/),
    });
    expect(cluster.get("clock skew")).toMatchObject({ status: "ok" });
    expect(cluster.get("port")).toMatchObject({ status: "ok", detail: `${coordinator.address} is the coordinator's` });
    expect(findings.map(({ check }) => check)).toEqual(
      expect.arrayContaining([
        "node",
        "memory",
        "disk",
        "clock",
        "file descriptors",
        "threads",
        "compile cache",
        "token",
      ]),
    );
    expect(status).toBe(findings.some((finding) => finding.status === "bad") ? 1 : 0);
  });

  test("what has to be mended is BAD, with exit code 1", async () => {
    const { stdout, status } = await millrace(["doctor", "--coordinator", "127.0.0.1:1", "--kafka", "127.0.0.1:1"]);
    expect(stdout).toMatch(/^BAD {5}coordinator {7}no connection to 127\.0\.0\.1:1/m);
    expect(stdout).toMatch(/^BAD {5}kafka {13}no TCP connection to 127\.0\.0\.1:1: ECONNREFUSED$/m);
    expect(status).toBe(1);
  });
});

test("colours only on terminals, or where they are forced", async () => {
  const forced = await millrace(["list", "--coordinator", "127.0.0.1:1"], {
    env: { NO_COLOR: undefined, FORCE_COLOR: "1" },
  });
  expect(forced.stderr.startsWith("\u001b[31m")).toBe(true);
  expect((await millrace(["list", "--coordinator", "127.0.0.1:1"])).stderr).toMatch(/^error /);
});

test("a reader that has seen enough ends the command quietly", async () => {
  const many = Array.from({ length: 5000 }, (_, at) => summary(`job-${at}`, "x".repeat(60)));
  coordinator.answer({ "GET /jobs/overview": { jobs: many } });
  const child = spawn(process.execPath, [command, "list", "--json"], {
    cwd: folder.path,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const stderr = collected(child.stderr);
  child.stdout.once("data", () => child.stdout.destroy());
  const [code] = await once(child, "close");
  expect({ code, stderr }).toEqual({ code: 0, stderr: [] });
});
