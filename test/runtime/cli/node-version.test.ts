import { expect, test } from "vitest";
import { nodeRefusal } from "../../../runtime/cli/node-version.ts";

test.each(["24.2.0", "24.21.0", "25.0.0-nightly", "100.0.0"])("Node %s will do", (version) => {
  expect(nodeRefusal(version)).toBeUndefined();
});

test.each(["24.1.9", "22.20.0", "9.0.0"])("Node %s is refused with a sentence", (version) => {
  expect(nodeRefusal(version)).toMatch(`millrace needs Node 24.2 or later, and this is Node ${version} (`);
});
