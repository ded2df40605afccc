/** The manifest of a savepoint that a program has made: what it takes over from another, and what has been written. */

import type { OperatorId } from "../../core/ids.ts";
import type { StateDescriptor } from "../../core/state.ts";
import { stateKey } from "../checkpoints/held-state.ts";
import type { WrittenBlocks } from "../checkpoints/manifest-parts.ts";
import { restsOf } from "../checkpoints/manifest-parts.ts";
import type { CheckpointManifest, Opaque, OperatorRecord } from "../state/checkpoint-manifest.ts";
import type { DeclaredState, OperatorDeclaration } from "../state/operator-declaration.ts";
import { plainBytes, plainValue } from "../state/plain-bytes.ts";

/** An operator that is taken over. */
export interface KeptOperator {
  readonly was: string;
  readonly is: string;
  /** What of it is left out, by `stateKey`. */
  readonly removed: ReadonlySet<string>;
}

/** What a state's values are now. */
export interface DescribedState {
  readonly operator: string;
  readonly name: string;
  readonly descriptor: StateDescriptor;
}

export interface ChangedManifestParts {
  readonly was: CheckpointManifest | undefined;
  readonly lineage: string;
  readonly keyGroups: number;
  readonly createdAtMs: number;
  readonly kept: readonly KeptOperator[];
  readonly written: readonly WrittenBlocks[];
  readonly described: readonly DescribedState[];
}

export function changedManifest(parts: ChangedManifestParts): CheckpointManifest {
  const { was, lineage, keyGroups, createdAtMs, kept, written } = parts;
  const names = new Set([...kept.map(({ is }) => is), ...written.map(({ operator }) => operator)]);
  return {
    ...{ checkpoint: was?.checkpoint ?? 1, lineage, savepoint: true, createdAtMs, keyGroups, chain: [] },
    operators: [...names].flatMap((name) => operatorRecord(name, parts)),
    positions: taken(was?.positions, kept, stateKey("position", "position")),
    markers: taken(was?.markers, kept, stateKey("prepared output", "prepared output")),
  };
}

function operatorRecord(name: string, { was, kept, written, described }: ChangedManifestParts): OperatorRecord[] {
  const source = kept.find(({ is }) => is === name);
  const old = was?.operators.find(({ operator }) => operator === source?.was);
  const own = written.find(({ operator }) => operator === name);
  const rest = source === undefined || was === undefined ? [] : restWithout(was, source);
  if (old === undefined && own === undefined) return [];
  const declared = redeclared(
    old?.declared,
    described.filter(({ operator }) => operator === name),
  );
  return [
    {
      ...{
        operator: name,
        parallelism: old?.parallelism ?? 1,
        states: own?.states ?? [],
        blocks: own?.blocks ?? [],
        rest,
      },
      ...(declared === undefined ? {} : { declared }),
    },
  ];
}

/** Watermarks stay, lists that are left out do not. */
function restWithout(was: CheckpointManifest, { was: operator, removed }: KeptOperator): readonly Opaque[] {
  return restsOf(was, operator as OperatorId).map((bytes) => {
    const rest = plainValue(bytes) as { readonly lists: readonly { readonly name: string }[] }; // of `operator-rest.ts`
    const lists = rest.lists.filter(({ name }) => !removed.has(stateKey("list of the operator", name)));
    return plainBytes({ ...rest, lists }).toString("base64");
  });
}

function redeclared(
  was: OperatorDeclaration | undefined,
  described: readonly DescribedState[],
): OperatorDeclaration | undefined {
  if (described.length === 0) return was;
  const states = new Map((was?.states ?? []).map((state) => [state.name, state]));
  for (const { name, descriptor } of described) states.set(name, declaredAs(name, descriptor));
  return { ...was, states: [...states.values()] };
}

function declaredAs(name: string, descriptor: StateDescriptor): DeclaredState {
  const keyType = descriptor.kind === "map" ? descriptor.keyType : undefined;
  return {
    ...{ name, section: descriptor.kind },
    ...(descriptor.type === undefined ? {} : { type: descriptor.type }),
    ...(keyType === undefined ? {} : { keyType }),
  };
}

function taken(
  from: Readonly<Record<string, Opaque>> = {},
  kept: readonly KeptOperator[],
  state: string,
): Readonly<Record<string, Opaque>> {
  const own = kept.filter(({ was, removed }) => Object.hasOwn(from, was) && !removed.has(state));
  return Object.fromEntries(own.map(({ was, is }) => [is, from[was] as Opaque]));
}
