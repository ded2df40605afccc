import { describe, expect, test } from "vitest";
import { fromArray } from "../../connectors/memory.ts";
import { Environment } from "../../core/environment.ts";
import type { OperatorId } from "../../core/ids.ts";
import { joinedRequirements, type Requirements } from "../../core/requirements.ts";
import { nothing } from "../runtime/graph/programs.ts";

const operator = (id: string, requires?: Requirements) => ({ id: id as OperatorId, requires });

/** What each operator of the program requires. */
function requiredBy(build: (env: Environment) => void): Record<string, Requirements | undefined> {
  const env = new Environment("job");
  build(env);
  return Object.fromEntries(env.graph().nodes.map(({ id, requires }) => [id, requires]));
}

describe("an operator's requirements", () => {
  test("are those of requires() on its stream and of its options, together", () => {
    const required = requiredBy((env) =>
      env
        .from(fromArray([1]), { name: "in" })
        .map((n) => n, { name: "model", requires: { zone: "a" } })
        .requires({ gpu: true })
        .requires({ memory: 64 })
        .to(nothing, { name: "out", requires: { disk: "fast" } }),
    );
    expect(required).toEqual({ in: undefined, model: { zone: "a", gpu: true, memory: 64 }, out: { disk: "fast" } });
  });

  test("are frozen, and a copy of what was given", () => {
    const given = { gpu: true };
    const { in: kept } = requiredBy((env) => env.from(fromArray([1]), { name: "in", requires: given }).to(nothing));
    given.gpu = false;
    expect(kept).toEqual({ gpu: true });
    expect(Object.isFrozen(kept)).toBe(true);
  });

  test("belong to one operator: a partitioned stream and a union are refused", () => {
    const env = new Environment("job");
    const stream = env.from(fromArray([1]));
    const message = /requires must be called on the stream that an operator returned/;
    expect(() => stream.rebalance().requires({ gpu: true })).toThrow(message);
    expect(() => stream.union(env.from(fromArray([2]), { name: "b" })).requires({ gpu: true })).toThrow(message);
  });

  test.each([
    [{ gpu: Number.NaN }, /requires "gpu": NaN of its worker/],
    [{ "": true }, /requires "": true/],
    [{ gpu: {} as string }, /a label has a name, and a text/],
  ])("%o is refused", (requires, message) => {
    const env = new Environment("job");
    expect(() => env.from(fromArray([1]), { requires })).toThrow(message);
  });
});

describe("a chain", () => {
  test("requires what its operators require, together", () => {
    const chain = [operator("a", { gpu: true }), operator("b"), operator("c", { zone: 1, gpu: true })];
    expect(joinedRequirements(chain)).toEqual({ gpu: true, zone: 1 });
    expect(joinedRequirements([operator("a"), operator("b")])).toBeUndefined();
  });

  test("cannot have two values of one label: both operators are named", () => {
    const join = (): unknown => joinedRequirements([operator("a", { zone: "x" }), operator("b", { zone: "y" })]);
    expect(join).toThrow(expect.objectContaining({ code: "REQUIREMENTS", operator: "b" }));
    expect(join).toThrow(/"a" requires zone="x" and "b" zone="y".*one chain/);
  });
});
