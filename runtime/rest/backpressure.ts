/** How much a vertex is held back by those behind it, in Flink's words and with Flink's bounds. */

import { count, fieldsOf, listOf, milliseconds, number, oneOf } from "./schema.ts";
import type { VertexDetailView } from "./views.ts";

type Level = "ok" | "low" | "high";

interface SubtaskBackpressure {
  readonly subtask: number;
  readonly "backpressure-level": Level;
  /** Shares of the last report's time, 0 … 1. */
  readonly ratio: number;
  readonly idleRatio: number;
  readonly busyRatio: number;
}

interface BackpressureView {
  readonly status: "ok";
  /** Of the worst subtask. */
  readonly "backpressure-level": Level;
  readonly "end-timestamp": number;
  readonly subtasks: readonly SubtaskBackpressure[];
}

/** Up to a tenth of the time is fine, up to a half is low. */
const okMax = 0.1;
const lowMax = 0.5;

export function backpressure({ now, subtasks }: VertexDetailView): BackpressureView {
  const worst = Math.max(0, ...subtasks.map(({ metrics }) => metrics.backpressured));
  return {
    status: "ok",
    "backpressure-level": levelOf(worst),
    "end-timestamp": now,
    subtasks: subtasks.map(({ subtask, metrics }) => ({
      subtask,
      "backpressure-level": levelOf(metrics.backpressured),
      ratio: metrics.backpressured,
      idleRatio: metrics.idle,
      busyRatio: metrics.busy,
    })),
  };
}

function levelOf(ratio: number): Level {
  if (ratio <= okMax) return "ok";
  return ratio <= lowMax ? "low" : "high";
}

const level = oneOf("ok", "low", "high");

export const backpressureSchema = fieldsOf<BackpressureView>({
  status: oneOf("ok"),
  "backpressure-level": level,
  "end-timestamp": milliseconds,
  subtasks: listOf(
    fieldsOf<SubtaskBackpressure>({
      subtask: count,
      "backpressure-level": level,
      ratio: number,
      idleRatio: number,
      busyRatio: number,
    }),
  ),
});
