import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import {
  collectTo,
  counting,
  type DataStream,
  defineJob,
  fromArray,
  jsonl,
  type Source,
  tumbling,
} from "../../../index.ts";
import { runInThread, VirtualClock } from "../../../runtime/testing/index.ts";

const numbers = Array.from({ length: 5000 }, (_, i) => i);
const folder = mkdtempSync(join(tmpdir(), "millrace-in-thread-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A job that notes which subtask saw which record, in the order of one thread. */
function traced(source: (n: readonly number[]) => Source<number>) {
  const seen: string[] = [];
  const see = (stream: DataStream<number>, name: string) =>
    stream.process<number>(name, {
      process(n, { runtime }) {
        seen.push(`${name} ${runtime.subtask}: ${n}`);
        return [n];
      },
    });
  const job = defineJob(import.meta, "traced", (env) => {
    see(
      see(env.from(source(numbers)), "first").keyBy((n) => n % 17),
      "second",
    ).to(collectTo("out"));
  });
  return { job, seen };
}

async function orderOf(seed: number, parallelism = 3): Promise<readonly string[]> {
  const { job, seen } = traced(fromArray);
  const handle = await runInThread(job, { seed, parallelism });
  await handle.result;
  return seen;
}

test("the same seed gives the same order of everything, another one another order", async () => {
  const first = await orderOf(7);
  expect(await orderOf(7)).toEqual(first);
  const others = await Promise.all([1, 2, 3, 4].map((seed) => orderOf(seed)));
  expect(others.some((order) => order.join() !== first.join())).toBe(true);
  const second = (order: readonly string[]): string[] => order.filter((line) => line.startsWith("second")).toSorted();
  for (const order of others) expect(second(order)).toEqual(second(first));
});

test("records between slots go through the codec: they are equal, but not the same", async () => {
  const original = { inner: { n: 1 } };
  const arrived: (typeof original)[] = [];
  const job = defineJob(import.meta, "copied", (env) => {
    env
      .from(fromArray([original]), { parallelism: 1 })
      .broadcast()
      .map(
        (record) => {
          arrived.push(record);
          return record.inner.n;
        },
        { parallelism: 2 },
      )
      .to(collectTo("out"));
  });
  await (await runInThread(job)).result;
  expect(arrived).toEqual([original, original]);
  expect(arrived.filter((record) => record !== original)).not.toHaveLength(0);
  expect(arrived.every((record) => Object.isFrozen(record) && Object.isFrozen(record.inner))).toBe(true);
});

/** The clock's time, every 10 s. */
function ticks(times: number): Source<number, number> {
  return {
    name: "ticks",
    bounded: true,
    parallelismMax: 1,
    enumerate: () => {
      const splits = [times];
      return { next: () => splits.pop() };
    },
    reader: ({ clock }) => {
      let left = 0;
      return {
        begin(count) {
          left = count;
        },
        read(push) {
          push(clock.now(), clock.now());
          return --left === 0 ? "end" : 10_000;
        },
        position: () => left,
      };
    },
  };
}

test("time stands still while there is work, and moves by itself to what is due next", async () => {
  const clock = new VirtualClock(1_000_000);
  const job = defineJob(import.meta, "ticking", (env) => env.from(ticks(5)).to(collectTo("out")));
  const handle = await runInThread(job, { parallelism: 2, clock });
  const metrics = await handle.result;
  expect(handle.collect("out")).toEqual([1_000_000, 1_010_000, 1_020_000, 1_030_000, 1_040_000]);
  expect(metrics.elapsedMs).toBe(40_000);
});

describe("what is really asynchronous is waited for", () => {
  test("files", async () => {
    const path = join(folder, "numbers.jsonl");
    writeFileSync(path, numbers.map((n) => JSON.stringify({ n })).join("\n"));
    const job = defineJob(import.meta, "files", (env) =>
      env.from(jsonl<{ n: number }>(path, { splitBytes: 5000 })).to(collectTo("out")),
    );
    for (const parallelism of [1, 2, 3]) {
      const handle = await runInThread(job, { parallelism });
      await handle.result;
      expect(
        handle
          .collect<{ n: number }>("out")
          .map(({ n }) => n)
          .toSorted((a, b) => a - b),
      ).toEqual(numbers);
    }
  });

  test("timers of user code, instead of letting their time-out pass", async () => {
    const job = defineJob(import.meta, "slow model", (env) => {
      env
        .from(fromArray([{ n: 1 }, { n: 2 }]))
        .mapBatches("model", {
          schema: { n: "float64" },
          timeout: "1s",
          process: async (batch) => {
            await new Promise((resolve) => setTimeout(resolve, 20));
            return [batch.numRows];
          },
        })
        .to(collectTo("out"));
    });
    const handle = await runInThread(job, { parallelism: 2 });
    await handle.result;
    expect(handle.collect<number>("out").reduce((a, b) => a + b)).toBe(2);
  });

  test("an answer by a connection that has been used before", async () => {
    const server = createServer((socket) => {
      // Later than anything else is under way for when a question goes.
      socket.on("data", (question) => setTimeout(() => socket.write(question), 300));
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as AddressInfo;
    let connection: Socket | undefined;
    const ask = async (question: number): Promise<number> => {
      connection ??= connect(port, "127.0.0.1");
      connection.write(`${question}`);
      const [answer] = await once(connection, "data");
      return Number(String(answer));
    };
    const job = defineJob(import.meta, "asking", (env) => {
      env
        .from(fromArray([1, 2, 3]))
        .asyncMap("ask", ask, { capacity: 1, timeout: "1h" })
        .to(collectTo("out"));
    });
    const handle = await runInThread(job);
    await handle.result.finally(() => {
      connection?.destroy();
      server.close();
    });
    expect(handle.collect("out")).toEqual([1, 2, 3]);
  });
});

test("a promise that never settles runs into its time-out without waiting for it", async () => {
  const job = defineJob(import.meta, "stuck model", (env) => {
    env
      .from(fromArray([{ n: 1 }]))
      .mapBatches("model", { schema: { n: "float64" }, timeout: "1h", process: () => new Promise<number[]>(() => {}) })
      .to(collectTo("out"));
  });
  const clock = new VirtualClock();
  await expect((await runInThread(job, { clock })).result).rejects.toMatchObject({
    code: "TIMEOUT",
    operator: "model",
  });
  expect(clock.now()).toBe(3_600_000);
});

test("a job can be cancelled, by the handle or by a signal, before or while it runs", async () => {
  const { job } = traced(fromArray);
  const handle = await runInThread(job, { parallelism: 2 });
  handle.cancel();
  await expect(handle.result).rejects.toMatchObject({ code: "CANCELLED" });
  await expect((await runInThread(job, { signal: AbortSignal.abort() })).result).rejects.toMatchObject({
    code: "CANCELLED",
  });
});

test("metrics can be looked at while it runs and when it has ended", async () => {
  const { job } = traced(fromArray);
  const handle = await runInThread(job, { parallelism: 2 });
  expect(handle.metrics()).toMatchObject({ job: "traced", state: "running" });
  const { vertices, state } = await handle.result;
  expect(state).toBe("finished");
  expect(vertices.map(({ recordsIn }) => recordsIn)).toEqual([5000, 5000]);
});

test("a record that is changed after it was emitted is found", async () => {
  const job = defineJob(import.meta, "changed", (env) => {
    env
      .from(fromArray([{ n: 1 }]))
      .map((record) => Object.assign(record, { n: 2 }))
      .to(collectTo("out"));
  });
  await expect((await runInThread(job)).result).rejects.toMatchObject({
    code: "USER_FUNCTION",
    message: expect.stringContaining("read only"),
  });
  await expect(
    (
      await runInThread(
        defineJob(import.meta, "frozen too late", (env) => {
          const kept: { n: number }[] = [];
          env
            .from(fromArray([1, 2]))
            .map((n) => {
              for (const record of kept) record.n++;
              kept.push({ n });
              return kept.at(-1);
            })
            .to(collectTo("out"));
        }),
      )
    ).result,
  ).rejects.toMatchObject({ code: "USER_FUNCTION", operator: "map" });
});

test("an idle input does not hold back the windows of the others", async () => {
  const silent: Source<number> = {
    name: "silent",
    bounded: false,
    enumerate: () => ({ next: () => new Promise(() => {}) }),
    reader: () => ({ begin() {}, read: () => "end", position: () => undefined }),
  };
  const job = defineJob(import.meta, "idle", (env) => {
    const live = env.from(ticks(20)).withTimestamps((time) => time);
    const none = env.from(silent).withTimestamps((time) => time, { idleAfter: "1m", name: "none" });
    live
      .union(none)
      .keyBy(() => 0)
      .window(tumbling("1s"))
      .aggregate("count", counting())
      .to(collectTo("out"));
  });
  for (const parallelism of [1, 2, 3]) {
    const handle = await runInThread(job, { parallelism });
    await expect.poll(() => handle.collect("out").length, { timeout: 20_000 }).toBeGreaterThanOrEqual(18);
    handle.cancel();
    await expect(handle.result).rejects.toMatchObject({ code: "CANCELLED" });
  }
});
