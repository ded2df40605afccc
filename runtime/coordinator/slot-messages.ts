/**
 * Relays what the slots of a job say: splits that are asked for and dealt, rows, printed text and log lines.
 *
 * A source's splits are dealt by the slot that has its subtask 0: user code does not run in the coordinator.
 */

import type { VertexId } from "../../core/ids.ts";
import { toErrorReport } from "../error-report.ts";
import type { PlannedJob } from "../planned-job.ts";
import type { ErrorReport, FromSlot } from "../protocol.ts";
import type { JobLogLine, RowsOrigin } from "./job-store.ts";
import type { RegionRun } from "./region-run.ts";

export interface MessageSurroundings {
  readonly plan: PlannedJob;
  /** Rows kept of each sink. */
  readonly collected: Map<string, number>;
  /** Resolves with how many rows the sink has when these are kept. */
  append(sink: string, rows: readonly unknown[], origin: RowsOrigin): Promise<number>;
  log(level: JobLogLine["level"], message: string, fields?: Readonly<Record<string, unknown>>): void;
}

type Checkpointing = "blocks" | "snapshotted" | "declined" | "enumeratorCut" | "wantsCheckpoint" | "atEnd";
type Reading = "readManifest" | "readBlocks";
type Relayed = Exclude<FromSlot, { readonly kind: "running" | "report" | "failed" | Checkpointing | Reading }>;
type Fail = (error: ErrorReport) => void;

export class SlotMessages {
  readonly #surroundings: MessageSurroundings;
  /** Of each subtask, by `vertex/subtask`. */
  readonly #slots: ReadonlyMap<string, number>;

  constructor(surroundings: MessageSurroundings) {
    this.#surroundings = surroundings;
    const { subtasks } = surroundings.plan.executionGraph;
    this.#slots = new Map(subtasks.map(({ vertex, subtask, slot }) => [`${vertex}/${subtask}`, slot]));
  }

  get collected(): ReadonlyMap<string, number> {
    return this.#surroundings.collected;
  }

  /** A restart has taken rows back. */
  kept(sink: string, rows: number): void {
    this.#surroundings.collected.set(sink, rows);
  }

  forget(sinks: readonly string[]): void {
    for (const sink of sinks) this.#surroundings.collected.delete(sink);
  }

  /** `fail`: what has gone wrong with the message, as the region's failure. */
  receive(run: RegionRun, slot: number, message: Relayed, fail: Fail): void {
    switch (message.kind) {
      case "requestSplit":
        this.#toSubtask(run, message.vertex, 0, { ...message, kind: "dealSplit" });
        break;
      case "splitDealt":
        this.#toSubtask(run, message.vertex, message.subtask, { ...message, kind: "split" });
        break;
      case "collect":
        this.#collect(run, slot, message, fail);
        break;
      case "printed":
        this.#surroundings.log("out", message.text, { stream: message.stream });
        run.sendToSlot(slot, { kind: "collected", serial: message.serial });
        break;
      case "log":
        this.#surroundings.log(message.level, message.message, message.fields);
        break;
      case "align":
        for (const { slot: to, ...aligned } of run.alignment.report(slot, message))
          run.sendToSlot(to, { kind: "aligned", ...aligned });
        break;
      case "oversize":
        // Shared memory stays in its process: the worker passes it on by itself.
        fail(toErrorReport(new Error("a slot sent shared memory to the coordinator")));
        break;
    }
  }

  #toSubtask(run: RegionRun, vertex: VertexId, subtask: number, message: Parameters<RegionRun["sendToSlot"]>[1]): void {
    const slot = this.#slots.get(`${vertex}/${subtask}`);
    if (slot !== undefined) run.sendToSlot(slot, message);
  }

  #collect(run: RegionRun, slot: number, message: Extract<Relayed, { readonly kind: "collect" }>, fail: Fail): void {
    const { append, collected } = this.#surroundings;
    append(message.operator, message.rows, { attempt: run.number, slot }).then(
      (rows) => {
        if (run.closed) return;
        collected.set(message.operator, rows);
        run.sendToSlot(slot, { kind: "collected", serial: message.serial });
      },
      (cause: unknown) => {
        if (!run.closed) fail(toErrorReport(cause));
      },
    );
  }
}
