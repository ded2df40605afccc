/** What a checkpoint holds of each operator, by name: what an upgrade has to decide about. Nothing is said of empty state. */

import type { OperatorId } from "../../core/ids.ts";
import type { KeyKind } from "../../core/key.ts";
import type { OperatorRecord, StateRecord } from "../state/checkpoint-manifest.ts";
import type { OpenCheckpoint } from "../state/checkpoint-reader.ts";
import type { DeclaredState, OperatorDeclaration } from "../state/operator-declaration.ts";
import { plainValue } from "../state/plain-bytes.ts";
import type { Section } from "../state/state-block.ts";
import { publishesBy } from "./collected-rows.ts";
import { restsOf } from "./manifest-parts.ts";

/** The sections that a program names, and what is kept beside them. */
export type HeldKind = Section | "list of the operator" | "position" | "prepared output";

export interface HeldState {
  readonly name: string;
  readonly section: HeldKind;
  /** By which an upgrade finds it: see `stateKey`. */
  readonly key: string;
  /** For people. */
  readonly kind: string;
  /** What its program said of it; absent: nothing. */
  readonly declared?: DeclaredState;
  /** Of a table, where the program said nothing. */
  readonly schemaText?: string;
  readonly keys: readonly KeyKind[];
}

export interface HeldOperator {
  readonly operator: string;
  readonly declared: OperatorDeclaration | undefined;
  /** What is in blocks. */
  readonly inBlocks: readonly HeldState[];
  /** All that it has: looked at when it is asked for, as lists have to be decoded for that. */
  readonly states: readonly HeldState[];
}

/** By what name a state is asked for, which of some sections is the only one. */
export function stateName(section: HeldKind, name: string): string {
  if (section === "timers") return "timers";
  return section === "inFlight" ? "records in flight" : name;
}

/** What blocks of a section and name belong to: what a table has dropped belongs to the table. */
export function stateKey(section: HeldKind, name: string): string {
  if (section === "timers" || section === "inFlight") return section;
  return `${section === "drops" ? "table" : section} ${name}`;
}

/** Every operator that the checkpoint knows, with or without state. */
export function heldOperators(opened: OpenCheckpoint): readonly HeldOperator[] {
  const { manifest, layers } = opened;
  const records = layers.flatMap((layer) => layer.manifest.operators);
  const names = new Set([
    ...records.map(({ operator }) => operator),
    ...Object.keys(manifest.positions),
    ...Object.keys(manifest.markers),
  ]);
  return [...names].map((operator) => {
    const own = records.filter((record) => record.operator === operator);
    const declared = own.at(-1)?.declared;
    const inBlocks = blockStates(own, declared);
    return {
      ...{ operator, declared, inBlocks },
      get states() {
        return [...inBlocks, ...besides(opened, operator)];
      },
    };
  });
}

function blockStates(records: readonly OperatorRecord[], declared: OperatorDeclaration | undefined): HeldState[] {
  const states = new Map<string, HeldState>();
  for (const record of records.flatMap((each) => each.states)) {
    const held = heldState(record, declared);
    const known = states.get(held.key);
    states.set(held.key, known === undefined ? held : { ...known, keys: [...new Set([...known.keys, ...held.keys])] });
  }
  const inFlight = records.some(({ blocks }) => blocks.some(({ section }) => section === "inFlight"));
  const key = stateKey("inFlight", "");
  if (inFlight)
    states.set(key, { name: stateName("inFlight", ""), section: "inFlight", key, kind: "records", keys: [] });
  return [...states.values()];
}

function heldState(
  { name, section, schemaText, keys = [] }: StateRecord,
  of: OperatorDeclaration | undefined,
): HeldState {
  const key = stateKey(section, name);
  if (section === "timers") return { name: stateName(section, name), section, key, kind: "timers", keys };
  const table = section === "table" || section === "drops";
  const declared = of?.states?.find((state) => state.name === name && stateKey(state.section, name) === key);
  return {
    ...{ name, key, keys, schemaText },
    section: table ? "table" : section,
    kind: table ? "table" : `${section} state`,
    ...(declared === undefined ? {} : { declared }),
  };
}

/** What is kept beside blocks. */
function besides({ manifest }: OpenCheckpoint, operator: string): HeldState[] {
  const found: HeldState[] = [];
  const add = (section: HeldKind, name: string, kind: string): void => {
    found.push({ name, section, key: stateKey(section, name), kind, keys: [] });
  };
  for (const name of listsOf(restsOf(manifest, operator as OperatorId)))
    add("list of the operator", name, "operator's list");
  if (Object.hasOwn(manifest.positions, operator)) add("position", "position", "position");
  // Rows that are collected belong to the job that has collected them.
  if (publishesBy(manifest, operator as OperatorId)) add("prepared output", "prepared output", "output");
  return found;
}

/** Lists that have elements. */
function listsOf(rests: readonly Uint8Array[]): ReadonlySet<string> {
  const lists = rests.flatMap((rest) => (plainValue(rest) as Rest).lists); // of `operator-rest.ts`
  return new Set(lists.filter(({ elements }) => elements.length > 0).map(({ name }) => name));
}

interface Rest {
  readonly lists: readonly { readonly name: string; readonly elements: readonly unknown[] }[];
}
