/** What every command on a program takes, and how options are read. */

import { type Command, InvalidArgumentError } from "commander";
import { checkExecution, type ExecutionMode } from "../../core/execution.ts";
import { type StateOptions, stateSettings } from "../../core/state-options.ts";
import { type Duration, positiveDurationMs } from "../../core/time.ts";

export interface JobOptions {
  readonly parallelism?: number;
  /** Of `run` and `explain`. */
  readonly execution?: ExecutionMode;
  /** As written: `name=value`. */
  readonly param: readonly string[];
  readonly json: boolean;
  readonly verbose: boolean;
}

const example = "the module of the job, for example examples/top-items.ts";

export function withJobOptions(command: Command, json: string, argument = example): Command {
  return command
    .argument("<job>", argument)
    .option("-p, --parallelism <number>", "how many subtasks each operator has that sets none itself", positiveNumber)
    .option("--param <name=value>", "set a parameter of the job; may be repeated", list, [])
    .option("--json", json, false)
    .option("--verbose", "log more, and show the engine's own stack frames in errors", false);
}

/** An option that may be repeated. */
export function list(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

export function positiveNumber(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value > 0) return value;
  throw new InvalidArgumentError("It must be a whole number of at least 1.");
}

export function executionOption(text: string): ExecutionMode {
  try {
    return checkExecution(text as ExecutionMode, "it");
  } catch {
    throw new InvalidArgumentError("It must be streaming, batch or auto.");
  }
}

/** `memory`, `level` or `level:256MB`. */
export function stateOption(text: string): StateOptions {
  const [backend, memory] = text.split(":", 2);
  const options = { backend, ...(memory === undefined ? {} : { memory }) } as StateOptions; // as the next line says
  try {
    stateSettings(options, "it");
    return options;
  } catch {
    throw new InvalidArgumentError("It must be memory, level, or level with a size, such as level:256MB.");
  }
}

/** In milliseconds. */
export function positiveDuration(text: string): number {
  try {
    return positiveDurationMs(text as Duration, "it");
  } catch {
    throw new InvalidArgumentError('It must be a duration such as "5s" or "500ms", longer than zero.');
  }
}
