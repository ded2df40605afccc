/** What a manifest says of the keys in blocks: the kinds that are there, whatever encoding the column has. */

import { expect, test } from "vitest";
import type { Key } from "../../../core/key.ts";
import { valueState } from "../../../core/state.ts";
import { checkpointName } from "../../../runtime/state/checkpoint-store.ts";
import { CheckpointWriter } from "../../../runtime/state/checkpoint-writer.ts";
import { createMemoryBackend } from "../../../runtime/state/memory-backend.ts";
import { MemoryStore } from "../../../runtime/state/memory-store.ts";

function kindsOf(keys: readonly Key[]): readonly string[] | undefined {
  const backend = createMemoryBackend({ operator: "op", keyGroups: { first: 0, last: 0 }, keyGroupCount: 1 });
  const handle = backend.state("s", valueState<number>());
  for (const key of keys) {
    backend.setCurrentKey(key);
    handle.set(1);
  }
  const writer = new CheckpointWriter(new MemoryStore(), checkpointName(1), "w");
  const capture = backend.capture(1);
  while (!capture.done) {
    const block = capture.step();
    if (block !== undefined) writer.add("op", block);
  }
  return writer.records()[0]?.states[0]?.keys;
}

const many = Array.from({ length: 3000 }, (_, at) => at);

const cases: readonly (readonly [what: string, keys: readonly Key[], kinds: readonly string[]])[] = [
  ["whole numbers", many, ["number"]],
  ["fractions", [0.5, 1], ["number"]],
  ["one number", [7], ["number"]],
  ["texts", many.map(String), ["string"]],
  ["one text", ["a"], ["string"]],
  ["texts beyond Latin-1", ["ä", "漢"], ["string"]],
  ["bigints", [1n, 2n], ["bigint"]],
  ["truth values", [true, false], ["boolean"]],
  ["dates", [new Date(0)], ["date"]],
  ["tuples", [["a", 1]], ["tuple"]],
  ["numbers and texts", [1, "1"], ["number", "string"]],
  ["kinds in different blocks", [...many, "x", true], ["boolean", "number", "string"]],
];

test.each(cases)("%s", (_, keys, kinds) => {
  expect(kindsOf(keys)).toEqual(kinds);
});
