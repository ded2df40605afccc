/**
 * One S3 server for all tests of the project "s3". Where there is none the tests say so and are skipped, except where
 * MILLRACE_S3_REQUIRED is set, as in CI: there it is installed, and that this fails is a failure.
 */

import type { TestProject } from "vitest/node";
import { installMotoServer, motoServer, startS3Server } from "./moto-server.ts";

/** What tests get by `inject("s3")`: what a process needs to use it, and a bucket; undefined: there is none. */
export type S3ForTests = { readonly env: Readonly<Record<string, string>>; readonly bucket: string } | undefined;

declare module "vitest" {
  interface ProvidedContext {
    s3: S3ForTests;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const program = motoServer() ?? (process.env["MILLRACE_S3_REQUIRED"] ? await installMotoServer() : undefined);
  if (program === undefined) {
    const how = "set MILLRACE_S3_REQUIRED=1 to have it installed into the cache folder, once";
    process.stderr.write(
      `\n*** There is no S3 server for the tests of checkpoints in S3: ${how}.\n*** THEY ARE SKIPPED.\n\n`,
    );
    project.provide("s3", undefined);
    return async () => {};
  }
  const server = await startS3Server(program);
  project.provide("s3", { env: server.env, bucket: server.bucket });
  return () => server.stop();
}
