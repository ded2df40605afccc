/** The `millrace` command and its subcommands. Data goes to standard output, everything else to standard error. */

import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { errorText } from "./error-text.ts";
import { type ExitCode, exitCodes } from "./exit-code.ts";
import { explainCommand } from "./explain-command.ts";
import { type JobOptions, withJobOptions } from "./job-options.ts";
import { label } from "./label.ts";
import { runCommand } from "./run-command.ts";

/** Runs the command that the arguments say and returns its exit code. What went wrong is printed, not thrown. */
export async function main(args: readonly string[]): Promise<ExitCode> {
  let exitCode: ExitCode = exitCodes.done;
  const action = (command: JobCommand) => async (path: string, options: JobOptions) => {
    exitCode = await command(path, options).catch((error: unknown) => refuse(error, options));
  };
  const program = new Command("millrace")
    .description("Runs stream-processing jobs: modules whose default export was made by defineJob.")
    .version(ownVersion())
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error\b/, label("error"))) });
  withJobOptions(program.command("run"), "print the final metrics and the collected rows as one line of JSON")
    .description("run a job in this process, on worker threads, until it ends")
    .action(action(runCommand));
  withJobOptions(program.command("explain"), "print the plan as JSON")
    .description("print a job's logical, chained and parallel graph, and run nothing")
    .action(action(explainCommand));
  try {
    await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    // Commander throws when it has printed help, the version or a complaint.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.refused;
    throw error;
  }
}

type JobCommand = (path: string, options: JobOptions) => Promise<ExitCode>;

/** For what was wrong before anything had started. */
function refuse(error: unknown, { verbose }: JobOptions): ExitCode {
  process.stderr.write(`${errorText(error, { verbose, label })}\n`);
  return exitCodes.refused;
}

function ownVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return (manifest as { readonly version: string }).version;
}
