/** What two programs say of the same operator and state: what is different, and whether that can be converted. */

import type { KeyKind } from "../../core/key.ts";
import type { TypeDescription } from "../../core/types.ts";
import { type Convert, canonical, evolve, typeText } from "../state/evolve-type.ts";
import type {
  DeclaredState,
  KeyDeclaration,
  OperatorDeclaration,
  WindowDeclaration,
} from "../state/operator-declaration.ts";
import type { HeldOperator, HeldState } from "./held-state.ts";

export interface StateComparison {
  readonly kind: "kept" | "converted" | "refused";
  readonly changes: readonly string[];
  readonly convert?: Convert;
}

/** The tables whose entries are of windows. */
const windowTables = new Set(["panes", "sessions", "windows"]);

/** What keeps a state from belonging to the operator as it is now. */
export function compareOperators(
  was: OperatorDeclaration | undefined,
  is: OperatorDeclaration | undefined,
  { section, name }: HeldState,
): readonly string[] {
  if (was?.kind === undefined) return [];
  if (is === undefined) return [`the operator was a ${was.kind} and keeps nothing now`];
  if (was.kind !== is.kind) return [`the operator was a ${was.kind} and is a ${is.kind}`];
  if (section === "position") return compareConnectors(was, is);
  if (windowTables.has(name) && was.window !== undefined && is.window !== undefined)
    return compareWindows(was.window, is.window);
  return [];
}

/** Sources of one kind go on with each other's positions, as splits say themselves what they are of. */
function compareConnectors({ connector: was = "" }: OperatorDeclaration, { connector: is = "" }: OperatorDeclaration) {
  const kindOf = (connector: string): string => connector.split(":", 1)[0] as string;
  return kindOf(was) === kindOf(is)
    ? []
    : [`the source was "${was}" and is "${is}", which does not know its positions`];
}

function compareWindows(was: WindowDeclaration, is: WindowDeclaration): readonly string[] {
  const text = windowText(was);
  return text === windowText(is) ? [] : [`windows were ${text} and are ${windowText(is)}`];
}

function windowText({ kind, sizeMs, slideMs, offsetMs, timeZone }: WindowDeclaration): string {
  if (kind === "global") return kind;
  if (kind === "count") return `of ${sizeMs} records every ${slideMs}`;
  const slide = kind === "sliding" || kind === "cumulative" ? ` every ${slideMs} ms` : "";
  const offset = offsetMs === 0 ? "" : ` offset by ${offsetMs} ms`;
  return `${kind} by ${sizeMs} ms${slide}${offset}${timeZone === undefined ? "" : ` in ${timeZone}`}`;
}

const keyed = new Set<HeldState["section"]>(["value", "list", "map", "reducing", "table", "timers"]);

/** What keeps the keys of a state from being the operator's keys now. */
export function compareKeys(
  held: HeldOperator | undefined,
  declared: OperatorDeclaration | undefined,
  { section, keys }: HeldState,
): readonly string[] {
  const is = declared?.key;
  if (is === undefined || !keyed.has(section)) return [];
  const was = held?.declared?.key;
  if (is.type !== undefined && was?.type !== undefined) return compareTypes(was.type, is.type);
  if (is.type !== undefined) return compareKinds(keys, is.type);
  return was === undefined ? [] : compareFields(was, is);
}

function compareTypes(was: TypeDescription, is: TypeDescription): readonly string[] {
  if (was.kind === "any" || is.kind === "any" || canonical(was) === canonical(is)) return [];
  return [`keys were ${typeText(was)} and are ${typeText(is)}`];
}

function compareKinds(keys: readonly KeyKind[], is: TypeDescription): readonly string[] {
  const possible = kindsOf(is);
  const others = keys.filter((kind) => possible !== undefined && !possible.includes(kind));
  return others.length === 0 ? [] : [`keys are ${others.join(" and ")} in the checkpoint and ${typeText(is)} now`];
}

function compareFields({ fields: was }: KeyDeclaration, { fields: is }: KeyDeclaration): readonly string[] {
  if (was === undefined || is === undefined || (was.length === is.length && was.every((name, at) => name === is[at])))
    return [];
  const fault = `keys were made of ${was.join(", ")} and are made of ${is.join(", ")}`;
  const same =
    was.length === is.length
      ? "; if it is the same key under another name, say so by its type: keyBy(…, { type })"
      : "";
  return [`${fault}${same}`];
}

/** The kinds of keys of a type; undefined: any. */
function kindsOf(type: TypeDescription): readonly KeyKind[] | undefined {
  switch (type.kind) {
    case "int32":
    case "integer":
    case "number":
      return ["number"];
    case "string":
    case "bigint":
    case "boolean":
    case "date":
    case "tuple":
      return [type.kind];
    case "literal":
      return [...new Set(type.values.map((value) => typeof value as KeyKind))];
    case "union": {
      const parts = type.parts.map(kindsOf);
      return parts.includes(undefined) ? undefined : parts.flatMap((part) => part ?? []);
    }
    default:
      return undefined;
  }
}

/**
 * The kinds of keys in the checkpoint, where the operator's key function is another one and nobody says what it gives: its
 * keys are held to them while the job runs. Undefined: they need not be.
 */
export function guardedKeys(
  held: HeldOperator | undefined,
  declared: OperatorDeclaration | undefined,
): readonly KeyKind[] | undefined {
  const is = declared?.key;
  const was = held?.declared?.key;
  if (is === undefined || was === undefined || is.type !== undefined || is.code === was.code) return undefined;
  const kinds = [...new Set(held?.inBlocks.flatMap(({ keys }) => keys))];
  return kinds.length === 0 ? undefined : kinds;
}

/** @param states that the program declares; undefined: it does not say */
export function compareStates(held: HeldState, states: readonly DeclaredState[] | undefined): StateComparison {
  const { name, section, declared } = held;
  if (states === undefined || !keyed.has(section) || section === "timers") return { kind: "kept", changes: [] };
  const is = states.find((state) => state.name === name);
  if (is === undefined)
    return { kind: "kept", changes: ["the program does not declare it any more: it is carried along unread"] };
  if (is.section !== section)
    return { kind: "refused", changes: [`it was a ${section} state and is a ${is.section} state`] };
  const tables = section === "table" ? compareTables(held, is) : [];
  if (tables.length > 0) return { kind: "refused", changes: tables };
  return compareValues(declared, is);
}

function compareTables({ declared: was, schemaText }: HeldState, is: DeclaredState): readonly string[] {
  const before = was?.columns === undefined ? savedTable(schemaText) : tableText(was.columns, was.values);
  const after = was?.columns === undefined ? sizeText(is.columns?.length, is.values) : tableText(is.columns, is.values);
  return before === undefined || before === after ? [] : [`it kept ${before} and keeps ${after}`];
}

function tableText(columns: readonly string[] = [], values = false): string {
  return [...columns, ...(values ? ["a value"] : [])].join(", ");
}

/** What blocks say of a table of which the program said nothing. */
function savedTable(schemaText: string | undefined): string | undefined {
  if (schemaText === undefined) return undefined;
  const { kind, numbers, values } = JSON.parse(schemaText) as { kind: string; numbers?: number; values?: boolean }; // of `schemaText`
  return kind === "table" ? sizeText(numbers, values) : undefined;
}

function sizeText(numbers = 0, values = false): string {
  return `${numbers} numbers${values ? " and a value" : ""}`;
}

function compareValues(was: DeclaredState | undefined, is: DeclaredState): StateComparison {
  const keys = evolve(was?.keyType ?? { kind: "any" }, is.keyType ?? { kind: "any" }, "its keys");
  if (keys.kind !== "same") return { kind: "refused", changes: keys.changes };
  if (was?.type === undefined || is.type === undefined) {
    const added = is.type !== undefined && "its values had no schema: they are kept as they are";
    const removed =
      was?.type !== undefined && is.type === undefined && "it has no schema any more: its values are kept as they are";
    return { kind: "kept", changes: [added, removed].filter((change) => change !== false) };
  }
  const values = evolve(was.type, is.type);
  return values.kind === "same" ? { kind: "kept", changes: [] } : values;
}
