/** From a node of the program to what its operator keeps, as far as the node says it. */

import { createHash } from "node:crypto";
import type { Aggregate } from "../../core/aggregate.ts";
import { holdsNumbers } from "../../core/aggregates/combine.ts";
import { isClockWindow, isPlainSession, type PlainSessionSpec } from "../../core/general-window.ts";
import type { IntervalJoinSpec } from "../../core/interval-join.ts";
import type { KeySelector } from "../../core/key.ts";
import { HELD_LEAVES_MAX } from "../../core/limits.ts";
import type { KeyPair, OperatorSpec, StreamNode } from "../../core/node.ts";
import type { StateDeclaration } from "../../core/state.ts";
import type { TypeDescription } from "../../core/types.ts";
import type { AlignedWindow } from "../../core/window.ts";
import { windowStateName } from "../../operators/window/general/window-states.ts";
import type {
  DeclaredState,
  KeyDeclaration,
  OperatorDeclaration,
  WindowDeclaration,
} from "../state/operator-declaration.ts";

/** Undefined for operators that keep nothing. */
export function declaredState({ spec }: StreamNode): OperatorDeclaration | undefined {
  switch (spec.kind) {
    case "source":
      return { kind: spec.kind, connector: spec.source.name };
    case "sink":
      return { kind: spec.kind, connector: spec.sink.name };
    case "process":
      return spec.key && { kind: spec.kind, key: keyOf(spec.key), states: statesOf(spec.fn.state ?? {}) };
    case "coProcess":
      return spec.keys && { kind: spec.kind, key: keyOfPair(spec.keys), states: statesOf(spec.fn.state ?? {}) };
    case "pattern":
      return { kind: spec.kind, key: keyOf(spec.key), states: [table("matches", ["due", "holds"], true, undefined)] };
    case "aggregate":
      return { kind: spec.kind, key: keyOf(spec.key), states: [runningAggregate(spec)] };
    case "broadcastProcess":
      return spec.key === undefined
        ? { kind: spec.kind }
        : { kind: spec.kind, key: keyOf(spec.key), states: statesOf(spec.fn.state ?? {}) };
    case "intervalJoin":
      return { kind: spec.kind, key: keyOfPair(spec.keys), states: intervalJoinStates(spec) };
    case "innerJoin":
    case "regularJoin":
      return { kind: spec.kind, key: keyOfPair(spec.keys), states: statesOf(spec.state) };
    case "temporalJoin": {
      const states = [table("records", [], true, undefined), table("rows", ["due", "holds"], true, undefined)];
      return { kind: spec.kind, key: keyOfPair(spec.keys), states };
    }
    case "windowJoin":
      return {
        kind: spec.kind,
        key: keyOfPair(spec.keys),
        window: anyWindow(spec.window),
        states: [table("windows", [], true, undefined), ...statesOf(spec.fn.state ?? {})],
      };
    case "deduplicate":
      if (spec.approximate !== undefined)
        // filters of key groups, whatever the keys
        return { kind: spec.kind, states: [table("filters", ["keys"], true, undefined)] };
      return { kind: spec.kind, key: keyOf(spec.key), states: statesOf(spec.state) };
    case "changelog":
    case "topN":
    case "topNChanges":
    case "aggregateChanges":
      return { kind: spec.kind, key: keyOf(spec.key), states: statesOf(spec.state) };
    case "reduce":
      return { kind: spec.kind, key: keyOf(spec.key), states: [table("reduce", [], true, spec.type)] };
    case "window":
      return alignedWindow(spec.kind, spec);
    case "generalWindow":
      if (isPlainSession(spec)) return plainSession(spec);
      if (isClockWindow(spec)) return alignedWindow("clockWindow", spec);
      return {
        kind: spec.kind,
        key: keyOf(spec.key),
        window: anyWindow(spec.window),
        states: [table("windows", [], true, undefined), ...statesOf(spec.fn?.state ?? {}), ...windowStates(spec)],
      };
    case "asyncMap":
    case "lookupJoin":
    case "custom":
      return { kind: spec.kind };
    default:
      return undefined;
  }
}

function keyOf({ fields, type, select }: KeySelector): KeyDeclaration {
  const code = codeOf(String(select));
  return { ...(fields === undefined ? {} : { fields }), ...(type === undefined ? {} : { type }), code };
}

/** Of two selectors: the fields and the type as far as they are the same; the text of both. */
function keyOfPair([first, second]: KeyPair): KeyDeclaration {
  const type = first.type ?? second.type;
  const sameFields = first.fields !== undefined && String(first.fields) === String(second.fields);
  return {
    ...(sameFields ? { fields: first.fields as readonly string[] } : {}),
    ...(type === undefined ? {} : { type }),
    code: codeOf(`${first.select}\n${second.select}`),
  };
}

function codeOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

function statesOf(declared: StateDeclaration): readonly DeclaredState[] {
  return Object.entries(declared).map(([name, descriptor]) => {
    const { kind, type } = descriptor;
    const keyType = descriptor.kind === "map" ? descriptor.keyType : undefined;
    return {
      ...{ name, section: kind },
      ...(type === undefined ? {} : { type }),
      ...(keyType === undefined ? {} : { keyType }),
    };
  });
}

function intervalJoinStates({ preserved }: IntervalJoinSpec): readonly DeclaredState[] {
  return (["left", "right"] as const).flatMap((side) => [
    table(side, [], true, undefined),
    ...(preserved[side] ? [table(`${side}Pending`, [], false, undefined)] : []),
  ]);
}

/** As far as it looks at what keeps an aggregate. */
type Aggregating = Pick<Extract<OperatorSpec, { readonly kind: "window" }>, "aggregate" | "type">;

/** An aggregate that names the fields which it reads keeps no records: what it keeps of each key is mostly small. */
function panes({ aggregate, type }: Aggregating): DeclaredState {
  const { columns, fields }: Aggregate<unknown, unknown, unknown> = aggregate;
  if (columns === undefined) {
    const accumulators = table("panes", [], true, type);
    return fields === undefined ? accumulators : { ...accumulators, holds: "accumulators" };
  }
  const ops = Array.from(columns, ({ op }) => op);
  return table("panes", ops, false, undefined);
}

/** Of one pane for all keys. */
function runningAggregate(spec: Aggregating): DeclaredState {
  const state = { ...panes(spec), name: "aggregate" };
  return holdsNumbers(spec.aggregate) ? { ...state, holds: "numbers" } : state;
}

function table(
  name: string,
  columns: readonly string[],
  values: boolean,
  type: TypeDescription | undefined,
): DeclaredState {
  return { name, section: "table", columns, values, ...(type === undefined ? {} : { type }) };
}

/** What goes by watermarks and what goes by the clock keep the same, and yet neither can go on from the other. */
function alignedWindow(
  kind: string,
  spec: Aggregating & { readonly key: KeySelector; readonly window: AlignedWindow },
): OperatorDeclaration {
  const its = panes(spec);
  const accumulators: DeclaredState =
    its.holds === "accumulators" && beginsSmall(spec.aggregate) ? { ...its, holds: "leaves" } : its;
  const states = [accumulators, table("fired", ["watermark"], false, undefined)];
  return { kind, key: keyOf(spec.key), window: windowOf(spec.window), states };
}

/** Whether an aggregate's accumulators begin as values that windows hold by their leaves (`operators/value-forms.ts`). */
function beginsSmall(aggregate: Aggregate<unknown, unknown, unknown>): boolean {
  if (aggregate.columns !== undefined || aggregate.touch !== undefined) return false;
  try {
    const begun = aggregate.create();
    return (typeof begun !== "object" || isPlain(begun)) && leavesOf(begun) <= HELD_LEAVES_MAX;
  } catch {
    return false; // the operator tells of it, when a record comes
  }
}

function leavesOf(value: unknown): number {
  if (!isPlain(value)) return 1;
  return Object.values(value).reduce((sum: number, part) => sum + leavesOf(part), 0);
}

function isPlain(value: unknown): value is object {
  return Array.isArray(value) || (typeof value === "object" && value?.constructor === Object);
}

/** Its sessions are kept otherwise than those with a trigger or a function, so it is another kind of operator. */
function plainSession(spec: PlainSessionSpec): OperatorDeclaration {
  const { columns = [], ...state } = panes(spec);
  const sessions = { ...state, name: "sessions", columns: [...columns, "start", "end"] };
  const states = [sessions, table("fired", ["watermark"], false, undefined)];
  return { kind: "session", key: keyOf(spec.key), window: anyWindow(spec.window), states };
}

/** Each is a map by window. */
function windowStates({ fn }: Extract<OperatorSpec, { readonly kind: "generalWindow" }>): readonly DeclaredState[] {
  return Object.keys(fn?.windowState ?? {}).map((name) => ({ name: windowStateName(name), section: "map" }));
}

function anyWindow(window: Extract<OperatorSpec, { readonly kind: "generalWindow" }>["window"]): WindowDeclaration {
  switch (window.kind) {
    case "global":
      return { kind: window.kind, sizeMs: 0, slideMs: 0, offsetMs: 0 };
    case "count":
      return { kind: window.kind, sizeMs: window.size, slideMs: window.slide, offsetMs: 0 };
    case "session":
      return { kind: window.kind, sizeMs: window.gapMs ?? 0, slideMs: 0, offsetMs: 0 };
    default:
      return windowOf(window);
  }
}

function windowOf({ kind, sizeMs, slideMs, offsetMs, timeZone }: AlignedWindow): WindowDeclaration {
  return { kind, sizeMs, slideMs, offsetMs, ...(timeZone === undefined ? {} : { timeZone }) };
}
