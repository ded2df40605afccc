/**
 * Holds the keys of an operator to those of the state with which it goes on: where a changed program gives keys of another
 * kind, its state would never be found again, and nothing would say so. Only while the attempt runs that goes on from
 * another program's checkpoint.
 */

import { MillraceError } from "../../core/errors.ts";
import { type KeyKind, type KeySelector, keyKind } from "../../core/key.ts";
import type { StreamNode } from "../../core/node.ts";

/** The node with a key function that is held to these kinds; undefined, or without a key, as it is. */
export function withGuardedKeys(node: StreamNode, kinds: readonly KeyKind[] | undefined): StreamNode {
  const { spec } = node;
  if (kinds === undefined) return node;
  const guard = (selector: KeySelector): KeySelector => guarded(selector, new Set(kinds), node.id);
  if ("keys" in spec && spec.keys !== undefined) {
    const [first, second] = spec.keys;
    return { ...node, spec: { ...spec, keys: [guard(first), guard(second)] } };
  }
  if (!("key" in spec) || spec.key === undefined) return node;
  return { ...node, spec: { ...spec, key: guard(spec.key) } as StreamNode["spec"] };
}

function guarded(selector: KeySelector, kinds: ReadonlySet<KeyKind>, operator: string): KeySelector {
  const select: KeySelector["select"] = (value) => {
    const key = selector.select(value);
    // What is no key at all is refused where it is used.
    if (key !== null && key !== undefined && !kinds.has(keyKind(key))) throw keysChanged(keyKind(key), kinds, operator);
    return key;
  };
  return { ...selector, select };
}

function keysChanged(came: KeyKind, kinds: ReadonlySet<KeyKind>, operator: string): MillraceError {
  return new MillraceError(
    "KEYS_CHANGED",
    `"${operator}" goes on with state whose keys are ${[...kinds].join(" or ")}, but a record has a ${came} as its key, whose state would never be found. ` +
      `Make keys as they were; let the state begin anew (--drop ${operator}); or, if both are meant, say what keys are: keyBy(…, { type })`,
    { operator },
  );
}
