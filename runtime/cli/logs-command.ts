/** `millrace logs JOB`: a job's log, with what its `print` sinks have written; `-f` follows it to the job's end. */

import type { RestClient } from "../rest/client.ts";
import type { LogLine } from "../rest/views.ts";
import { type ConnectionOptions, withClient } from "./connection.ts";
import { type ExitCode, exitCodes } from "./exit-code.ts";
import { findJob } from "./find-job.ts";
import { jsonLine } from "./json-line.ts";
import { logText } from "./log-text.ts";
import type { OutputOptions } from "./output.ts";

export interface LogsOptions extends ConnectionOptions, OutputOptions {
  readonly follow: boolean;
}

export async function logsCommand(text: string, options: LogsOptions): Promise<ExitCode> {
  await withClient(options, async (client) => {
    const { jid } = await findJob(client, text);
    for await (const line of options.follow ? client.followLog(jid) : writtenSoFar(client, jid)) {
      process.stdout.write(options.json ? jsonLine(line) : logText(line));
    }
  });
  return exitCodes.done;
}

async function* writtenSoFar(client: RestClient, jid: string): AsyncGenerator<LogLine, void, void> {
  for (let from = 0; ; ) {
    const { lines, next } = await client.log(jid, from);
    yield* lines;
    if (lines.length === 0) return;
    from = next;
  }
}
