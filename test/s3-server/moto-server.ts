/**
 * A real S3-compatible server for tests: moto's, of PyPI, which checks signatures and permissions when it is told to.
 *
 * It is the one of MILLRACE_MOTO_SERVER, else one in a virtual environment of Python in the user's cache folder, which
 * `install` makes there once. Not whatever the PATH has: earlier versions take right signatures for wrong ones.
 */

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { AwsClient } from "aws4fetch";

const VERSION = "5.2.5";
const READY_TRIES = 300;
const READY_PAUSE_MS = 100;

/** Requests that are answered before anybody has a name: those that make the one who asks from then on. */
const NAMELESS = 3;

export interface S3Server {
  /** As a process gets them. */
  readonly env: Readonly<Record<string, string>>;
  /** A location in a bucket that is there. */
  readonly bucket: string;
  stop(): Promise<void>;
}

function cached(): string {
  const root = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  return join(root, "millrace", `moto-${VERSION}`);
}

/** The server's program; undefined: it is not here. */
export function motoServer(): string | undefined {
  const installed = join(cached(), "bin", "moto_server");
  return process.env["MILLRACE_MOTO_SERVER"] ?? (existsSync(installed) ? installed : undefined);
}

/** Takes a minute, once. @throws what Python answers. */
export async function installMotoServer(): Promise<string> {
  const run = promisify(execFile);
  await run("python3", ["-m", "venv", cached()]);
  await run(join(cached(), "bin", "pip"), ["install", "--quiet", `moto[server]==${VERSION}`]);
  return join(cached(), "bin", "moto_server");
}

export async function startS3Server(program: string): Promise<S3Server> {
  const port = await freePort();
  const env = { ...process.env, INITIAL_NO_AUTH_ACTION_COUNT: String(NAMELESS) };
  const child = spawn(program, ["-H", "127.0.0.1", "-p", String(port)], { stdio: "ignore", env });
  const endpoint = `http://127.0.0.1:${port}`;
  try {
    await ready(child, endpoint);
    const keys = await someone(endpoint);
    const bucket = "checkpoints";
    await new AwsClient({ ...keys, service: "s3", region: "us-east-1" }).fetch(`${endpoint}/${bucket}`, {
      method: "PUT",
    });
    return {
      env: {
        AWS_ACCESS_KEY_ID: keys.accessKeyId,
        AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
        AWS_ENDPOINT_URL_S3: endpoint,
        AWS_REGION: "us-east-1",
      },
      bucket: `s3://${bucket}`,
      stop: () => end(child),
    };
  } catch (error) {
    await end(child);
    throw error;
  }
}

async function ready(child: ChildProcess, endpoint: string): Promise<void> {
  for (let tries = 0; tries < READY_TRIES && child.exitCode === null; tries++) {
    const answered = await fetch(`${endpoint}/moto-api/`).then(
      () => true,
      () => false,
    );
    if (answered) return;
    await sleep(READY_PAUSE_MS);
  }
  throw new Error(`the S3 server at ${endpoint} does not answer`);
}

/** Somebody who may do everything with objects, and nothing else. */
async function someone(endpoint: string): Promise<{ accessKeyId: string; secretAccessKey: string }> {
  const nobody = new AwsClient({ accessKeyId: "none", secretAccessKey: "none", service: "iam", region: "us-east-1" });
  const ask = async (action: Readonly<Record<string, string>>): Promise<string> => {
    const response = await nobody.fetch(`${endpoint}/`, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ Version: "2010-05-08", UserName: "tester", ...action }).toString(),
    });
    return await response.text();
  };
  const mayAll = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "s3:*", Resource: "*" }] };
  await ask({ Action: "CreateUser" });
  await ask({ Action: "PutUserPolicy", PolicyName: "all", PolicyDocument: JSON.stringify(mayAll) });
  const keys = await ask({ Action: "CreateAccessKey" });
  const field = (name: string): string => new RegExp(`<${name}>([^<]*)`).exec(keys)?.[1] ?? "";
  return { accessKeyId: field("AccessKeyId"), secretAccessKey: field("SecretAccessKey") };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}
