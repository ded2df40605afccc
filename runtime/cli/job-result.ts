/** What a job on a cluster left: the rows of its `collectTo` sinks, on standard output. */

import { MillraceError } from "../../core/errors.ts";
import { fromErrorReport } from "../error-report.ts";
import type { RestClient } from "../rest/client.ts";
import type { JobResultView } from "../rest/views.ts";
import { jsonLine } from "./json-line.ts";

/** Rows of one request: some hundred KB of JSON. */
const pageRows = 1000;

async function* pages(client: RestClient, jid: string, sink: string): AsyncGenerator<readonly unknown[], void, void> {
  for (let from = 0; ; ) {
    const { rows, next } = await client.rows(jid, sink, from, pageRows);
    if (rows.length > 0) yield rows;
    if (rows.length === 0 || next === from) return;
    from = next;
  }
}

/** Each row as a line of JSON, of the given sinks or of all. */
export async function printRows(client: RestClient, { jid, collected }: JobResultView, sink?: string): Promise<void> {
  for (const name of sink === undefined ? Object.keys(collected) : [sink]) {
    for await (const rows of pages(client, jid, name)) process.stdout.write(rows.map(jsonLine).join(""));
  }
}

/** State, error, metrics and rows as one line of JSON, which is written as the rows come. */
export async function printResult(client: RestClient, result: JobResultView): Promise<void> {
  process.stdout.write(`${jsonLine({ ...result, collected: undefined }).slice(0, -2)},"collected":{`);
  let names = 0;
  for (const name of Object.keys(result.collected)) {
    let rows = 0;
    process.stdout.write(`${names++ > 0 ? "," : ""}${JSON.stringify(name)}:[`);
    for await (const page of pages(client, result.jid, name)) {
      const text = page.map((row) => jsonLine(row).trimEnd()).join(",");
      process.stdout.write(`${rows > 0 ? "," : ""}${text}`);
      rows += page.length;
    }
    process.stdout.write("]");
  }
  process.stdout.write("}}\n");
}

/** Why the job has not finished. */
export function failureOf({ error, state, jid }: JobResultView): Error {
  if (state === "CANCELED") return new MillraceError("CANCELLED", `job ${jid} was cancelled`);
  return error === null ? new Error(`job ${jid} is ${state}`) : fromErrorReport(error);
}
