import { expect, test } from "vitest";
import { collectTo, fromArray } from "../../connectors/memory.ts";
import { sinkConformance } from "../conformance/sink.ts";
import { readSource, sourceConformance } from "../conformance/source.ts";
import { fakeContext } from "./fake-context.ts";

const hundred = Array.from({ length: 100 }, (_, index) => index);

sourceConformance("fromArray", () => ({ source: fromArray(hundred), expected: hundred }));
sourceConformance("fromArray of nothing", () => ({ source: fromArray([]), expected: [] }));
sourceConformance("fromArray of one value", () => ({ source: fromArray(["only"]), expected: ["only"] }));

sinkConformance<number>("collectTo", () => {
  const context = fakeContext();
  return {
    sink: collectTo<number>("numbers"),
    context,
    record: (index) => index,
    visible: () => context.reported.collected.flat(),
    shown: (record) => record,
  };
});

test("what happens to the array after fromArray changes nothing", async () => {
  const values = [1, 2, 3];
  const source = fromArray(values);
  values.push(4);
  expect((await readSource(source)).records).toEqual([1, 2, 3]);
});

test("an array's elements may be undefined and null", async () => {
  expect((await readSource(fromArray([undefined, null, 0]))).records).toEqual([undefined, null, 0]);
});

test("collectTo takes the name under which the rows are asked for", () => {
  expect(collectTo("alerts").name).toBe("alerts");
});

test("collectTo hands rows over in batches and waits when the other side has to catch up", async () => {
  const caughtUp = Promise.withResolvers<void>();
  const context = fakeContext({ collected: () => caughtUp.promise });
  const writer = collectTo<number>("rows").writer(context);
  const waits = Array.from({ length: 1024 }, (_, index) => writer.write(index, 0)).filter((wait) => wait !== undefined);
  expect(waits).toEqual([caughtUp.promise]);
  expect(context.reported.collected.map((rows) => rows.length)).toEqual([1024]);
});
