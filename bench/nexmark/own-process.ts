/**
 * A measured program: in a process of its own, with a folder for what it writes. Both are gone when it has ended, also when a
 * signal ends this process meanwhile.
 */

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";

export interface ProgramOptions {
  /** What the folder's name begins with. */
  readonly name: string;
  readonly command: string;
  /** Of the program that writes into that folder. */
  readonly argumentsFor: (folder: string) => readonly string[];
  readonly timeoutS: number;
}

export interface Ended {
  /** "SIGTERM", "status 1"; undefined: it has ended well. */
  readonly problem: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** By which a person or the system ends a program. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Runs it to its end. After the time that it has it is killed. */
export async function runAlone({ name, command, argumentsFor, timeoutS }: ProgramOptions): Promise<Ended> {
  const folder = mkdtempSync(join(tmpdir(), `${name}-`));
  const child = spawn(command, argumentsFor(folder), { stdio: ["ignore", "pipe", "pipe"] });
  const remove = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  const end = (signal: (typeof SIGNALS)[number]): void => {
    child.kill("SIGKILL");
    remove();
    process.exit(128 + constants.signals[signal]);
  };
  for (const signal of SIGNALS) process.once(signal, end);
  const timeout = setTimeout(() => child.kill("SIGKILL"), timeoutS * 1000);
  try {
    const [stdout, stderr, problem] = await Promise.all([
      textOf(child.stdout),
      textOf(child.stderr),
      new Promise<string | undefined>((resolve, reject) => {
        child.once("error", reject);
        child.once("close", (status, signal) => resolve(status === 0 ? undefined : (signal ?? `status ${status}`)));
      }),
    ]);
    return { problem, stdout, stderr };
  } finally {
    clearTimeout(timeout);
    for (const signal of SIGNALS) process.off(signal, end);
    remove();
  }
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
