import { expect, test } from "vitest";
import { slotEnvironment } from "../../../runtime/worker/slot-environment.ts";

const worker = {
  PATH: "/bin",
  TZ: "UTC",
  LC_ALL: "C",
  NODE_ENV: "production",
  MILLRACE_REGION: "north",
  MILLRACE_TOKEN: "secret",
  MILLRACE_TLS_KEY: "secret",
  AWS_SECRET_ACCESS_KEY: "secret",
  DATABASE_URL: "postgres://",
  NODE_OPTIONS: "--inspect",
};

test("slots see what programs need, and no secret", () => {
  const { PATH, TZ, LC_ALL, NODE_ENV, MILLRACE_REGION } = worker;
  expect(slotEnvironment(worker, [])).toEqual({ PATH, TZ, LC_ALL, NODE_ENV, MILLRACE_REGION });
});

test("and what the worker was told to hand on by name", () => {
  expect(slotEnvironment(worker, ["DATABASE_URL", "ABSENT"])).toMatchObject({ DATABASE_URL: "postgres://" });
});
