/**
 * User functions: plain functions, or objects with a life cycle. Both refuse promises, in types and at run time:
 * a synchronous chain is what makes a record cost nanoseconds.
 */

import { MillraceError } from "./errors.ts";
import type { UserFunction } from "./node.ts";
import type { RuntimeContext } from "./operator.ts";

/** Intersected with a function's type to refuse those that return promises, with the sentence as the error. */
export type Synchronous<R> = [R] extends [PromiseLike<unknown>]
  ? { readonly "this function must be synchronous: use asyncMap for promises": never }
  : unknown;

/** An object with a method of the operator's name, and optionally open and close, each called once a subtask. */
export type WithLifecycle<Name extends string, A extends readonly unknown[], R> = {
  readonly [name in Name]: (...args: A) => R;
} & {
  open?(context: RuntimeContext): void | Promise<void>;
  close?(): void | Promise<void>;
};

export function userFunction<A extends readonly unknown[], R>(
  method: string,
  given: unknown,
  operator: string,
): UserFunction<A, R> {
  if (typeof given === "function") {
    if (isAsyncFunction(given)) throw promiseReturned(operator, method);
    return Object.freeze({ call: given as (...args: A) => R, open: undefined, close: undefined });
  }
  const object = given as Record<string, unknown> | null;
  const call = object?.[method];
  if (typeof object !== "object" || typeof call !== "function") {
    throw new MillraceError(
      "BAD_OPTION",
      `"${operator}" expects a function, or an object with a method ${method}(), got ${given === null ? "null" : typeof given}`,
      { operator },
    );
  }
  if (isAsyncFunction(call)) throw promiseReturned(operator, method);
  return Object.freeze({
    call: boundMethod(object as object, call as (...args: A) => R),
    open: bound<[RuntimeContext]>(object, "open"),
    close: bound<[]>(object, "close"),
  });
}

function bound<A extends readonly unknown[]>(
  object: object | null,
  method: string,
): ((...args: A) => void | Promise<void>) | undefined {
  const found = (object as Record<string, unknown>)[method];
  return typeof found === "function" ? boundMethod(object as object, found as (...args: A) => void) : undefined;
}

/** The method bound to its object. Its text stays the method's own, as two builds of a job are compared by it. */
export function boundMethod<A extends readonly unknown[], R>(
  object: object,
  method: (...args: A) => R,
): (...args: A) => R {
  const bound = method.bind(object) as (...args: A) => R;
  return Object.defineProperty(bound, "toString", { value: () => method.toString() });
}

export function isAsyncFunction(given: unknown): boolean {
  return typeof given === "function" && Object.prototype.toString.call(given) === "[object AsyncFunction]";
}

/** Of an object of functions, which have to be synchronous. @throws BAD_OPTION for what is no function, PROMISE_RETURNED */
export function checkFunctions(
  operator: string,
  given: object,
  required: readonly string[],
  optional: readonly string[] = [],
): void {
  for (const name of [...required, ...optional]) {
    const part = (given as Readonly<Record<string, unknown>> | null | undefined)?.[name];
    if (part === undefined && optional.includes(name)) continue;
    if (typeof part !== "function")
      throw new MillraceError("BAD_OPTION", `"${operator}" expects a function ${name}, got ${shown(part)}`, {
        operator,
      });
    if (isAsyncFunction(part)) throw promiseReturned(operator, name);
  }
}

function shown(came: unknown): string {
  return came === undefined || came === null ? String(came) : `a ${typeof came}`;
}

export function promiseReturned(operator: string, what: string): MillraceError {
  return new MillraceError(
    "PROMISE_RETURNED",
    `the ${what} function of "${operator}" returned a promise, but it must be synchronous; use asyncMap for calls that ` +
      "wait, or mapBatches for whole batches",
    { operator },
  );
}
