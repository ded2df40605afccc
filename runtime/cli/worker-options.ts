/** Options of commands that start workers. */

import { availableParallelism } from "node:os";
import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import type { Labels } from "../cluster-protocol.ts";
import { list, positiveNumber } from "./job-options.ts";

export interface SlotOptions {
  readonly slots: number;
  readonly label: Labels;
  /** Names of environment variables that jobs get beside the usual ones. */
  readonly passEnv: readonly string[];
}

export function withSlots(command: Command, slotsDefault = availableParallelism()): Command {
  return command
    .option(
      "--slots <number>",
      "how many subtasks of one operator a worker runs side by side",
      positiveNumber,
      slotsDefault,
    )
    .option("--label <name=value>", "what the worker has, as operators may require; may be repeated", labelled, {})
    .option("--pass-env <name>", "an environment variable that jobs may see; may be repeated", list, []);
}

/** "gpu=true", "cores=8" and "zone=a" as a boolean, a number and a text. */
function labelled(text: string, before: Labels): Labels {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new InvalidArgumentError("It must be of the form name=value.");
  return { ...before, [name]: typed(value) };
}

function typed(value: string): string | number | boolean {
  if (value === "true" || value === "false") return value === "true";
  return value.trim() !== "" && Number.isFinite(Number(value)) ? Number(value) : value;
}

/** As they are given again to a process that this one starts. */
export function slotArguments({ slots, label, passEnv }: SlotOptions): string[] {
  const labels = Object.entries(label).flatMap(([name, value]) => ["--label", `${name}=${value}`]);
  return ["--slots", String(slots), ...labels, ...passEnv.flatMap((name) => ["--pass-env", name])];
}

export function port(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= 65_535) return value;
  throw new InvalidArgumentError("It must be a port: 0 to 65535, where 0 takes any that is free.");
}
