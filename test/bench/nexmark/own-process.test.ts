/** A measured program and its folder: both are gone in the end, however it ends. */
import { existsSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { runAlone } from "../../../bench/nexmark/own-process.ts";

const run = (code: string, timeoutS = 60) => {
  let folder = "";
  const ended = runAlone({
    name: "millrace-own",
    command: process.execPath,
    argumentsFor: (given) => {
      folder = given;
      writeFileSync(`${given}/input`, "");
      return ["-e", code, given];
    },
    timeoutS,
  });
  return ended.then((each) => ({ ...each, left: existsSync(folder) }));
};

test("what it prints is given back, and its folder is removed", async () => {
  const code = `require("fs").writeFileSync(process.argv[1] + "/state", "x"); console.log("a"); console.error("b")`;
  expect(await run(code)).toEqual({ problem: undefined, stdout: "a\n", stderr: "b\n", left: false });
});

test("one that fails is told of by its status, and one that takes too long by the signal", async () => {
  expect(await run("process.exit(3)")).toMatchObject({ problem: "status 3", left: false });
  expect(await run("setInterval(() => {}, 1000)", 0.05)).toMatchObject({ problem: "SIGKILL", left: false });
});

test("one that is not there rejects, and nothing listens for signals any more", async () => {
  const before = process.listenerCount("SIGINT");
  const none = { name: "millrace-own", command: "/nonexistent/program", argumentsFor: () => [], timeoutS: 1 };
  await expect(runAlone(none)).rejects.toThrow(/ENOENT/);
  expect(process.listenerCount("SIGINT")).toBe(before);
});
