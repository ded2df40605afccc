/**
 * Runs of map and filter, fused into one generated function: records pass from step to step in local variables, and each
 * run has its own call sites, so that the engine inlines the user's functions.
 *
 * For `map f, filter g` the generated code is
 *   (v, t) => { let s = 0; try { v = f(v); if (…promise) refuse(0, r); s = 1; r = g(v); if (r === false) return; … } catch … push(v, t); }
 * A step that throws fails with the name of its operator; the push is outside of the try, since what fails behind it
 * names itself.
 */

import { MillraceError } from "../core/errors.ts";
import type { UserFunction } from "../core/node.ts";
import type { OperatorContext, Push } from "../core/operator.ts";
import { promiseReturned } from "../core/user-function.ts";

export interface FusedStep {
  readonly kind: "map" | "filter";
  readonly fn: UserFunction<[unknown], unknown>;
  /** The context of the step's own operator. */
  readonly context: OperatorContext;
}

/** One function for all steps, in front of `push`. */
export function fuse(steps: readonly FusedStep[], push: Push<unknown>): Push<unknown> {
  const names = steps.map((_, i) => `f${i}`);
  const code = [
    '"use strict"; return function (v, t) {',
    "let s = 0, r;",
    "try {",
    ...steps.map((step, i) => (step.kind === "map" ? mapCode(i) : filterCode(i))),
    "} catch (error) { fail(s, error, v); }",
    "push(v, t); };",
  ].join("\n");
  const make = new Function(...names, "push", "refuse", "fail", code);
  const refuse = (step: number, returned: unknown): never => {
    const { kind, context } = steps[step] as FusedStep;
    if (typeof (returned as { then?: unknown } | null | undefined)?.then === "function")
      throw promiseReturned(context.operator, kind);
    const message = `the filter function of "${context.operator}" returned ${returned === null ? "null" : typeof returned}; it must return true to keep the record or false to drop it`;
    throw new MillraceError("WRONG_SHAPE", message, { operator: context.operator });
  };
  const fail = (step: number, error: unknown, value: unknown): never => {
    throw (steps[step] as FusedStep).context.failure(error, value);
  };
  return make(...steps.map((step) => step.fn.call), push, refuse, fail) as Push<unknown>;
}

function mapCode(i: number): string {
  return `s = ${i}; r = f${i}(v); if (typeof r === "object" && r !== null && typeof r.then === "function") refuse(${i}, r); v = r;`;
}

function filterCode(i: number): string {
  return `s = ${i}; r = f${i}(v); if (r !== true) { if (r === false) return; refuse(${i}, r); }`;
}
