/** The arguments of `verify.ts`. */

import { statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { inputOfArguments, inputOptions, queriesOf, wholeNumberOf } from "../argument-values.ts";
import type { QueryName } from "../queries/index.ts";
import type { GeneratedInput } from "../source.ts";
import { UsageError } from "../usage-error.ts";
import { type Way, waysOf } from "./run-query.ts";

/** How to come by the tables that a query is compared with. */
const howToMake =
  "`npm run nexmark:oracle -- DIR` makes one, and without --oracle the hashes of this checkout are used";

export interface VerifyArguments {
  /** Absent: all of which there is a table. */
  readonly queries: readonly QueryName[] | undefined;
  readonly ways: readonly Way[];
  readonly folder: string;
  /** Absent: all sets of the folder's manifest, if it has one. */
  readonly sets: readonly string[] | undefined;
  /** What the events of a folder were made of that neither has them nor says it. */
  readonly otherwise: GeneratedInput;
}

/** @throws UsageError for arguments that make no sense. */
export function verifyArguments(args: readonly string[]): VerifyArguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      queries: { type: "string" },
      parallelism: { type: "string", default: "1,2,3" },
      "no-crashes": { type: "boolean", default: false },
      oracle: { type: "string", default: join(import.meta.dirname, "..", "oracle") },
      set: { type: "string" },
      ...inputOptions,
    },
  });
  const parallelisms = values.parallelism.split(",").map((each) => wholeNumberOf("parallelism", each));
  const folder = values.oracle;
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new UsageError(`--oracle is a folder of tables, and there is none at "${folder}"; ${howToMake}`);
  return {
    queries: values.queries === undefined ? undefined : queriesOf(values.queries),
    ways: waysOf(parallelisms, !values["no-crashes"]),
    folder,
    sets: values.set?.split(","),
    otherwise: inputOfArguments(values, {
      events: 100_000,
      tps: 1000,
      seed: 42,
      baseTime: 1_436_918_400_000,
      generators: 1,
    }),
  };
}
