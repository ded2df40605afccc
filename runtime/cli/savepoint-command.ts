/** `millrace savepoint JOB`: takes a savepoint and prints the folder that it is in. */

import { resolve } from "node:path";
import { type ConnectionOptions, withClient } from "./connection.ts";
import { type ExitCode, exitCodes } from "./exit-code.ts";
import { findJob } from "./find-job.ts";
import { type OutputOptions, print } from "./output.ts";

export interface SavepointOptions extends ConnectionOptions, OutputOptions {
  readonly to?: string;
}

/** @param ends whether the job ends with it. @throws SAVEPOINT_FAILED, JOB_ENDED */
export async function savepointCommand(text: string, options: SavepointOptions, ends = false): Promise<ExitCode> {
  const { to } = options;
  const taken = await withClient(options, async (client) => {
    const { jid } = await findJob(client, text);
    const target = to === undefined ? {} : { "target-directory": resolve(to) };
    return { jid, ...(await client.savepoint(jid, { ...target, "cancel-job": ends })) };
  });
  print(options, taken, () => `${taken.location}\n`);
  return exitCodes.done;
}
