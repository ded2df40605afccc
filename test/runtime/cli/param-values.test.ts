import { expect, test } from "vitest";
import { defineJob } from "../../../core/job.ts";
import { parseParams } from "../../../runtime/cli/param-values.ts";

const params = { input: "a.jsonl", size: 5, strict: false, label: null };
const job = defineJob(import.meta, "params", () => {}, { params });

test.each([
  ["size=20", { size: 20 }],
  ["size=-0.5", { size: -0.5 }],
  ["size=1e3", { size: 1000 }],
  ["input=20", { input: "20" }],
  ["input=", { input: "" }],
  ["input=a=b", { input: "a=b" }],
  ["strict=true", { strict: true }],
  ["label=x", { label: "x" }],
  ["unknown=1", { unknown: "1" }],
])("%s becomes a value of the default's type", (text, expected) => {
  expect(parseParams(job as never, [text])).toEqual(expected);
});

test("of a repeated parameter the last one counts", () => {
  expect(parseParams(job as never, ["size=1", "strict=true", "size=2"])).toEqual({ size: 2, strict: true });
});

test.each([
  ["size=many", 'parameter "size" of job "params" is a number, got "many"'],
  ["size=", 'parameter "size" of job "params" is a number, got ""'],
  ["size=Infinity", 'parameter "size" of job "params" is a number, got "Infinity"'],
  ["strict=yes", 'parameter "strict" of job "params" is true or false, got "yes"'],
  ["size", '--param expects name=value, for example --param size=20, got "size"'],
  ["=1", '--param expects name=value, for example --param size=20, got "=1"'],
])("%s is refused with a sentence", (text, message) => {
  expect(() => parseParams(job as never, [text])).toThrow(expect.objectContaining({ code: "BAD_OPTION", message }));
});
