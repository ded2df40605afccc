/**
 * One broker: a Java process that surely ends. It is the child of a shell that reads from a pipe of this process; when
 * this process ends, in whatever way, the pipe closes, and the shell kills the broker and deletes its data. The shell
 * has a session of its own, so that Ctrl-C does not end it before its broker.
 */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createConnection } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

const guard = `log=$1; folder=$2; shift 2
"$@" >>"$log" 2>&1 </dev/null &
child=$!
echo $child
read word
kill -9 $child 2>/dev/null
wait $child 2>/dev/null
test "$word" = keep || rm -rf "$folder"`;

export class BrokerProcess {
  readonly pid: number;
  readonly #guard: ChildProcess;
  readonly #log: string;
  readonly #ended: Promise<void>;

  private constructor(guard: ChildProcess, pid: number, log: string, ended: Promise<void>) {
    this.#guard = guard;
    this.pid = pid;
    this.#log = log;
    this.#ended = ended;
  }

  /** @param options.data what is deleted when this process ends without having ended the broker */
  static async start(command: readonly string[], options: { log: string; data: string }): Promise<BrokerProcess> {
    const child = spawn("sh", ["-c", guard, "kafka-guard", options.log, options.data, ...command], {
      stdio: ["pipe", "pipe", "inherit"],
      detached: true,
    });
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    const { promise: pid, resolve } = Promise.withResolvers<number>();
    createInterface({ input: child.stdout }).once("line", (line) => resolve(Number(line)));
    const broker = new BrokerProcess(child, await pid, options.log, ended);
    child.unref();
    return broker;
  }

  /** Waits until the broker answers, which is later than it accepts connections. */
  async ready(port: number, withinMs = 90_000): Promise<void> {
    const end = performance.now() + withinMs;
    for (let tries = 1; !(await answers(port)); tries++) {
      const ended = tries % 20 === 0 && !this.running;
      if (ended || performance.now() > end) {
        throw new Error(`The Kafka broker on port ${port} ${ended ? "ended" : "is not ready"}:\n${this.logTail()}`);
      }
      await sleep(25);
    }
  }

  get running(): boolean {
    const { stdout } = spawnSync("ps", ["-o", "stat=", "-p", String(this.pid)], { encoding: "utf8" });
    return /^[^Z\s]/.test(stdout.trim()); // ended and not yet collected by its shell: Z
  }

  logTail(): string {
    return readFileSync(this.#log, "utf8").slice(-4000);
  }

  /** Asks it to end in good order, and waits until it has. */
  async shutDown(): Promise<void> {
    process.kill(this.pid, "SIGTERM");
    while (this.running) await sleep(50);
    await this.kill();
  }

  /** Kills it, unless it has ended already, and waits until it is gone. */
  async kill(): Promise<void> {
    this.#guard.ref();
    this.#guard.stdin?.end("keep\n");
    await this.#ended;
  }
}

/** Whether a broker answers to an ApiVersions request of version 0, without a client id. */
function answers(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = createConnection(port, "127.0.0.1", () => {
    socket.write(Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff]));
  });
  socket.once("data", () => resolve(true));
  socket.once("error", () => resolve(false));
  socket.once("close", () => resolve(false));
  return promise.finally(() => socket.destroy());
}
