/** `millrace workers`: who has registered, and what it has free. */

import type { WorkerView } from "../rest/views.ts";
import { type ConnectionOptions, withClient } from "./connection.ts";
import { type ExitCode, exitCodes } from "./exit-code.ts";
import { type OutputOptions, print, terminalWidth } from "./output.ts";
import { bytes } from "./quantity.ts";
import { type Column, table } from "./table.ts";

export async function workersCommand(options: ConnectionOptions & OutputOptions): Promise<ExitCode> {
  const workers = await withClient(options, (client) => client.workers());
  print(options, workers, () => table(columns, workers, terminalWidth()));
  return exitCodes.done;
}

const columns: readonly Column<WorkerView>[] = [
  { title: "WORKER", of: ({ id }) => id, least: 8 },
  { title: "PROCESS", of: ({ host, pid }) => `${host}:${pid}`, least: 10 },
  { title: "STATUS", of: ({ status }) => status },
  { title: "FREE", of: ({ freeSlots, slotsNumber }) => `${freeSlots} of ${slotsNumber}`, align: "right" },
  { title: "MEMORY", of: ({ rssBytes, memoryBytes }) => `${bytes(rssBytes)} of ${bytes(memoryBytes)}`, align: "right" },
  { title: "LABELS", of: ({ labels }) => labelsText(labels), least: 6 },
];

function labelsText(labels: WorkerView["labels"]): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
}
