import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { MillraceError } from "../../../core/errors.ts";
import { errorText } from "../../../runtime/cli/error-text.ts";

const root = resolve(import.meta.dirname, "../../..");
const plain = { verbose: false, label: (text: string) => text };

function failed(frames: readonly string[]): TypeError {
  const error = new TypeError("no price");
  error.stack = ["TypeError: no price", ...frames.map((frame) => `    at ${frame}`)].join("\n");
  return error;
}

const userFrame = `price (${pathToFileURL(join(process.cwd(), "jobs/prices.ts")).href}:12:20)`;
const engineFrame = `Chain.push (${pathToFileURL(join(root, "runtime/task/chain.ts")).href}:1:2)`;
const otherFrames = [engineFrame, "node:internal/timers:1:2", "/app/node_modules/x/y.js:1:2"];

test("a failure at a record: code, sentence, operator, record, cause and the user's frames", () => {
  const error = new MillraceError(
    "USER_FUNCTION",
    'a function of "price" threw no price (subtask 2 of 3, attempt 1, on {})',
    {
      operator: "price",
      cause: failed([userFrame, ...otherFrames]),
      origin: { subtask: 1, parallelism: 3, attempt: 1, record: "{ cost: null }" },
    },
  );
  expect(errorText(error, plain).split("\n")).toEqual([
    'error USER_FUNCTION: a function of "price" threw no price',
    "  operator  price, subtask 2 of 3, attempt 1",
    "  record    { cost: null }",
    "  cause     TypeError: no price",
    "            at price (jobs/prices.ts:12:20)",
  ]);
});

test("verbose shows all frames", () => {
  const error = new MillraceError("USER_FUNCTION", "failed", { cause: failed([userFrame, engineFrame]) });
  error.stack = `MillraceError: failed\n    at ${engineFrame}`;
  const text = errorText(error, { ...plain, verbose: true });
  expect(text.match(/runtime\/task\/chain\.ts/g)).toHaveLength(2);
  expect(text).toContain("jobs/prices.ts:12:20");
});

test("a cause that says the same again is not repeated", () => {
  const inner = new MillraceError("WRONG_SHAPE", "no event time", { operator: "window" });
  const outer = new MillraceError("WRONG_SHAPE", "no event time", { operator: "source", cause: inner });
  inner.stack = "";
  expect(errorText(outer, plain).split("\n")).toEqual(["error WRONG_SHAPE: no event time", "  operator  source"]);
});

test("a chain of causes is followed to its end", () => {
  const cause = new Error("refused", { cause: "port 1" });
  const error = new MillraceError("INPUT_UNREADABLE", "cannot read x", { cause });
  cause.stack = "";
  expect(errorText(error, plain).split("\n")).toEqual([
    "error INPUT_UNREADABLE: cannot read x",
    "  cause     Error: refused",
    "  cause     port 1",
  ]);
});

test("an error that is none of Millrace's shows its name and the user's frames", () => {
  expect(errorText(failed([userFrame, ...otherFrames]), plain).split("\n")).toEqual([
    "error TypeError: no price",
    "            at price (jobs/prices.ts:12:20)",
  ]);
});
