/** Keys that are held to those of restored state. */

import { expect, test } from "vitest";
import type { Key, KeySelector } from "../../../core/key.ts";
import type { StreamNode } from "../../../core/node.ts";
import { withGuardedKeys } from "../../../runtime/task/guard-keys.ts";

function selector(node: StreamNode): KeySelector {
  return (node.spec as { readonly key: KeySelector }).key;
}

function node(spec: object): StreamNode {
  return { id: "counts", spec, inputs: [] } as unknown as StreamNode;
}

const keyed = node({ kind: "reduce", key: { select: (value: unknown) => value as Key, fields: undefined } });

test("keys of the kinds that were saved pass, others are refused with their kind", () => {
  const { select } = selector(withGuardedKeys(keyed, ["string", "tuple"]));
  for (const key of ["a", "", ["a", 1]]) expect(select(key)).toBe(key);
  for (const [key, kind] of [
    [1, "number"],
    [1n, "bigint"],
    [true, "boolean"],
    [new Date(0), "date"],
  ] as const)
    expect(() => select(key)).toThrow(
      expect.objectContaining({
        code: "KEYS_CHANGED",
        operator: "counts",
        message: expect.stringContaining(`a ${kind} as its key`),
      }),
    );
});

test("what is no key is left to whoever looks it up, and what has no key is left alone", () => {
  const { select } = selector(withGuardedKeys(keyed, ["string"]));
  expect([select(null), select(undefined)]).toEqual([null, undefined]);
  expect(withGuardedKeys(keyed, undefined)).toBe(keyed);
  const map = node({ kind: "map" });
  expect(withGuardedKeys(map, ["string"])).toBe(map);
});
