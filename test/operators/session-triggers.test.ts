/** Triggers of sessions that become one. */

import { expect, test } from "vitest";
import { continuousEventTimeTrigger, counting, type DataStream, session, type WindowResult } from "../../index.ts";
import { driveInEveryWay } from "./drive.ts";

const every4ms = (input: DataStream<string>): DataStream<WindowResult<string, number>> =>
  input
    .keyBy((key) => key)
    .window(session("10ms"))
    .trigger(continuousEventTimeTrigger("4ms"))
    .aggregate("counts", counting());

test("the united session fires at the earliest time for which one of them has asked, and goes on", async () => {
  const { records } = await driveInEveryWay<string, WindowResult<string, number>>(every4ms, [
    ["a", 0],
    ["a", 12],
    ["a", 6],
    { watermark: 3 },
    { watermark: 4 },
    { watermark: 8 },
  ]);
  const united = { key: "a", windowStart: 0, windowEnd: 22, value: 3 };
  expect(records).toEqual([united, united]);
});
