import { expect, test } from "vitest";
import { Epochs } from "../../../runtime/state/epochs.ts";
import { KeyGroups } from "../../../runtime/state/key-groups.ts";
import { KeyedEntries } from "../../../runtime/state/keyed-entries.ts";

function entries(): KeyedEntries {
  return new KeyedEntries("op", new KeyGroups({ first: 0, last: 7 }, 8, "op"), false, new Epochs());
}

test("a key that is cleared frees its entry", () => {
  const kept = entries();
  const a = kept.addColumn("a", "value");
  const b = kept.addColumn("b", "value");
  for (let key = 0; key < 10_000; key++) {
    kept.select(key);
    kept.write(a, key);
    kept.write(b, key);
    kept.clear(a);
    expect([kept.index.size, kept.read(a), kept.read(b)]).toEqual([1, undefined, key]);
    kept.clear(b);
    expect(kept.index.size).toBe(0);
  }
  expect([kept.index.slots, a.cells.length]).toEqual([1, 1]);
});

test("reading makes no entry", () => {
  const kept = entries();
  const a = kept.addColumn("a", "value");
  kept.select("x");
  expect([kept.read(a), kept.index.size]).toEqual([undefined, 0]);
});
