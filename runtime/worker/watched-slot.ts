/** A slot's thread under its watchdog: what it is at, and that it is ended when it is stuck. */

import { type ProgressSeen, readProgress } from "../exchange/slot-progress.ts";
import type { SlotDeployment } from "../protocol.ts";
import { slotStuck } from "../slot-errors.ts";
import { Watchdog } from "./watchdog.ts";

/** Samples the slot until the returned function is called; tells once, with its error, that it is stuck. */
export function watchSlot(deployment: SlotDeployment, timeoutMs: number, onStuck: (error: Error) => void): () => void {
  const { memory, slot } = deployment;
  const watchdog = new Watchdog({ timeoutMs, read: () => readProgress(memory.doorbells, slot) });
  const timer = setInterval(() => {
    const seen = watchdog.sample(performance.now());
    if (seen === undefined) return;
    clearInterval(timer);
    onStuck(slotStuck(deployment, timeoutMs, whereabouts(deployment, seen)));
  }, watchdog.intervalMs);
  // A slot's own thread keeps the process alive.
  timer.unref();
  return () => clearInterval(timer);
}

function whereabouts({ executionGraph, jobGraph, slot }: SlotDeployment, { turns, step }: ProgressSeen): string {
  const running = executionGraph.subtasks.filter((placed) => placed.slot === slot)[step];
  const vertex = jobGraph.vertices.find(({ id }) => id === running?.vertex);
  if (running !== undefined && vertex !== undefined) {
    const operators = vertex.operators.map(({ id }) => `"${id}"`).join(" → ");
    return `a step of ${operators} (subtask ${running.subtask + 1} of ${vertex.parallelism})`;
  }
  if (turns === 0) return "importing the job's module or opening its operators";
  return "a callback, the rest of an async function, or closing";
}
