import { expect, test } from "vitest";
import { mapState, valueState, withTtl } from "../../core/state.ts";

test("a time to live is in milliseconds, by the wall clock and from the last writing unless something else is said", () => {
  expect(withTtl(mapState(), "2h").ttl).toEqual({ ms: 7_200_000, domain: "processing", refresh: "write" });
  expect(withTtl(valueState(1), { seconds: 3 }, { time: "event", refresh: "read" })).toEqual({
    kind: "value",
    initial: 1,
    hasInitial: true,
    ttl: { ms: 3000, domain: "event", refresh: "read" },
  });
});

test("a descriptor is not changed by giving it a time to live", () => {
  const plain = valueState(1);
  withTtl(plain, "1s");
  expect(plain.ttl).toBe(undefined);
});

test.each([["0s"], ["5"], ["-1s"]])("%j is no time to live", (ttl) => {
  expect(() => withTtl(valueState(), ttl as "1s")).toThrow(expect.objectContaining({ code: "BAD_DURATION" }));
});

test.each([[{ time: "wall" }], [{ refresh: "never" }]])("%j is refused", (options) => {
  expect(() => withTtl(valueState(), "1s", options as object)).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
});
