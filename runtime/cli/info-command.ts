/** `millrace info JOB`: how a job is doing, vertex by vertex, its last checkpoint, and why it waits or failed. */

import { fromErrorReport } from "../error-report.ts";
import type { CheckpointView, JobView, VertexView } from "../rest/views.ts";
import { type ConnectionOptions, withClient } from "./connection.ts";
import { errorText } from "./error-text.ts";
import { type ExitCode, exitCodes } from "./exit-code.ts";
import { findJob } from "./find-job.ts";
import { type OutputOptions, print, terminalWidth } from "./output.ts";
import { bytes, duration, moment, whole } from "./quantity.ts";
import { type Column, printable, table } from "./table.ts";

export async function infoCommand(text: string, options: ConnectionOptions & OutputOptions): Promise<ExitCode> {
  const { job, latest } = await withClient(options, async (client) => {
    const { jid } = await findJob(client, text);
    return { job: await client.job(jid), latest: (await client.checkpoints(jid)).latest.completed };
  });
  print(options, job, () => {
    const head = headText(job, latest);
    return `${head}\n${table(columns, job.vertices, terminalWidth())}${failureText(job)}`;
  });
  return exitCodes.done;
}

function headText(job: JobView, latest: CheckpointView | null): string {
  const lines: readonly (readonly [name: string, value: string])[] = [
    ["job", job.jid],
    ["name", printable(job.name)],
    ["state", job.state],
    ["parallelism", String(job.parallelism)],
    ["started", `${moment(job["start-time"])} UTC, ${duration(job.duration)} ${job["end-time"] < 0 ? "ago" : "long"}`],
    ["restarts", String(job.restarts)],
    ...(latest === null ? [] : [["checkpoint", checkpointText(latest)] as const]),
  ];
  return lines.map(([name, value]) => `${name.padEnd(12)}${value}\n`).join("");
}

function checkpointText(view: CheckpointView): string {
  const { id, state_size, persisted_data, end_to_end_duration } = view;
  const kind = view.checkpoint_type === "UNALIGNED_CHECKPOINT" ? `, ${bytes(persisted_data)} of it in flight` : "";
  return `${id}: ${bytes(state_size)}${kind}, in ${duration(end_to_end_duration)}`;
}

const columns: readonly Column<VertexView>[] = [
  { title: "VERTEX", of: ({ name }) => name, least: 12 },
  { title: "PAR", of: ({ parallelism }) => String(parallelism), align: "right" },
  { title: "STATUS", of: ({ status }) => status },
  { title: "IN", of: ({ metrics }) => whole(metrics["read-records"]), align: "right" },
  { title: "OUT", of: ({ metrics }) => whole(metrics["write-records"]), align: "right" },
  { title: "LATE", of: ({ metrics }) => whole(metrics["late-records"]), align: "right" },
  { title: "BUSY", of: ({ metrics }) => duration(metrics["accumulated-busy-time"]), align: "right" },
];

function failureText({ failure }: JobView): string {
  if (failure === null) return "";
  return `\n${errorText(fromErrorReport(failure), { verbose: false, label: (name) => name })}\n`;
}
