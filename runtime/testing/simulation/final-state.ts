/**
 * What the newest checkpoint of a job holds when all is over, as sorted texts: one for each key of each state, and one for each
 * timer. Read from the disk as it is, without a process.
 */

import type { KeyGroupRange } from "../../../core/key-group.ts";
import { checkpointsToTry, openCheckpoint, readOperator } from "../../state/checkpoint-reader.ts";
import type { CheckpointStore } from "../../state/checkpoint-store.ts";
import { createMemoryBackend } from "../../state/memory-backend.ts";
import {
  type ColumnPlan,
  type OpenBlock,
  openBlock,
  type PassingSection,
  passes,
  readHeader,
  type Section,
} from "../../state/state-block.ts";
import { listPlan, mapPlan, valuePlan } from "../../state/state-rows.ts";
import { dropsPlan, tablePlan } from "../../state/table-plans.ts";
import { TimerFold } from "../../state/timer-rows.ts";
import { textOf } from "./ledger.ts";

/** What a backend captures. */
type CapturedSection = Exclude<Section, "timers" | PassingSection>;

const plans: Readonly<Record<CapturedSection, ColumnPlan>> = {
  value: valuePlan,
  reducing: valuePlan,
  list: listPlan,
  map: mapPlan,
  table: tablePlan,
  drops: dropsPlan,
};

/** Nothing where there is no checkpoint. */
export async function finalState(store: CheckpointStore): Promise<readonly string[]> {
  const [newest] = await checkpointsToTry(store);
  if (newest === undefined) return [];
  const checkpoint = await openCheckpoint(store, newest);
  const { keyGroups, operators } = checkpoint.manifest;
  const range: KeyGroupRange = { first: 0, last: keyGroups - 1 };
  const texts: string[] = [];
  for (const operator of new Set(operators.map((record) => record.operator))) {
    const backend = createMemoryBackend({ operator, keyGroups: range, keyGroupCount: keyGroups });
    const timers = new TimerFold(operator, range);
    for await (const { block, header, where } of readOperator(store, checkpoint, operator, range)) {
      const { section } = header.shape;
      if (section === "timers") timers.restoreBlock(block, where);
      // When all is over, nothing is in flight.
      else if (!passes(section)) backend.restoreBlock(block, where);
    }
    const capture = backend.capture(checkpoint.manifest.checkpoint, { full: true });
    while (!capture.done) texts.push(...textsIn(operator, capture.step()));
    for (const { domain, key, time } of timers.timers())
      texts.push(`${operator} ${domain} timer ${textOf(key)} ${time}`);
    backend.close();
  }
  return texts.sort();
}

function textsIn(operator: string, block: Uint8Array | undefined): readonly string[] {
  if (block === undefined) return [];
  const section = readHeader(block, "a captured block", operator).shape.section as CapturedSection;
  const opened = openBlock(block, plans[section], "a captured block", operator);
  const rows = section === "table" ? tableRows(opened) : stateRows(opened, section);
  return rows.map((row) => `${operator} ${opened.header.name} ${row}`);
}

function tableRows({ header, keys, columns }: OpenBlock): readonly string[] {
  return Array.from({ length: header.rows }, (_, row) =>
    [keys[row], ...columns.map((column) => column[row])].map(textOf).join(" "),
  );
}

/** Of a capture that holds everything: every row is present, every list and map whole. */
function stateRows({ header, keys, columns }: OpenBlock, section: Section): readonly string[] {
  let next = 0;
  return Array.from({ length: header.rows }, (_, row) => {
    const elements = section === "list" || section === "map" ? (columns[2]?.[row] as number) : 1;
    const valuesAt = { list: 3, map: 5 }[section as string] ?? 1;
    const own = Array.from({ length: elements }, () => {
      const element = next++;
      const value = textOf(columns[valuesAt]?.[element]);
      return section === "map" ? `${textOf(columns[3]?.[element])}: ${value}` : value;
    });
    // The order in which a list has got its elements may be that in which records came from several subtasks.
    return `${textOf(keys[row])} ${own.sort()}`;
  });
}
