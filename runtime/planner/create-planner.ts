/**
 * The coordinator's side of planning: a process of its own for each submission, so that what a program does when it is
 * imported (it throws, exits, loops for ever, fills the memory) happens to that process only.
 *
 * A few plan at a time; the others wait for their turn. What programs write while they are imported goes to the log. A
 * child is given one program, but may be started before there is one: loading takes longer than planning.
 */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { extname } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { MillraceError } from "../../core/errors.ts";
import {
  PLANNER_SPARE_MS,
  PLANNERS_MAX,
  PLANNING_HEAP_MB_MAX,
  PLANNING_LOG_CHARACTERS_MAX,
  PLANNING_LOG_LINES_MAX,
  PLANNING_MS_MAX,
} from "../../core/limits.ts";
import { compileCacheEnvironment } from "../compile-cache.ts";
import { fromErrorReport } from "../error-report.ts";
import type { PlannedJob, Planner, PlanRequest } from "../planned-job.ts";
import type { Log } from "../telemetry/pino-log.ts";
import { slotEnvironment } from "../worker/slot-environment.ts";
import type { FromPlanner } from "./planner-protocol.ts";
import { SpareChild } from "./spare-child.ts";

export interface PlannerOptions {
  readonly log: Log;
  /** Default `PLANNING_MS_MAX`. */
  readonly limitMs?: number;
  /** Default `PLANNING_HEAP_MB_MAX`. */
  readonly heapMb?: number;
  /** How long a child that was started ahead waits for its program. Default `PLANNER_SPARE_MS`. */
  readonly spareMs?: number;
}

export function createPlanner({
  log,
  limitMs = PLANNING_MS_MAX,
  heapMb = PLANNING_HEAP_MB_MAX,
  spareMs = PLANNER_SPARE_MS,
}: PlannerOptions): Planner {
  const turns = new Turns(PLANNERS_MAX);
  const spare = new SpareChild(() => startChild(log, heapMb), spareMs);
  return {
    plan: async (request) => {
      using _turn = await turns.next();
      return await planIn(spare.take() ?? startChild(log, heapMb), request, { limitMs, heapMb });
    },
    expect: () => spare.prepare(),
    close: () => spare.end(),
  };
}

/** Gives out `count` turns at a time, in the order of asking. */
class Turns {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async next(): Promise<Disposable> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#free--;
    return { [Symbol.dispose]: () => this.#release() };
  }

  #release(): void {
    const first = this.#waiting.shift();
    if (first === undefined) this.#free++;
    else first();
  }
}

function startChild(log: Log, heapMb: number): ChildProcess {
  const entry = fileURLToPath(new URL(`./planner-entry${extname(import.meta.filename)}`, import.meta.url));
  const child = fork(entry, [String(heapMb)], {
    serialization: "advanced",
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    // As slots get it: a program that reads it at import behaves the same here.
    env: { ...compileCacheEnvironment(), ...slotEnvironment(process.env, []) },
    // The parent's own, such as a test runner's, are not for programs.
    execArgv: [],
  });
  logLines(child.stdout, (line) => log("info", line, { from: "program's import" }));
  logLines(child.stderr, (line) => log("warn", line, { from: "program's import" }));
  return child;
}

type Bounds = Required<Pick<PlannerOptions, "limitMs" | "heapMb">>;

async function planIn(child: ChildProcess, request: PlanRequest, { limitMs, heapMb }: Bounds): Promise<PlannedJob> {
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, limitMs);
  try {
    child.send(request, () => {}); // A child that is gone already says so by its exit.
    const answer = await answerOf(child);
    if (answer?.kind === "planned") return answer.job;
    if (answer?.kind === "refused") throw fromErrorReport(answer.error);
    throw late ? tooLate(limitMs) : ended(child, heapMb);
  } finally {
    clearTimeout(timer);
  }
}

/** What the child has said when it has ended and all that it wrote was read. */
async function answerOf(child: ChildProcess): Promise<FromPlanner | undefined> {
  let answer: FromPlanner | undefined;
  child.once("message", (message) => {
    answer = message as FromPlanner;
  });
  await once(child, "close");
  return answer;
}

function tooLate(limitMs: number): MillraceError {
  return new MillraceError(
    "PLANNING_LIMIT",
    `the program was not imported and planned within ${limitMs / 1000} s; it may have an endless loop at its top level, or wait there for something that does not come`,
  );
}

function ended({ exitCode, signalCode }: ChildProcess, heapMb: number): MillraceError {
  // V8 aborts the whole process where it cannot end the thread that fills its heap.
  if (signalCode === "SIGABRT") {
    return new MillraceError(
      "PLANNING_LIMIT",
      `the program took more than ${heapMb} MB of memory while it was imported and planned`,
    );
  }
  return new MillraceError(
    "BAD_JOB_MODULE",
    `the program ended the process that imported it (${signalCode ?? `exit code ${exitCode}`})`,
  );
}

/** Passes on the first lines, cut to a bounded length, and says when there were more. */
function logLines(stream: Readable | null, write: (line: string) => void): void {
  if (stream === null) return;
  let count = 0;
  const lines = createInterface({ input: stream });
  lines.on("line", (line) => {
    if (line.trim() !== "" && ++count <= PLANNING_LOG_LINES_MAX) write(line.slice(0, PLANNING_LOG_CHARACTERS_MAX));
  });
  lines.on("close", () => {
    if (count > PLANNING_LOG_LINES_MAX) write("… and further lines");
  });
}
