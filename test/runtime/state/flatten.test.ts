import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { expect, test } from "vitest";
import { valueState } from "../../../core/state.ts";
import { flatten } from "../../../runtime/state/flatten.ts";
import { createMemoryBackend } from "../../../runtime/state/memory-backend.ts";

test("a flattened string is the same string, lone surrogates included", () => {
  const unit = fc
    .oneof(fc.integer({ min: 0, max: 0xff }), fc.integer({ min: 0, max: 0xffff }))
    .map((code) => String.fromCharCode(code));
  fc.assert(fc.property(fc.string({ unit, maxLength: 40, size: "max" }), (text) => flatten(text) === text));
  for (const text of ["é".repeat(8192), "é".repeat(8193), "\ud800".repeat(9000)])
    expect(flatten(text) === text).toBe(true);
});

test("a substring that is stored, as key or as value, does not keep its batch alive", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const backend = createMemoryBackend({ operator: "op", keyGroups: { first: 0, last: 0 }, keyGroupCount: 1 });
  const value = backend.state("v", valueState<string>());
  const batchBytes = 100_000;
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let batch = 0; batch < 500; batch++) {
    const text = Buffer.alloc(batchBytes, `${batch} `.padStart(20, "k")).toString("latin1");
    backend.setCurrentKey(text.substring(0, 20));
    value.set(text.substring(1000, 1100));
  }
  collect();
  expect(process.memoryUsage().heapUsed - before).toBeLessThan((500 * batchBytes) / 4);
  expect([...backend.keys("v")].length).toBe(500);
});
