import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { WorkerId } from "../../../runtime/cluster-ids.ts";
import type { Labels } from "../../../runtime/cluster-protocol.ts";
import {
  hasLabels,
  spreadPlacement,
  type WantedSlot,
  type WorkerCapacity,
} from "../../../runtime/coordinator/placement.ts";

function worker(name: string, slots: number, free = slots, labels: Labels = {}): WorkerCapacity {
  return { worker: name as WorkerId, slots, free, labels };
}

function wanted(...labels: readonly Labels[]): WantedSlot[] {
  return labels.map((each, slot) => ({ slot, labels: each }));
}

const any = {};
const gpu = { gpu: true };

function placed(slots: readonly WantedSlot[], workers: readonly WorkerCapacity[]): readonly string[] | string {
  const placement = spreadPlacement.place(slots, workers);
  return placement.kind === "placed" ? placement.workers : placement.what;
}

describe("placement", () => {
  test("slots are spread over workers, the least used one first", () => {
    expect(placed(wanted(any, any, any, any), [worker("a", 4), worker("b", 4)])).toEqual(["a", "b", "a", "b"]);
    expect(placed(wanted(any, any), [worker("a", 4, 2), worker("b", 4)])).toEqual(["b", "b"]);
  });

  test("labels choose the worker, and slots without labels leave its places to those with", () => {
    const workers = [worker("plain", 1), worker("gpu", 1, 1, gpu)];
    expect(placed(wanted(any, gpu), workers)).toEqual(["plain", "gpu"]);
    expect(placed(wanted(gpu, any), workers)).toEqual(["gpu", "plain"]);
  });

  test("slots move to other workers where only that makes room", () => {
    const workers = [
      worker("both", 1, 1, { a: 1, b: 1 }),
      worker("a", 1, 1, { a: 1 }),
      worker("b", 1, 1, { b: 1, c: 1 }),
    ];
    expect(placed(wanted({ a: 1 }, { b: 1 }, { c: 1 }), workers)).toEqual(["a", "both", "b"]);
  });

  test.each<[string, readonly WantedSlot[], readonly WorkerCapacity[], string]>([
    ["no workers", wanted(any), [], "needs 1 slot, 0 of 0 on 0 workers are free; slot 1 needs any worker"],
    [
      "too few free slots",
      wanted(any, any, any, any),
      [worker("a", 4, 2)],
      "needs 4 slots, 2 of 4 on 1 worker are free; slots 3, 4 need any worker",
    ],
    [
      "a label that no worker has",
      wanted(any, any, gpu),
      [worker("a", 4)],
      "needs 3 slots, 4 of 4 on 1 worker are free; slot 3 needs a worker with gpu=true, no worker has it",
    ],
    [
      "too few slots with a label",
      wanted(gpu, gpu),
      [worker("a", 4), worker("b", 1, 1, gpu)],
      "needs 2 slots, 5 of 5 on 2 workers are free; slot 2 needs a worker with gpu=true, 1 worker with 1 slot has it",
    ],
  ])("%s: the message says which slots are missing", (_, slots, workers, what) => {
    expect(placed(slots, workers)).toBe(what);
  });

  test("it is told apart whether others have the slots or no worker has them", () => {
    expect(spreadPlacement.place(wanted(any, any), [worker("a", 2, 1)])).toMatchObject({ fitsWhenIdle: true });
    expect(spreadPlacement.place(wanted(any, any), [worker("a", 1, 1)])).toMatchObject({ fitsWhenIdle: false });
  });

  const labels = fc.constantFrom<Labels>(any, gpu, { zone: "a" }, { gpu: true, zone: "a" }, { zone: "b" });
  const workers = fc
    .array(fc.tuple(fc.nat(3), fc.nat(3), labels), { maxLength: 5 })
    .map((all) => all.map(([used, free, own], at) => worker(`w${at}`, used + free, free, own)));

  test("a placement is found exactly when there is one", () => {
    fc.assert(
      fc.property(fc.array(labels, { maxLength: 6 }), workers, (wants, capacities) => {
        const slots = wanted(...wants);
        const placement = spreadPlacement.place(slots, capacities);
        expect(placement.kind === "placed").toBe(canPlace(wants, capacities));
        expect(spreadPlacement.place(slots, capacities)).toEqual(placement);
        if (placement.kind !== "placed") return;
        for (const capacity of capacities) {
          const here = placement.workers.filter((name) => name === capacity.worker).length;
          expect(here).toBeLessThanOrEqual(capacity.free);
        }
        for (const [at, name] of placement.workers.entries()) {
          const chosen = capacities.find((capacity) => capacity.worker === name);
          expect(hasLabels(chosen?.labels ?? {}, wants[at] as Labels)).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

/** By trying everything. */
function canPlace(wants: readonly Labels[], workers: readonly WorkerCapacity[]): boolean {
  const [first, ...rest] = wants;
  if (first === undefined) return true;
  return workers.some(
    (each, at) =>
      each.free > 0 &&
      hasLabels(each.labels, first) &&
      canPlace(rest, workers.with(at, { ...each, free: each.free - 1 })),
  );
}
