import { expect, test } from "vitest";
import type { Sink, SinkWriter } from "../../index.ts";
import { openHarness } from "../../runtime/testing/index.ts";

function written(writer: Partial<SinkWriter<number>>, options: Partial<Sink<number>> = {}) {
  return openHarness<number>((input) =>
    input.to({ name: "out", ...options, writer: () => ({ write() {}, ...writer }) }),
  );
}

test("a writer gets every record with its time, between open and close", async () => {
  const calls: string[] = [];
  const harness = await written({
    open: () => void calls.push("open"),
    write: (value, timestamp) => void calls.push(`write ${value}@${timestamp}`),
    close: () => void calls.push("close"),
  });
  harness.pushBatch([
    [1, 10],
    [2, 20],
  ]);
  await harness.close();
  expect(calls).toEqual(["open", "write 1@10", "write 2@20", "close"]);
});

test("it is flushed when the input pauses, and at the end", async () => {
  const calls: string[] = [];
  const harness = await written({
    write: (value) => void calls.push(`write ${value}`),
    flush: () => void calls.push("flush"),
  });
  harness.push(1);
  harness.pause();
  harness.push(2);
  harness.finish();
  expect(calls).toEqual(["write 1", "flush", "write 2", "flush"]);
});

test("no further record comes until a write has settled, whatever an operator upstream pushes", async () => {
  const calls: string[] = [];
  const writes: (() => void)[] = [];
  const harness = await openHarness<number>((input) =>
    input
      .flatMap((n) => [n, n + 1, n + 2])
      .to({
        name: "slow",
        writer: () => ({
          write(value) {
            calls.push(`write ${value}`);
            return new Promise<void>((resolve) => writes.push(resolve));
          },
        }),
      }),
  );
  harness.push(1);
  const settled = harness.settled();
  expect(calls).toEqual(["write 1"]);
  for (const next of ["write 2", "write 3"]) {
    writes.at(-1)?.();
    await new Promise((resolve) => setImmediate(resolve));
    expect(calls.at(-1)).toBe(next);
  }
  writes.at(-1)?.();
  await settled;
  expect(harness.isOpen).toBe(true);
});

test("a write that does not settle in time fails by the sink's name", async () => {
  const harness = await written({ write: () => new Promise<void>(() => {}) }, { timeout: "2s" });
  harness.push(1);
  harness.advanceTime(2000);
  await expect(harness.settled()).rejects.toMatchObject({
    code: "TIMEOUT",
    operator: "out",
    message: expect.stringContaining('write of "out" did not settle within 2000 ms'),
  });
});

test.each(["write", "flush"] as const)("a failing %s is the sink's failure, thrown or rejected", async (method) => {
  const cause = new Error("disk full");
  for (const fail of [
    () => {
      throw cause;
    },
    () => Promise.reject(cause),
  ]) {
    const harness = await written({ [method]: fail });
    const run = async () => {
      harness.push(1);
      harness.pause();
      await harness.settled();
    };
    await expect(run()).rejects.toMatchObject({ code: "USER_FUNCTION", operator: "out", cause });
  }
});

test("what a writer without types returns by accident is ignored", async () => {
  const rows: number[] = [];
  const harness = await written({ write: ((value: number) => rows.push(value)) as never });
  harness.pushBatch([
    [1, 0],
    [2, 0],
  ]);
  expect(rows).toEqual([1, 2]);
});

test("a commit that is under way comes to its end before the writer is closed, whatever ends the job", async () => {
  const calls: string[] = [];
  let commit = (): void => {};
  const harness = await written({
    prepare: () => "part",
    commit: async () => {
      calls.push("commit");
      await new Promise<void>((resolve) => {
        commit = resolve;
      });
      calls.push("committed");
    },
    close: () => void calls.push("close"),
  });
  harness.push(1);
  harness.finish();
  const closed = harness.close();
  await new Promise((resolve) => setImmediate(resolve));
  expect(calls).toEqual(["commit"]);
  commit();
  await closed;
  expect(calls).toEqual(["commit", "committed", "close"]);
});
