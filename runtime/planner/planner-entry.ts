/**
 * The planner's process. Its main thread runs no user code: it starts a thread for the program, hands its answer on, and
 * ends with the coordinator, whatever the program does meanwhile. The thread loads what it needs at once; the request may
 * come later.
 *
 *   coordinator ──request──► main thread ──request──► program's thread
 *               ◄──answer───             ◄──answer───
 */

import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { PlanRequest } from "../planned-job.ts";
import type { ErrorReport } from "../protocol.ts";
import type { FromPlanner } from "./planner-protocol.ts";

process.once("disconnect", () => process.exit(1));
/** What the JavaScript heap of the program may take. */
startThread(Number(process.argv[2]));

function startThread(heapMb: number): void {
  const thread = new Worker(new URL(`./planner-thread-entry${extname(import.meta.filename)}`, import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: heapMb },
    stdout: true,
    stderr: true,
  });
  thread.stdout.pipe(process.stdout);
  thread.stderr.pipe(process.stderr);
  process.once("message", (request: PlanRequest) => thread.postMessage(request));
  let answer: FromPlanner | undefined;
  thread.once("message", (message: FromPlanner) => {
    answer = message;
    // The program may have left timers behind.
    void thread.terminate();
  });
  thread.once("error", (error: NodeJS.ErrnoException) => {
    answer ??= { kind: "refused", error: lost(error, heapMb) };
  });
  // What the program wrote has been read when its thread has ended.
  thread.once("exit", (code) => reply(answer ?? { kind: "refused", error: left(code) }));
}

function reply(answer: FromPlanner): void {
  process.send?.(answer, undefined, undefined, () => process.exit(0));
}

function left(code: number): ErrorReport {
  return report(
    "BAD_JOB_MODULE",
    `the program called process.exit(${code}) while it was imported; a module that defines a job must not end its process`,
  );
}

function lost(error: NodeJS.ErrnoException, heapMb: number): ErrorReport {
  return error.code === "ERR_WORKER_OUT_OF_MEMORY"
    ? report("PLANNING_LIMIT", `the program took more than ${heapMb} MB of memory while it was imported and planned`)
    : report("BAD_JOB_MODULE", `the program failed while it was imported: ${error.message}`, error);
}

function report(code: "BAD_JOB_MODULE" | "PLANNING_LIMIT", message: string, cause?: Error): ErrorReport {
  const nothing = { stack: undefined, operator: undefined, origin: undefined, cause: undefined };
  const inner: ErrorReport | undefined = cause && {
    ...nothing,
    code: undefined,
    name: cause.name,
    message: cause.message,
    stack: cause.stack,
  };
  return { ...nothing, code, name: "MillraceError", message, cause: inner };
}
