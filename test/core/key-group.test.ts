import fc from "fast-check";
import { expect, test } from "vitest";
import { keyGroupOf, keyGroupsOfSubtask, subtaskOfKeyGroup } from "../../core/key-group.ts";
import { KEY_GROUPS_MAX } from "../../core/limits.ts";

const layouts = fc
  .integer({ min: 1, max: 400 })
  .chain((keyGroups) => fc.tuple(fc.constant(keyGroups), fc.integer({ min: 1, max: keyGroups })));

test("the ranges of all subtasks partition the key groups, for every parallelism", () => {
  for (const keyGroups of [1, 2, 7, 128]) {
    for (let parallelism = 1; parallelism <= keyGroups; parallelism++) {
      let next = 0;
      for (let subtask = 0; subtask < parallelism; subtask++) {
        const { first, last } = keyGroupsOfSubtask(subtask, keyGroups, parallelism);
        expect(first).toBe(next);
        expect(last).toBeGreaterThanOrEqual(first);
        next = last + 1;
      }
      expect(next).toBe(keyGroups);
    }
  }
});

test("a key group belongs to the subtask whose range holds it", () => {
  fc.assert(
    fc.property(layouts, ([keyGroups, parallelism]) => {
      for (let group = 0; group < keyGroups; group++) {
        const { first, last } = keyGroupsOfSubtask(
          subtaskOfKeyGroup(group, keyGroups, parallelism),
          keyGroups,
          parallelism,
        );
        expect(first <= group && group <= last).toBe(true);
      }
    }),
  );
});

test("ranges differ in size by one at most", () => {
  fc.assert(
    fc.property(layouts, ([keyGroups, parallelism]) => {
      const sizes = Array.from({ length: parallelism }, (_, subtask) => {
        const { first, last } = keyGroupsOfSubtask(subtask, keyGroups, parallelism);
        return last - first + 1;
      });
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    }),
  );
});

test("both mappings agree at the largest number of key groups", () => {
  const parallelism = 32_749; // a prime, so that no boundary is exact
  for (let group = 0; group < KEY_GROUPS_MAX; group++) {
    const { first, last } = keyGroupsOfSubtask(
      subtaskOfKeyGroup(group, KEY_GROUPS_MAX, parallelism),
      KEY_GROUPS_MAX,
      parallelism,
    );
    if (group < first || group > last) expect.fail(`group ${group} is not in ${first}–${last}`);
  }
});

test("every hash has a key group", () => {
  expect(keyGroupOf(0, 128)).toBe(0);
  expect(keyGroupOf(0xffffffff, 128)).toBe(127);
});
