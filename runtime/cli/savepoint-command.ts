/** `millrace savepoint JOB`: takes a savepoint and prints the folder that it is in. */

import { resolve } from "node:path";
import type { SavepointRequest } from "../rest/views.ts";
import { type ConnectionOptions, withClient } from "./connection.ts";
import { type ExitCode, exitCodes } from "./exit-code.ts";
import { findJob } from "./find-job.ts";
import { type OutputOptions, print } from "./output.ts";

export interface SavepointOptions extends ConnectionOptions, OutputOptions {
  readonly to?: string;
}

/** @param end what becomes of the job; by default it goes on. @throws SAVEPOINT_FAILED, JOB_ENDED */
export async function savepointCommand(
  text: string,
  options: SavepointOptions,
  end: Pick<SavepointRequest, "cancel-job" | "drain"> = {},
): Promise<ExitCode> {
  const { to } = options;
  const taken = await withClient(options, async (client) => {
    const { jid } = await findJob(client, text);
    const target = to === undefined ? {} : { "target-directory": resolve(to) };
    return { jid, ...(await client.savepoint(jid, { ...target, ...end })) };
  });
  print(options, taken, () => `${taken.location}\n`);
  return exitCodes.done;
}
