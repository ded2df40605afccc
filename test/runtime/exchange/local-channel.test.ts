import { expect, test } from "vitest";
import { LOCAL_BATCH_ROWS } from "../../../core/limits.ts";
import { LocalChannel } from "../../../runtime/exchange/local-channel.ts";
import { channelSuite } from "../../conformance/channel.ts";

channelSuite("local", () => {
  const channel = new LocalChannel();
  return { output: channel, input: channel, arrive: () => {}, batchRows: LOCAL_BATCH_ROWS };
});

test("records are handed over by reference and cost no bytes", () => {
  const channel = new LocalChannel();
  const record = { id: 1 };
  channel.write(record, 0);
  channel.flush();
  channel.poll();
  const taken: unknown[] = [];
  channel.batch.deliver((value) => taken.push(value), { blocked: false });
  expect(taken[0]).toBe(record);
  expect([channel.bytes, channel.batch.frame]).toEqual([0, undefined]);
});
