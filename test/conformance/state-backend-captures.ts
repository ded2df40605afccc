/**
 * The part of the state backend suite that is about captures: any use, with checkpoints that are driven in steps,
 * confirmed, aborted or never heard of again, crashes and rescaling, restores what stood at the barrier.
 */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeKey, hashKey, type Key } from "../../core/key.ts";
import { keyGroupOf, subtaskOfKeyGroup } from "../../core/key-group.ts";
import { listState, mapState, valueState } from "../../core/state.ts";
import type { KeyedStateBackend, StateCapture } from "../../core/state-backend.ts";
import { readHeader } from "../../runtime/state/state-block.ts";
import {
  apply,
  expectedKept,
  expectedRowText,
  handlesOf,
  Model,
  number,
  type Operation,
  operation,
  rowText,
} from "./state-backend-model.ts";
import { type BackendFactory, KEY_GROUPS, open } from "./state-backend-subject.ts";

/** Blocks of one checkpoint, by subtask, and what they were made from. */
interface Layer {
  readonly id: number;
  readonly base: number | undefined;
  readonly blocks: readonly (readonly Uint8Array[])[];
  readonly expected: Model;
}

/** All blocks of a capture. */
export function driven(capture: StateCapture): Uint8Array[] {
  const blocks: Uint8Array[] = [];
  while (!capture.done) {
    const block = capture.step();
    if (block !== undefined) blocks.push(block);
  }
  return blocks;
}

const checkpointing = fc.oneof(
  { weight: 30, arbitrary: operation },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("fill" as const), from: number }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("capture" as const), full: fc.boolean() }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("drive" as const), steps: number }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("confirm" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("abort" as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("crash" as const),
      parallelism: fc.integer({ min: 1, max: 4 }),
      builds: fc.boolean(),
    }),
  },
);

/** A job's subtasks with their checkpoints, as coordinator and stores would keep them. */
class Job {
  model = new Model();
  #backends: readonly KeyedStateBackend[];
  #current: Key = 0;
  #nextId = 1;
  #running: { id: number; captures: StateCapture[]; blocks: Uint8Array[][]; expected: Model } | undefined;
  /** Complete, but perhaps not confirmed. */
  readonly #layers = new Map<number, Layer>();
  /** The complete checkpoint that came last, with the layers that it is restored from. */
  #chain: readonly Layer[] = [];
  readonly #factory: BackendFactory;

  constructor(factory: BackendFactory) {
    this.#factory = factory;
    this.#backends = [open(factory)];
    this.model.select(0);
  }

  use(step: Operation): void {
    if (step.do === "select") this.#current = step.key;
    this.model.apply(step);
    if (step.do === "drop") {
      for (const backend of this.#backends) apply(step, backend);
      return;
    }
    if (step.do === "countMany") {
      for (const [owner, keys] of Map.groupBy(step.keys, (key) => this.#ownerOf(key))) apply({ ...step, keys }, owner);
      return;
    }
    const owner = this.#ownerOf(step.do === "count" ? step.key : this.#current);
    owner.setCurrentKey(this.#current);
    apply(step, owner);
  }

  /** Many elements, so that maps and lists are saved by element. */
  fill(from: number): void {
    for (let i = from * 5; i < from * 5 + 40; i++) {
      this.use({ do: "put", key: i, number: i });
      this.use({ do: "listAdd", number: i });
    }
  }

  capture(full: boolean): void {
    this.drive(Number.POSITIVE_INFINITY);
    const id = this.#nextId++;
    const captures = this.#backends.map((backend) => backend.capture(id, { full }));
    this.#running = { id, captures, blocks: captures.map(() => []), expected: this.model.clone() };
  }

  /** Steps of every subtask's capture; the last ones complete the checkpoint. */
  drive(steps: number): void {
    if (this.#running === undefined) return;
    const { id, captures, blocks, expected } = this.#running;
    captures.forEach((capture, subtask) => {
      for (let i = 0; i < steps && !capture.done; i++) {
        const block = capture.step();
        if (block !== undefined) blocks[subtask]?.push(block);
      }
    });
    if (!captures.every(({ done }) => done)) return;
    this.#running = undefined;
    const layer: Layer = { id, base: captures[0]?.base, blocks, expected };
    this.#layers.set(id, layer);
    this.#chain = layer.base === undefined ? [layer] : [...this.#chain, layer];
  }

  confirm(): void {
    const last = this.#chain.at(-1);
    if (last !== undefined) for (const backend of this.#backends) backend.confirm(last.id);
  }

  abort(): void {
    if (this.#running === undefined) return;
    for (const backend of this.#backends) backend.abort(this.#running.id);
    this.#running = undefined;
  }

  /** Everything is restored from the last complete checkpoint. */
  crash(parallelism: number, builds: boolean): void {
    this.#running = undefined;
    for (const backend of this.#backends) backend.close();
    this.model = this.#chain.at(-1)?.expected.clone() ?? new Model();
    this.#backends = Array.from({ length: parallelism }, (_, subtask) => this.#restored(subtask, parallelism, builds));
    this.#current = 0;
    this.model.select(0);
    this.compare();
  }

  #restored(subtask: number, parallelism: number, builds: boolean): KeyedStateBackend {
    const backend = open(this.#factory, subtask, parallelism);
    for (const { id, blocks } of this.#chain) {
      for (const of of blocks)
        for (const [i, block] of of.entries()) backend.restoreBlock(block, `block ${i} of ${id}`);
    }
    const last = this.#chain.at(-1);
    if (builds && last !== undefined) backend.restored(last.id);
    return backend;
  }

  #ownerOf(key: Key): KeyedStateBackend {
    const group = keyGroupOf(hashKey(key, "op"), KEY_GROUPS);
    return this.#backends[subtaskOfKeyGroup(group, KEY_GROUPS, this.#backends.length)] as KeyedStateBackend;
  }

  compare(): void {
    for (const name of ["value", "list", "map", "sum"] as const) {
      const found = this.#backends.flatMap((backend) => [...backend.keys(name)]);
      const expected = [...this.model.entries].flatMap(([encoding, entry]) => (entry[name] ? [encoding] : []));
      const zeros = [...this.model.entries].flatMap(([encoding, entry]) => (entry[name] === 0 ? [encoding] : []));
      expect(found.map((each) => encodeKey(each, "op")).sort()).toEqual([...expected, ...zeros].sort());
    }
    for (const entry of this.model.entries.values()) this.#compareEntry(entry);
    this.#compareTable();
    this.#ownerOf(this.#current).setCurrentKey(this.#current);
  }

  #compareEntry(entry: Model["entries"] extends ReadonlyMap<string, infer E> ? E : never): void {
    const owner = this.#ownerOf(entry.key);
    owner.setCurrentKey(entry.key);
    const { value, record, list, rows, map, sum } = handlesOf(owner);
    const expected = [entry.value, entry.list ?? [], [...(entry.map?.values() ?? [])], entry.sum];
    expect([value.get(), list.get(), [...map.entries()], sum.get()]).toEqual(expected);
    expect(rowText(rows.get())).toBe(expectedRowText(entry.list));
    expect(record.get()).toEqual(expectedKept(entry.value));
  }

  #compareTable(): void {
    const found = new Map<string, unknown>();
    for (const backend of this.#backends) {
      const { table, counts } = handlesOf(backend);
      expect(counts.namespaces()).toEqual(table.namespaces());
      for (const namespace of table.namespaces()) {
        const pane = table.pane(namespace);
        const other = counts.pane(namespace);
        expect(other.size).toBe(pane.size);
        for (let slot = 0; slot < pane.size; slot++) {
          const key = pane.keyAt(slot);
          const count = other.numbers[0]?.[other.find(key)];
          found.set(`${namespace} ${encodeKey(key, "op")}`, [pane.numbers[0]?.[slot], pane.values[slot], count]);
        }
      }
    }
    const expected = new Map<string, unknown>();
    for (const [namespace, counts] of this.model.table)
      for (const [encoding, count] of counts) expected.set(`${namespace} ${encoding}`, [count, count, count]);
    expect(found).toEqual(expected);
  }
}

export function captureSuite(factory: BackendFactory): void {
  describe("any use", () => {
    test("with checkpoints, crashes and rescaling restores what stood at the last barrier that was complete", () => {
      fc.assert(
        fc.property(fc.array(checkpointing, { maxLength: 150, size: "max" }), (steps) => {
          const job = new Job(factory);
          for (const step of steps) {
            if (step.do === "fill") job.fill(step.from);
            else if (step.do === "capture") job.capture(step.full);
            else if (step.do === "drive") job.drive(step.steps * step.steps);
            else if (step.do === "confirm") job.confirm();
            else if (step.do === "abort") job.abort();
            else if (step.do === "crash") job.crash(step.parallelism, step.builds);
            else if (step.do !== "restart") job.use(step);
          }
          job.compare();
          job.crash(2, true);
        }),
        { numRuns: 150 },
      );
    }, 180_000);
  });

  test("a delta holds what has changed since the confirmed checkpoint, and what a declined one held again", () => {
    const backend = counted(factory, 5000);
    const bytes = (id: number) => driven(backend.capture(id)).reduce((sum, block) => sum + block.length, 0);
    const everything = bytes(1);
    backend.confirm(1);
    set(backend, 7, -1);
    const little = bytes(2);
    expect(little).toBeLessThan(everything / 20);
    backend.abort(2);
    set(backend, 8, -1);
    const capture = backend.capture(3);
    expect(capture.base).toBe(1);
    const blocks = driven(capture);
    const copy = counted(factory, 5000);
    for (const block of blocks) copy.restoreBlock(block, "a block");
    expect([get(copy, 7), get(copy, 8), get(copy, 9)]).toEqual([-1, -1, 9]);
  });

  test("what changes while a capture is driven is not in it, whatever has been written so far", () => {
    const backend = counted(factory, 3000);
    const table = backend.table("t", { numbers: 1, values: true });
    for (let key = 0; key < 3000; key++) {
      const slot = table.pane(key % 3).slotOf(key);
      (table.pane(key % 3).numbers[0] as Float64Array)[slot] = key;
      table.pane(key % 3).values[slot] = { items: [key] };
    }
    const capture = backend.capture(1);
    const blocks: Uint8Array[] = [];
    for (let key = 0; !capture.done; key++) {
      const block = capture.step();
      if (block !== undefined) blocks.push(block);
      for (const changed of [(key * 37) % 3000, (key * 101) % 3000]) {
        set(backend, changed, -1);
        const pane = table.pane(changed % 3);
        const slot = pane.slotOf(changed);
        (pane.numbers[0] as Float64Array)[slot] = -1;
        pane.values[slot] ??= { items: [] };
        (pane.values[slot] as { items: number[] }).items.push(-1);
      }
      if (key === 5) table.drop(2);
    }
    const copy = open(factory);
    for (const block of blocks) copy.restoreBlock(block, "a block");
    const restored = copy.table("t", { numbers: 1, values: true });
    for (let key = 0; key < 3000; key++) {
      const pane = restored.pane(key % 3);
      const slot = pane.find(key);
      expect([pane.numbers[0]?.[slot], pane.values[slot], get(copy, key)]).toEqual([key, { items: [key] }, key]);
    }
  });

  test("what changes while a capture of many keys is still looking for changes is in it once, as it was at the barrier", () => {
    const keys = 40_000; // more than a capture looks at in one step
    const backend = counted(factory, keys);
    const table = backend.table("t", { numbers: 2, values: false });
    const add = (target: typeof table, key: number, amount: number) => {
      const pane = target.pane(key % 2);
      const slot = pane.slotOf(key);
      for (const column of pane.numbers) column[slot * pane.stride] = (column[slot * pane.stride] as number) + amount;
    };
    for (let key = 0; key < keys; key++) add(table, key, key);
    const capture = backend.capture(1);
    const blocks: Uint8Array[] = [];
    for (let i = 0; !capture.done; i++) {
      for (const changed of [keys - 1 - i, (i * 7919) % keys, i % keys]) {
        set(backend, changed, -1);
        add(table, changed, 1);
      }
      set(backend, keys + i, 0);
      add(table, keys + i, 0);
      const block = capture.step();
      if (block !== undefined) blocks.push(block);
    }
    const rows = blocks.reduce((sum, block, i) => sum + readHeader(block, `block ${i}`, "op").rows, 0);
    expect(rows).toBe(2 * keys);
    const copy = open(factory);
    for (const block of blocks) copy.restoreBlock(block, "a block");
    const restored = copy.table("t", { numbers: 2, values: false });
    const found = Array.from({ length: keys }, (_, key) => {
      const pane = restored.pane(key % 2);
      const slot = pane.find(key);
      return [get(copy, key), ...pane.numbers.map((column) => column[slot * pane.stride])];
    });
    expect(found).toEqual(Array.from({ length: keys }, (_, key) => [key, key, key]));
  });

  test("the value undefined is a value: it is saved, and counts as there", () => {
    const backend = open(factory);
    const state = backend.state("u", valueState<number | undefined>(7));
    for (let key = 0; key < 20; key++) {
      backend.setCurrentKey(key);
      state.set(key % 3 === 0 ? undefined : key);
      if (key % 3 === 2) state.clear();
    }
    const expected = Array.from({ length: 20 }, (_, key) => (key % 3 === 0 ? undefined : key % 3 === 2 ? 7 : key));
    const read = (from: KeyedStateBackend) => {
      const restored = from.state("u", valueState<number | undefined>(7));
      return expected.map((_, key) => {
        from.setCurrentKey(key);
        return restored.get();
      });
    };
    expect(read(backend)).toEqual(expected);
    const copy = open(factory);
    for (const block of driven(backend.capture(1))) copy.restoreBlock(block, "a block");
    expect(read(copy)).toEqual(expected);
    expect([...copy.keys("u")]).toHaveLength(14);
  });

  test("a large map and a large list are saved by element", () => {
    const backend = open(factory);
    backend.setCurrentKey("a");
    const map = backend.state("m", mapState<number, number>());
    const list = backend.state("l", listState<number>());
    for (let i = 0; i < 10_000; i++) {
      map.put(i, i);
      list.add(i);
    }
    const everything = driven(backend.capture(1));
    backend.confirm(1);
    map.remove(5);
    map.put(6, -6);
    map.put(5, -5);
    list.add(10_000);
    const changes = driven(backend.capture(2));
    expect(changes.reduce((sum, { length }) => sum + length, 0)).toBeLessThan(1000);
    const copy = open(factory);
    for (const block of [...everything, ...changes]) copy.restoreBlock(block, "a block");
    copy.setCurrentKey("a");
    expect([...copy.state("m", mapState<number, number>()).entries()]).toEqual([...map.entries()]);
    expect(copy.state("l", listState<number>()).get()).toEqual(list.get());
  });

  test("a table whose keys are key groups is saved whole, as its entries may be changed by slots that were kept", () => {
    const backend = open(factory);
    const pane = backend.table("model", { numbers: 1, values: true, keyGroup: "key" }).pane(0);
    const slot = pane.slotOf(3);
    pane.values[slot] = { weights: Float64Array.of(1, 2) };
    driven(backend.capture(1));
    backend.confirm(1);
    (pane.values[slot] as { weights: Float64Array }).weights[0] = 9;
    const capture = backend.capture(2);
    (pane.values[slot] as { weights: Float64Array }).weights[0] = 77;
    const copy = open(factory);
    for (const block of driven(capture)) copy.restoreBlock(block, "a block");
    const restored = copy.table("model", { numbers: 1, values: true, keyGroup: "key" }).pane(0);
    expect(restored.values[restored.find(3)]).toEqual({ weights: Float64Array.of(9, 2) });
  });

  test("large values make small blocks", () => {
    const backend = open(factory);
    for (let key = 0; key < 200; key++) {
      backend.setCurrentKey(key);
      backend.state("v", valueState<Uint8Array>()).set(new Uint8Array(20_000));
    }
    const blocks = driven(backend.capture(1));
    expect(Math.max(...blocks.slice(1).map(({ length }) => length))).toBeLessThan(200_000);
  });

  test("a delta to a list or map that is not there is refused", () => {
    const backend = open(factory);
    backend.setCurrentKey("a");
    for (let i = 0; i < 50; i++) {
      backend.state("m", mapState<number, number>()).put(i, i);
      backend.state("l", listState<number>()).add(i);
    }
    driven(backend.capture(1));
    backend.confirm(1);
    backend.state("m", mapState<number, number>()).put(1, 2);
    backend.state("l", listState<number>()).add(1);
    const changes = driven(backend.capture(2));
    expect(changes.length).toBe(2);
    for (const block of changes)
      expect(() => open(factory).restoreBlock(block, "block 7")).toThrow(
        expect.objectContaining({ code: "STATE_CORRUPT", operator: "op" }),
      );
  });
}

function counted(factory: BackendFactory, keys: number): KeyedStateBackend {
  const backend = open(factory);
  for (let key = 0; key < keys; key++) set(backend, key, key);
  return backend;
}

function set(backend: KeyedStateBackend, key: number, value: number): void {
  backend.setCurrentKey(key);
  backend.state("v", valueState<number>()).set(value);
}

function get(backend: KeyedStateBackend, key: number): number | undefined {
  backend.setCurrentKey(key);
  return backend.state("v", valueState<number>()).get();
}
