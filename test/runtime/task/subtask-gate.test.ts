import { describe, expect, test } from "vitest";
import { SubtaskGate } from "../../../runtime/task/subtask-gate.ts";

const room = () => true;

function gateAndCalls() {
  const calls: string[] = [];
  const gate = new SubtaskGate(() => calls.push("wake"));
  const suspend = (name: string, place: number, goOn: () => boolean = () => true) =>
    gate.suspend(() => {
      calls.push(name);
      return goOn();
    }, place);
  return { gate, calls, suspend };
}

describe("suspended operators go on", () => {
  test("from the end of the chain to its head, whoever was suspended first", () => {
    const { gate, calls, suspend } = gateAndCalls();
    suspend("head", 0);
    suspend("end", 2);
    suspend("middle", 1);
    expect(gate.resume(room)).toBe(true);
    expect(calls).toEqual(["end", "middle", "head"]);
  });

  test("at one place in the order of suspending", () => {
    const { gate, calls, suspend } = gateAndCalls();
    suspend("first", 1);
    suspend("second", 1);
    gate.resume(room);
    expect(calls).toEqual(["first", "second"]);
  });

  test("behind what they suspend while they go on, further down or at their own place", () => {
    const { gate, calls, suspend } = gateAndCalls();
    let times = 0;
    suspend("parent", 1, () => {
      if (times++ > 0) return true;
      suspend("own child", 1);
      suspend("child downstream", 2);
      return false;
    });
    suspend("sibling", 1);
    suspend("upstream", 0);
    gate.resume(room);
    expect(calls).toEqual(["parent", "child downstream", "own child", "parent", "sibling", "upstream"]);
  });

  test("only as long as there is room", () => {
    const { gate, calls, suspend } = gateAndCalls();
    suspend("first", 1);
    suspend("second", 0);
    expect(gate.resume(() => false)).toBe(false);
    expect(calls).toEqual(["first"]);
    expect(gate.blocked).toBe(true);
    expect(gate.resume(room)).toBe(true);
    expect(gate.blocked).toBe(false);
  });

  test("not while a promise is awaited", async () => {
    const { gate, calls, suspend } = gateAndCalls();
    const awaited = Promise.withResolvers<void>();
    gate.wait(awaited.promise);
    suspend("later", 0);
    expect(gate.resume(room)).toBe(false);
    awaited.resolve();
    await awaited.promise;
    expect(calls).toEqual(["wake"]);
    expect(gate.resume(room)).toBe(true);
    expect(calls).toEqual(["wake", "later"]);
  });
});

test("the gate stays closed when the last one to go on has filled the output", () => {
  const { gate, suspend } = gateAndCalls();
  suspend("fills", 0);
  expect(gate.resume(() => false)).toBe(false);
  expect(gate.suspended).toBe(false);
  expect(gate.blocked).toBe(true);
});

test("what only the input waits for keeps no operator from going on", async () => {
  const { gate, calls } = gateAndCalls();
  const split = Promise.withResolvers<void>();
  gate.awaitInput(split.promise);
  expect([gate.blocked, gate.waiting, gate.awaiting]).toEqual([false, false, true]);
  split.resolve();
  await split.promise;
  expect(gate.awaiting).toBe(false);
  expect(calls).toEqual(["wake"]);
});

test.each(["wait", "awaitInput"] as const)("the first rejection of %s is thrown", async (method) => {
  const { gate } = gateAndCalls();
  gate[method](Promise.reject(new Error("first")));
  await Promise.resolve();
  gate[method](Promise.reject(new Error("second")));
  await Promise.resolve();
  expect(() => gate.throwFailure()).toThrow("first");
});
