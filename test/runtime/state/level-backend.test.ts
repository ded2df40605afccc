import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { listState, mapState, valueState } from "../../../core/state.ts";
import { createLevelBackend } from "../../../runtime/state/level-backend.ts";
import { openSpillDatabase, type SpillDatabase } from "../../../runtime/state/spill-database.ts";
import { stateBackendSuite } from "../../conformance/state-backend.ts";
import { apply, compare, Model, operation } from "../../conformance/state-backend-model.ts";
import { KEY_GROUPS } from "../../conformance/state-backend-subject.ts";

const whole = { operator: "op", keyGroups: { first: 0, last: KEY_GROUPS - 1 }, keyGroupCount: KEY_GROUPS };

let folder = "";
let database: SpillDatabase;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-spill-"));
  database = await openSpillDatabase(join(folder, "db"));
});

afterAll(async () => {
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

stateBackendSuite("level, everything spills", (options) => {
  return createLevelBackend({ ...options, database, budgetBytes: 0 });
});
stateBackendSuite("level, half of it spills", (options) => {
  return createLevelBackend({ ...options, database, budgetBytes: 2000, freezeValues: true });
});

test("any use gives what plain Maps give, with everything read back from disk", async () => {
  const reads = database.diskReads;
  const steps = fc.array(operation, { maxLength: 60, size: "max" });
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const backend = createLevelBackend({ ...whole, database, budgetBytes: 0 });
      const model = new Model();
      model.select(0);
      backend.setCurrentKey(0);
      for (const step of all) {
        if (step.do === "restart") continue;
        model.apply(step);
        apply(step, backend);
        await database.settled();
      }
      compare(backend, model);
      backend.close();
    }),
    { numRuns: 30 },
  );
  expect(database.diskReads).toBeGreaterThan(reads + 100);
});

describe("the memory budget", () => {
  test("is kept by handles, whatever the number of keys", () => {
    const backend = createLevelBackend({ ...whole, database, budgetBytes: 100_000 });
    const value = backend.state("v", valueState<string>());
    for (let key = 0; key < 5000; key++) {
      backend.setCurrentKey(key);
      value.set(`${key} `.repeat(50));
    }
    for (let key = 0; key < 5000; key += 7) {
      backend.setCurrentKey(key);
      expect(value.get()).toBe(`${key} `.repeat(50));
    }
    backend.close();
  });

  test("is kept by a pane beyond the values that were asked for lately", () => {
    const before = heldValues(100_000, 20_000);
    expect(before.inMemory).toBeLessThan(3000);
    expect(before.wrong).toBe(0);
  });

  test("does not touch tables whose operators keep slots", () => {
    const backend = createLevelBackend({ ...whole, database, budgetBytes: 0 });
    const table = backend.table("model", { numbers: 0, values: true, keyGroup: "key" });
    const slot = table.pane(0).slotOf(1);
    const model = { weights: new Float64Array(100) };
    table.pane(0).values[slot] = model;
    backend.setCurrentKey(1);
    table.pane(1).slotOf(2);
    expect(table.pane(0).values[slot]).toBe(model);
  });
});

/** Fills a pane by slots alone, as an operator that keeps its pane would. */
function heldValues(budgetBytes: number, keys: number) {
  const backend = createLevelBackend({ ...whole, database, budgetBytes });
  const pane = backend.table("t", { numbers: 0, values: true }).pane(0);
  for (let key = 0; key < keys; key++) {
    const slot = pane.slotOf(key);
    pane.values[slot] = { key, text: "x".repeat(50) };
  }
  const inMemory = pane.values.filter((value) => typeof value === "object").length;
  let wrong = 0;
  for (let key = 0; key < keys; key++) {
    const slot = pane.find(key);
    if ((pane.values[slot] as { readonly key: number }).key !== key) wrong++;
  }
  backend.close();
  return { inMemory, wrong };
}

test("captures hold what is on disk, and reading it for them does not bring it back", async () => {
  const backend = createLevelBackend({ ...whole, database, budgetBytes: 0 });
  const list = backend.state("l", listState<number>());
  const map = backend.state("m", mapState<number, number>());
  for (let key = 0; key < 500; key++) {
    backend.setCurrentKey(key);
    list.add(key);
    map.put(key, key);
  }
  await database.settled();
  const copy = createLevelBackend({ ...whole, database, budgetBytes: 0 });
  const capture = backend.capture(1);
  for (let key = 0; !capture.done; key++) {
    const block = capture.step();
    if (block !== undefined) copy.restoreBlock(block, "a block");
    backend.setCurrentKey(key % 500);
    list.add(-1);
    await database.settled();
  }
  for (let key = 0; key < 500; key++) {
    copy.setCurrentKey(key);
    expect([copy.state("l", listState()).get(), [...copy.state("m", mapState()).entries()]]).toEqual([
      [key],
      [[key, key]],
    ]);
  }
});

test("a value that cannot be saved is refused by the name of its state when it is spilled", () => {
  const backend = createLevelBackend({ ...whole, database, budgetBytes: 0 });
  backend.setCurrentKey("a");
  backend.state("callbacks", valueState<() => void>()).set(() => {});
  const act = () => backend.setCurrentKey("b");
  expect(act).toThrow(expect.objectContaining({ code: "BAD_RECORD", message: expect.stringContaining("callbacks") }));
});

test("a folder that cannot be used is refused by name", async () => {
  const place = join(folder, "file");
  await writeFile(place, "x");
  const inside = join(place, "db");
  await expect(openSpillDatabase(inside)).rejects.toThrow(expect.objectContaining({ code: "STATE_SPILL" }));
  await expect(openSpillDatabase(inside)).rejects.toThrow(inside);
});

test("processing has to wait when the disk does not keep up, and may go on when it has", async () => {
  const own = await openSpillDatabase(join(folder, "slow"));
  const space = own.newSpace();
  for (let slot = 0; own.overdue === undefined; slot++) own.put(space, slot, new Uint8Array(100_000));
  await own.overdue;
  expect(own.overdue).toBe(undefined);
  expect(own.get(space, 3).length).toBe(100_000);
  await own.close();
});
