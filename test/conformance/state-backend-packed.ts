/** The part of the state backend suite that is about captures of packed states. */

import { expect, test } from "vitest";
import { listState, packed, valueState } from "../../core/state.ts";
import { driven } from "./state-backend-captures.ts";
import { type BackendFactory, open } from "./state-backend-subject.ts";

export function packedSuite(factory: BackendFactory): void {
  test("packed values are saved as they were at the barrier, whatever takes their places meanwhile", () => {
    const backend = open(factory);
    const state = packed(valueState<{ key: number; round: number } | number | string | null | undefined>());
    const values = [(key: number) => ({ key, round: 1 }), (key: number) => key, () => undefined, () => null, () => "a"];
    const givenTo = (key: number) => values[key % 37 < values.length ? key % 37 : 0]?.(key);
    for (let key = 0; key < 6000; key++) {
      backend.setCurrentKey(key);
      backend.state("v", state).set(givenTo(key));
    }
    const capture = backend.capture(1);
    const blocks: Uint8Array[] = [];
    for (let key = 5999; key >= 0; key--) {
      backend.setCurrentKey(key);
      if (key % 3 === 0) backend.state("v", state).clear();
      else backend.state("v", state).set({ key: -1, round: 2 });
      const block = key % 100 === 0 ? capture.step() : undefined;
      if (block !== undefined) blocks.push(block);
    }
    blocks.push(...driven(capture));
    const copy = open(factory);
    for (const block of blocks) copy.restoreBlock(block, "a block");
    for (let key = 0; key < 6000; key++) {
      copy.setCurrentKey(key);
      expect(copy.state("v", state).get()).toEqual(givenTo(key));
      backend.setCurrentKey(key);
      expect(backend.state("v", state).get()).toEqual(key % 3 === 0 ? undefined : { key: -1, round: 2 });
    }
    expect([...copy.keys("v")]).toHaveLength(6000);
  });

  test("values that were saved as they came are restored packed, and the other way round", () => {
    const plain = valueState<readonly { key: number; name: string }[]>();
    const listOf = (key: number) => Array.from({ length: key % 11 }, (_, at) => ({ key, name: `row ${at} of ${key}` }));
    for (const [saved, restored] of [
      [plain, packed(plain)],
      [packed(plain), plain],
      [packed(plain), packed(plain)],
    ] as const) {
      const backend = open(factory);
      for (let key = 0; key < 7000; key++) {
        backend.setCurrentKey(key);
        backend.state("best", saved).set(listOf(key));
      }
      const capture = backend.capture(1);
      const copy = open(factory);
      copy.state("best", restored);
      for (const block of driven(capture)) copy.restoreBlock(block, "a block");
      for (let key = 0; key < 7000; key++) {
        copy.setCurrentKey(key);
        expect(copy.state("best", restored).get()).toStrictEqual(listOf(key));
      }
    }
  });

  test("packed values that are read again and again while they are captured are in it as they were", () => {
    const backend = open(factory);
    const state = backend.state("best", packed(valueState<readonly { key: number }[]>()));
    const listOf = (key: number, round: number) => [{ key }, { key: round }];
    for (let key = 0; key < 7000; key++) {
      backend.setCurrentKey(key);
      state.set(listOf(key, 1));
    }
    const capture = backend.capture(1);
    const blocks: Uint8Array[] = [];
    for (let i = 0; i < 21_000; i++) {
      backend.setCurrentKey(i % 7000);
      expect(state.get()).toEqual(listOf(i % 7000, 1));
      const block = i % 1000 === 0 ? capture.step() : undefined;
      if (block !== undefined) blocks.push(block);
    }
    blocks.push(...driven(capture));
    for (let key = 0; key < 7000; key++) {
      backend.setCurrentKey(key);
      expect(state.get()).toEqual(listOf(key, 1));
      if (key % 2 === 0) state.set(listOf(key, 2));
    }
    backend.confirm(1);
    blocks.push(...driven(backend.capture(2)));
    const copy = open(factory);
    for (const block of blocks) copy.restoreBlock(block, "a block");
    for (let key = 0; key < 7000; key++) {
      copy.setCurrentKey(key);
      expect(copy.state("best", packed(valueState())).get()).toEqual(listOf(key, key % 2 === 0 ? 2 : 1));
    }
  });

  test("of packed lists a delta holds what was added, whatever goes while it is driven and wherever that is kept again", () => {
    const backend = open(factory);
    const rows = backend.state("rows", packed(listState<{ key: number; at: number }>()));
    const fill = (round: number) => {
      for (let i = 0; i < 6000; i++) {
        backend.setCurrentKey(i % 300);
        rows.add({ key: i % 300, at: round * 20 + Math.floor(i / 300) });
      }
    };
    fill(0);
    const everything = driven(backend.capture(1));
    backend.confirm(1);
    fill(1);
    const capture = backend.capture(2);
    const changes: Uint8Array[] = [];
    for (let key = 0; key < 300; key++) {
      const block = capture.step();
      if (block !== undefined) changes.push(block);
      backend.setCurrentKey((key * 7) % 300);
      rows.clear();
      for (let i = 0; i < 40; i++) rows.add({ key: -1, at: i });
    }
    changes.push(...driven(capture));
    const size = (blocks: readonly Uint8Array[]) => blocks.reduce((sum, { length }) => sum + length, 0);
    expect(size(changes)).toBeLessThan(1.5 * size(everything));
    const copy = open(factory);
    for (const block of [...everything, ...changes]) copy.restoreBlock(block, "a block");
    for (let key = 0; key < 300; key++) {
      copy.setCurrentKey(key);
      const restored = copy.state("rows", packed(listState<{ key: number; at: number }>())).get();
      expect(restored).toEqual(Array.from({ length: 40 }, (_, at) => ({ key, at })));
    }
  });
}
