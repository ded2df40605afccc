/** The part of the state backend suite that is about values that age, in event time and by the wall clock. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { TimerDomain } from "../../core/operator.ts";
import { listState, mapState, reducingState, valueState, withTtl } from "../../core/state.ts";
import type { KeyedStateBackend } from "../../core/state-backend.ts";
import { driven } from "./state-backend-captures.ts";
import { type BackendFactory, KEY_GROUPS, sum } from "./state-backend-subject.ts";

/** A backend whose clocks are turned by the test; the other domain's stands still. */
function aged(factory: BackendFactory, domain: TimerDomain) {
  const time = { now: 1000 };
  const clock = (of: TimerDomain) => (of === domain ? time.now : 5);
  const keyGroups = { first: 0, last: KEY_GROUPS - 1 };
  const make = () => factory({ operator: "op", keyGroups, keyGroupCount: KEY_GROUPS, clock });
  return { time, make };
}

function handles(backend: KeyedStateBackend, time: TimerDomain, refresh: "write" | "read" = "write") {
  const options = { time, refresh };
  return {
    value: backend.state("v", withTtl(valueState(0), "100ms", options)),
    list: backend.state("l", withTtl(listState<number>(), "100ms", options)),
    map: backend.state("m", withTtl(mapState<string, number>(), "100ms", options)),
    total: backend.state("t", withTtl(sum, "100ms", options)),
  };
}

export function ttlSuite(factory: BackendFactory): void {
  describe.each(["event", "processing"] as const)("%s time", (domain) => {
    test("a value is gone once it has not been written for its time, and begins anew", () => {
      const { time, make } = aged(factory, domain);
      const backend = make();
      const { value, total } = handles(backend, domain);
      backend.setCurrentKey("a");
      value.set(7);
      total.add(7);
      time.now = 1099;
      expect([value.get(), total.get()]).toEqual([7, 7]);
      time.now = 1100;
      expect([value.get(), total.get()]).toEqual([0, undefined]);
      expect([[...backend.keys("v")], [...backend.keys("t")]]).toEqual([[], []]);
      total.add(1);
      value.update((current) => current + 1);
      expect([value.get(), total.get()]).toEqual([1, 1]);
    });

    test("elements of lists and maps age one by one", () => {
      const { time, make } = aged(factory, domain);
      const backend = make();
      const { list, map } = handles(backend, domain);
      backend.setCurrentKey("a");
      list.add(1);
      map.put("x", 1);
      map.put("y", 1);
      time.now = 1060;
      list.add(2);
      map.put("x", 2);
      time.now = 1100;
      expect([list.get(), [...map.entries()], map.size, map.has("y"), map.get("y")]).toEqual([
        [2],
        [["x", 2]],
        1,
        false,
        undefined,
      ]);
      map.put("y", 3);
      expect([...map.entries()]).toEqual([
        ["x", 2],
        ["y", 3],
      ]);
      time.now = 1160;
      expect([list.get(), [...map.entries()], [...backend.keys("l")]]).toEqual([[], [["y", 3]], []]);
      time.now = 1200;
      expect([map.size, [...backend.keys("m")]]).toEqual([0, []]);
    });

    test("where the state says so, reading begins their life anew", () => {
      const { time, make } = aged(factory, domain);
      const backend = make();
      const { value, list, map } = handles(backend, domain, "read");
      backend.setCurrentKey("a");
      value.set(1);
      list.add(1);
      map.put("x", 1);
      map.put("y", 1);
      for (let i = 0; i < 5; i++) {
        time.now += 60;
        expect([value.get(), list.get(), map.get("x")]).toEqual([1, [1], 1]);
      }
      expect([...map.entries()]).toEqual([["x", 1]]);
      time.now += 100;
      expect([value.get(), list.get(), map.size]).toEqual([0, [], 0]);
    });

    test("what is over gives its memory back while other keys are written", () => {
      const { time, make } = aged(factory, domain);
      const backend = make();
      const { value } = handles(backend, domain);
      for (let key = 0; key < 1000; key++) {
        backend.setCurrentKey(key);
        value.set(key + 1);
      }
      time.now = 1100;
      for (let key = 2000; key < 2600; key++) {
        backend.setCurrentKey(key);
        value.set(1);
      }
      time.now = 1000; // a clock that is set back shows what is left
      expect([...backend.keys("v")].filter((key) => (key as number) < 1000)).toEqual([]);
    });

    test("ages go on over snapshots, captures and restarts", () => {
      const { time, make } = aged(factory, domain);
      const backend = make();
      const before = handles(backend, domain);
      backend.setCurrentKey("a");
      before.value.set(1);
      before.list.add(1);
      before.map.put("x", 1);
      driven(backend.capture(1));
      time.now = 1050;
      before.list.add(2);
      before.map.put("y", 2);
      const restoredFromBlocks = make();
      for (const block of driven(backend.capture(2, { full: true }))) restoredFromBlocks.restoreBlock(block, "a block");
      const restoredFromSnapshot = make();
      restoredFromSnapshot.restore(backend.snapshot());
      for (const copy of [restoredFromBlocks, restoredFromSnapshot]) {
        time.now = 1099;
        const { value, list, map } = handles(copy, domain);
        copy.setCurrentKey("a");
        expect([value.get(), list.get(), map.size]).toEqual([1, [1, 2], 2]);
        time.now = 1100;
        expect([value.get(), list.get(), [...map.entries()]]).toEqual([0, [2], [["y", 2]]]);
      }
    });

    test("a state that ages from now on begins with what is there, one that no longer does keeps it", () => {
      const { time, make } = aged(factory, domain);
      const plain = make();
      plain.setCurrentKey("a");
      plain.state("v", valueState(0)).set(1);
      plain.state("l", listState<number>()).add(1);
      plain.state("m", mapState<string, number>()).put("x", 1);
      const ages = make();
      ages.restore(plain.snapshot());
      const { value, list, map } = handles(ages, domain);
      ages.setCurrentKey("a");
      time.now = 1099;
      expect([value.get(), list.get(), map.size]).toEqual([1, [1], 1]);
      const stays = make();
      stays.restore(ages.snapshot());
      stays.setCurrentKey("a");
      time.now = 9999;
      expect([
        stays.state("v", valueState(0)).get(),
        stays.state("l", listState()).get(),
        stays.state("m", mapState()).size,
      ]).toEqual([1, [1], 1]);
      ages.setCurrentKey("a");
      expect([value.get(), list.get(), map.size]).toEqual([0, [], 0]);
    });
  });

  test("in event time a record that is ahead of the watermark makes it later for its own key alone", () => {
    const { time, make } = aged(factory, "event");
    const backend = make();
    const { value } = handles(backend, "event");
    for (const key of ["a", "b"]) {
      backend.setCurrentKey(key, 1050);
      value.set(1);
    }
    backend.setCurrentKey("a", 1150);
    expect(value.get()).toBe(0);
    backend.setCurrentKey("b", 1149);
    expect([value.get(), [...backend.keys("v")]]).toEqual([1, ["b"]]);
    time.now = 1150;
    expect([value.get(), [...backend.keys("v")]]).toEqual([0, []]);
  });

  test("a value without a time does not expire before it is written again", () => {
    const { time, make } = aged(factory, "event");
    const backend = make();
    const { value } = handles(backend, "event");
    backend.setCurrentKey("a");
    time.now = Number.NEGATIVE_INFINITY;
    value.set(1);
    time.now = 1e9;
    expect(value.get()).toBe(1);
    value.set(2);
    time.now += 100;
    expect(value.get()).toBe(0);
  });

  test("at no time is anything shown that is over, whatever is done", () => {
    const step = fc.record({
      key: fc.integer({ min: 0, max: 3 }),
      put: fc.boolean(),
      pass: fc.integer({ min: 0, max: 40 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: "max" }), (steps) => {
        const { time, make } = aged(factory, "processing");
        let backend = make();
        const written = new Map<string, number>();
        for (const [i, { key, put, pass }] of steps.entries()) {
          time.now += pass;
          if (i % 20 === 19) {
            const snapshot = backend.snapshot();
            backend = make();
            backend.restore(snapshot);
          }
          const { map } = handles(backend, "processing");
          backend.setCurrentKey(key % 2);
          if (put) {
            map.put(`${key}`, i);
            written.set(`${key % 2} ${key}`, time.now);
          }
          const alive = [...written].filter(([of, at]) => of.startsWith(`${key % 2} `) && at + 100 > time.now);
          expect([...map.entries()].map(([of]) => `${key % 2} ${of}`).sort()).toEqual(alive.map(([of]) => of).sort());
        }
      }),
      { numRuns: 60 },
    );
  });

  test("a state that ages needs a clock", () => {
    const keyGroups = { first: 0, last: KEY_GROUPS - 1 };
    const backend = factory({ operator: "op", keyGroups, keyGroupCount: KEY_GROUPS });
    const use = () => {
      const total = backend.state(
        "t",
        withTtl(
          reducingState<number>((a, b) => a + b),
          "1s",
        ),
      );
      backend.setCurrentKey("a");
      total.add(1);
    };
    expect(use).toThrow(expect.objectContaining({ code: "STATE_MISUSE", operator: "op" }));
  });
}
