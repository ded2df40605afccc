import { expect, test } from "vitest";
import { shownParams } from "../../../runtime/coordinator/shown-params.ts";

test("parameters are shown, but not those whose names say that they are secret", () => {
  const open = { topic: "orders", top: 3, on: true, none: null, passwordEnv: "KAFKA_PASSWORD", tokens: 7, secret: "" };
  const hidden = ["password", "dbPasswd", "client_secret", "authToken", "apiKey", "api-key", "passphrase"];
  const params = { ...open, ...Object.fromEntries(hidden.map((name) => [name, "s3cret"])) };
  expect(shownParams(params)).toEqual({ ...open, ...Object.fromEntries(hidden.map((name) => [name, "******"])) });
});
