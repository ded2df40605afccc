/**
 * A batch beside a stream: the same program over the same records, in processes of their own, in turns.
 *
 *   node bench/batch.ts [--records 5000000] [--keys 5000000] [--memory 64MB] [--repeats 3] [--only TEXT]
 *
 * With a budget of memory, the stream keeps what exceeds it on disk, which a batch has no need of.
 */

import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type BatchCase, type BatchFigures, batchCases, readsTexts } from "./batch-case.ts";
import { writeTexts } from "./batch-texts.ts";

const { values: given } = parseArgs({
  options: {
    records: { type: "string", default: "5000000" },
    keys: { type: "string", default: "5000000" },
    memory: { type: "string", default: "64MB" },
    repeats: { type: "string", default: "3" },
    only: { type: "string", default: "" },
  },
});

function runOnce(name: BatchCase, execution: string): BatchFigures {
  const script = fileURLToPath(new URL("./batch-case.ts", import.meta.url));
  const args = [script, name, execution, given.records, given.keys, given.memory, texts];
  const child = spawnSync(process.execPath, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  if (child.status !== 0) throw new Error(`"${name}" failed with status ${child.status}`);
  return JSON.parse(child.stdout) as BatchFigures;
}

const chosen = batchCases.filter((each) => each.includes(given.only));
const texts = chosen.some(readsTexts) ? writeTexts(Number(given.records), Number(given.keys)) : "";
process.on("exit", () => rmSync(texts, { recursive: true, force: true }));

function middle(figures: readonly BatchFigures[]): BatchFigures {
  return figures.toSorted((a, b) => a.cpuS - b.cpuS)[figures.length >> 1] as BatchFigures;
}

const modes = ["streaming", "batch", "auto"] as const;

process.stdout.write(
  `${given.records} records, ${given.keys} keys, ${given.memory} of state in memory where a case has a budget, the run in the middle of ${given.repeats}\n\n`,
);
for (const name of chosen) {
  const runs = { streaming: [] as BatchFigures[], batch: [] as BatchFigures[], auto: [] as BatchFigures[] };
  for (let repeat = 0; repeat < Number(given.repeats); repeat++)
    for (const mode of modes) runs[mode].push(runOnce(name, mode));
  for (const mode of modes) {
    const { cpuS, wallS, results, rssMb } = middle(runs[mode]);
    const columns = [name.padEnd(36), mode.padEnd(10), cpuS.toFixed(1).padStart(7), wallS.toFixed(1).padStart(7)];
    process.stdout.write(`${columns.join("  ")} s  ${results} results  ${rssMb.toFixed(0)} MB\n`);
  }
}
