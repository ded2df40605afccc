/** What commands take that go on from a savepoint, or ask whether a job could. */

import { type Command, InvalidArgumentError } from "commander";
import type { UpgradeOptions } from "../checkpoints/upgrade.ts";
import { list } from "./job-options.ts";

export interface UpgradeArguments {
  readonly allowDropped: boolean;
  readonly drop: readonly string[];
  readonly rename: readonly Rename[];
  readonly otherJob: boolean;
}

type Rename = readonly [was: string, is: string];

export function withUpgrade(command: Command): Command {
  return command
    .option("--allow-dropped", "state of operators that the program no longer has may go", false)
    .option("--drop <operator[/state]>", "let it begin anew, or go; may be repeated", list, [])
    .option(
      "--rename <old=new>",
      "the operator's name in the savepoint and in the program; may be repeated",
      rename,
      [],
    )
    .option("--other-job", "the savepoint may be one of a job with another name", false);
}

function rename(text: string, before: readonly Rename[]): readonly Rename[] {
  const at = text.indexOf("=");
  if (at <= 0 || at === text.length - 1) throw new InvalidArgumentError("It must be of the form old=new.");
  return [...before, [text.slice(0, at), text.slice(at + 1)]];
}

/** Only what was asked for; undefined: nothing. */
export function upgradeOptions({ allowDropped, drop, rename, otherJob }: UpgradeArguments): UpgradeOptions | undefined {
  const options: UpgradeOptions = {
    ...(allowDropped ? { allowDropped } : {}),
    ...(drop.length === 0 ? {} : { drop }),
    ...(rename.length === 0 ? {} : { rename: Object.fromEntries(rename) }),
    ...(otherJob ? { otherJob } : {}),
  };
  return Object.keys(options).length === 0 ? undefined : options;
}
