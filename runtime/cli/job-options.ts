/** What every command on a job takes. */

import { type Command, InvalidArgumentError } from "commander";

export interface JobOptions {
  readonly parallelism?: number;
  /** As written: `name=value`. */
  readonly param: readonly string[];
  readonly json: boolean;
  readonly verbose: boolean;
}

export function withJobOptions(command: Command, json: string): Command {
  const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];
  return command
    .argument("<job>", "the module of the job, for example examples/top-items.ts")
    .option("-p, --parallelism <number>", "how many subtasks each operator has that sets none itself", wholeNumber)
    .option("--param <name=value>", "set a parameter of the job; may be repeated", collect, [])
    .option("--json", json, false)
    .option("--verbose", "log more, and show the engine's own stack frames in errors", false);
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value > 0) return value;
  throw new InvalidArgumentError("It must be a whole number of at least 1.");
}
