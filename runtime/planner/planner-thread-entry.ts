/** The thread of a planner in which the program is imported and planned, when its request has come. */

import { enableCompileCache } from "node:module";
import { parentPort } from "node:worker_threads";
import { resolveOwnImports } from "../own-imports.ts";
import type { PlanRequest } from "../planned-job.ts";
import type { FromPlanner } from "./planner-protocol.ts";

enableCompileCache();
resolveOwnImports();
void plan();

async function plan(): Promise<void> {
  const requested = request();
  const { answerTo, neverSettles } = await import("./plan-bundle.ts");
  const { loadMillrace } = await import("../bundle-resolution.ts");
  await loadMillrace();
  // With nothing left to wait for, the program will never have been imported.
  process.once("beforeExit", () => answer(neverSettles()));
  const message = await answerTo(await requested);
  // The thread is ended with its answer, and what it wrote before has to leave it first.
  await Promise.all([written(process.stdout), written(process.stderr)]);
  answer(message);
}

function request(): Promise<PlanRequest> {
  return new Promise((resolve) => parentPort?.once("message", resolve));
}

function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write("", () => resolve()));
}

function answer(message: FromPlanner): void {
  parentPort?.postMessage(message);
}
