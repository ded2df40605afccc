/** A process of a cluster, started as a user would start it, and ended by its id whatever was done to it. Knows no test runner. */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

const root = resolve(import.meta.dirname, "../../..");
const command = join(root, "runtime/cli/millrace.ts");

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What was started and has not ended, and children of it that were told to the test. */
const running = new Set<Process>();
const strangers = new Set<number>();

/** Ends whatever has been left: by ids, and stopped ones too. */
export async function endAll(): Promise<void> {
  for (const pid of strangers) if (isAlive(pid)) process.kill(pid, "SIGKILL");
  await Promise.all([...running].map((each) => each.end()));
}

/** A process that is not this one's child, and has to be gone at the end too. */
export function watch(pid: number): void {
  strangers.add(pid);
}

export class Process {
  readonly child: ChildProcess;
  readonly stdout: string[] = [];
  readonly stderr: string[] = [];
  readonly ended: Promise<Ended>;
  readonly #listeners = new Set<() => void>();

  constructor(args: readonly string[], options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv }) {
    this.child = spawn(process.execPath, [command, ...args], {
      cwd: options.cwd,
      env: { ...process.env, NO_COLOR: "1", ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.ended = new Promise((done) => this.child.once("close", (code, signal) => done({ code, signal })));
    running.add(this);
    void this.ended.then(() => running.delete(this));
    this.#read(this.child.stdout, this.stdout);
    this.#read(this.child.stderr, this.stderr);
  }

  get pid(): number {
    return this.child.pid as number;
  }

  /** Resolves with the first line, printed or to be printed, that fits. Rejects when the process ends without. */
  async line(fits: RegExp, stream: "stdout" | "stderr" = "stdout"): Promise<string> {
    const lines = this[stream];
    return await new Promise((found, failed) => {
      const look = (): void => {
        const line = lines.find((text) => fits.test(text));
        if (line === undefined) return;
        this.#listeners.delete(look);
        found(line);
      };
      this.#listeners.add(look);
      look();
      void this.ended.then(({ code, signal }) => {
        look();
        failed(new Error(`ended (${code ?? signal}) without a line like ${fits}:\n${this.stderr.join("\n")}`));
      });
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async end(): Promise<Ended> {
    // A stopped process takes no other signal but this one.
    this.signal("SIGKILL");
    return await this.ended;
  }

  #read(stream: NodeJS.ReadableStream | null, into: string[]): void {
    if (stream === null) return;
    createInterface({ input: stream }).on("line", (line) => {
      into.push(line);
      for (const listener of this.#listeners) listener();
    });
  }
}

/** Runs a command to its end. */
export async function millrace(
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv },
): Promise<Ended & { readonly stdout: string; readonly stderr: string }> {
  const started = new Process(args, options);
  const ended = await started.ended;
  return { ...ended, stdout: started.stdout.join("\n"), stderr: started.stderr.join("\n") };
}

/** A folder of the test's own, removed at the end. */
export async function workFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  // Short, as the paths of unix sockets are limited.
  const path = await mkdtemp(join(tmpdir(), "mr-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) };
}

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
