/**
 * The rules that hold for the whole tree. Each is proven to fail by a small tree in rules.test.ts; its limits and
 * exceptions stand beside it.
 */
import { expect, test } from "vitest";
import { determinismRule } from "./determinism.ts";
import { dependencyReasons, links, manifestTargets, noEmptyProject, noLeaks, shownExamples } from "./documents.ts";
import { errorCodeRule } from "./error-codes.ts";
import { layers, packageHomes } from "./layers.ts";
import { fileNames, roomReadmes, sizeRule, sizes } from "./shape.ts";
import { readCheckout } from "./tree.ts";

/** Registered codes that nothing raises yet. Empty in a release. */
const notYetUsed: readonly string[] = [];

const rules = [
  layers,
  packageHomes,
  fileNames,
  sizeRule(sizes),
  roomReadmes,
  errorCodeRule(notYetUsed),
  determinismRule([]),
  noLeaks,
  links,
  shownExamples,
  manifestTargets,
  dependencyReasons,
  noEmptyProject,
];

const checkout = readCheckout();

test.each(rules)("$name", ({ check }) => {
  expect(check(checkout)).toEqual([]);
});
