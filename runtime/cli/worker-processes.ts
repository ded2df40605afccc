/**
 * The workers of `millrace cluster start`: child processes that live and die with it.
 *
 *   starting ──process ends──► waiting ──delay──► starting
 *       │                         │ too many ends within a minute
 *       └──stop──► stopping       └──► given up
 *
 * - Each has a pipe on its standard input, which closes when this process ends in whatever way, and a worker that was
 *   started so ends then. The first line on it says where the coordinator is: workers load while it starts.
 * - One that ends by itself is started again, later each time, and no longer when that does not help.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { duration } from "./quantity.ts";

export interface WorkerProcessesOptions {
  readonly count: number;
  /** The program and its arguments. */
  readonly command: readonly [string, ...string[]];
  /** What happens to them, for people. */
  readonly say: (text: string) => void;
  /** Waits before the first restart; each further one within a minute doubles it. Default 250 ms. */
  readonly restartAfterMs?: number;
}

/** Ends within `RECENT_MS` after which a worker is not started again: something is wrong that time does not mend. */
export const RESTARTS_MAX = 5;
const RECENT_MS = 60_000;

/** What a worker may take to end its slots: they have ten seconds for their files and connections. */
const STOP_GRACE_MS = 15_000;

export class WorkerProcesses {
  readonly #options: WorkerProcessesOptions;
  readonly #workers: WorkerProcess[];
  readonly #givenUp = Promise.withResolvers<void>();

  /** Starts them at once; they wait for `greet`. */
  constructor(options: WorkerProcessesOptions) {
    this.#options = options;
    let left = options.count;
    const givenUp = (): void => {
      if (--left === 0) this.#givenUp.resolve();
    };
    this.#workers = Array.from({ length: options.count }, (_, at) => new WorkerProcess(at + 1, options, givenUp));
  }

  /** Resolves when none of them is started again. */
  get givenUp(): Promise<void> {
    return this.#givenUp.promise;
  }

  /** Those that end from now on do so because they were told to. */
  expectEnds(): void {
    for (const worker of this.#workers) worker.expectEnd();
  }

  /** Tells those that run, and those to come, where the coordinator is: a line of text. */
  greet(line: string): void {
    for (const worker of this.#workers) worker.greet(line);
  }

  pids(): number[] {
    return this.#workers.map(({ pid }) => pid).filter((pid) => pid !== undefined);
  }

  /** Resolves when all have ended: those that do not when told to are killed. */
  async stop(): Promise<void> {
    const timer = setTimeout(() => {
      this.#options.say(`some workers did not end within ${duration(STOP_GRACE_MS)} and are killed`);
      this.kill();
    }, STOP_GRACE_MS);
    await Promise.all(this.#workers.map((worker) => worker.stop()));
    clearTimeout(timer);
  }

  kill(): void {
    for (const worker of this.#workers) worker.kill();
  }
}

class WorkerProcess {
  readonly #number: number;
  readonly #options: WorkerProcessesOptions;
  readonly #givenUp: () => void;
  readonly #ends: number[] = [];
  #child: ChildProcess;
  #line: string | undefined;
  #stopping = false;
  #restart: NodeJS.Timeout | undefined;

  constructor(number: number, options: WorkerProcessesOptions, givenUp: () => void) {
    this.#number = number;
    this.#options = options;
    this.#givenUp = givenUp;
    this.#child = this.#start();
  }

  /** Undefined while it does not run. */
  get pid(): number | undefined {
    return runs(this.#child) ? this.#child.pid : undefined;
  }

  greet(line: string): void {
    this.#line = line;
    this.#child.stdin?.write(`${line}\n`);
  }

  expectEnd(): void {
    this.#stopping = true;
    clearTimeout(this.#restart);
  }

  async stop(): Promise<void> {
    this.expectEnd();
    if (!runs(this.#child)) return;
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    this.#child.stdin?.end();
    await ended;
  }

  kill(): void {
    this.expectEnd();
    this.#child.kill("SIGKILL");
  }

  #start(): ChildProcess {
    const [program, ...args] = this.#options.command;
    const child = spawn(program, args, { stdio: ["pipe", "ignore", "inherit"] });
    // A worker that is gone does not read; its end says so.
    child.stdin?.on("error", () => {});
    child.on("error", (error) => this.#options.say(`worker ${this.#number} cannot be started: ${error.message}`));
    child.once("exit", (code, signal) => this.#ended(signal ?? `exit code ${code}`));
    if (this.#line !== undefined) child.stdin?.write(`${this.#line}\n`);
    return child;
  }

  #ended(how: string): void {
    if (this.#stopping) return;
    const now = performance.now();
    this.#ends.push(now);
    while ((this.#ends[0] ?? now) < now - RECENT_MS) this.#ends.shift();
    const who = `worker ${this.#number} (process ${this.#child.pid}) ended: ${how}`;
    if (this.#ends.length > RESTARTS_MAX) {
      this.#options.say(`${who}; it is not started again, as it has ended ${this.#ends.length} times within a minute`);
      this.#givenUp();
      return;
    }
    const delayMs = (this.#options.restartAfterMs ?? 250) * 2 ** (this.#ends.length - 1);
    this.#options.say(`${who}; it is started again in ${duration(delayMs)}`);
    this.#restart = setTimeout(() => {
      this.#child = this.#start();
    }, delayMs);
  }
}

function runs({ exitCode, signalCode, pid }: ChildProcess): boolean {
  return pid !== undefined && exitCode === null && signalCode === null;
}
