import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { onStopSignal } from "../../../runtime/cli/stop-signal.ts";

test("the first signal asks; the same one from two senders is one; a later one forces", async () => {
  let forced = 0;
  using stop = onStopSignal(() => {
    forced++;
  });
  process.emit("SIGTERM", "SIGTERM");
  process.emit("SIGINT", "SIGINT");
  expect(await stop.received).toBe("SIGTERM");
  expect(forced).toBe(0);
  await sleep(600);
  process.emit("SIGINT", "SIGINT");
  expect(forced).toBe(1);
});

test("afterwards signals are Node's again", () => {
  const before = process.listenerCount("SIGINT");
  onStopSignal(() => {})[Symbol.dispose]();
  expect(process.listenerCount("SIGINT")).toBe(before);
});
