/** `millrace kafka transactions` on a real broker: what a lost sink has left is found, and ended. */

import { expect, test } from "vitest";
import { KafkaClient } from "../../../connectors/kafka/client/kafka-client.ts";
import { toKafka } from "../../../connectors/kafka/index.ts";
import type { LeftTransaction } from "../../../connectors/kafka/sink/transactions-admin.ts";
import { NO_TIMESTAMP } from "../../../core/time.ts";
import { fakeContext } from "../../connectors/fake-context.ts";
import { millrace, workFolder } from "../cluster/process.ts";
import { endsAllProcesses } from "../cluster/processes.ts";
import { brokers, describeOnKafka, newTopic } from "./on-kafka.ts";
import { readPartition } from "./read-topic.ts";

endsAllProcesses();

async function transactions(...args: readonly string[]) {
  await using folder = await workFolder();
  const options = ["--brokers", brokers.join(), ...args, "--json"];
  const { code, stdout, stderr } = await millrace(["kafka", "transactions", ...options], { cwd: folder.path });
  return { code, stderr, found: stdout === "" ? [] : (JSON.parse(stdout) as readonly LeftTransaction[]) };
}

/** A sink that has written, was prepared or not, and is gone. */
async function lostSink(topic: string, prepares: boolean): Promise<unknown> {
  const options = { brokers, topic, guarantee: "exactly-once" as const, transactionalIdPrefix: topic };
  const writer = toKafka<string>(options).writer(fakeContext());
  await writer.open?.();
  await writer.write("a", NO_TIMESTAMP);
  await writer.flush?.();
  const prepared = prepares ? await writer.prepare?.(1) : undefined;
  if (!prepares) {
    const found = async (): Promise<number> => (await transactions("--prefix", topic)).found.length;
    await expect.poll(found, { timeout: 60_000 }).toBe(1);
  }
  await writer.close?.();
  return prepared;
}

describeOnKafka("millrace kafka transactions", () => {
  test("shows what is open, and aborts it", { timeout: 120_000 }, async () => {
    const topic = await newTopic("left-open");
    await lostSink(topic, false);
    const { found } = await transactions("--prefix", topic);
    const expected = { transactionalId: `${topic}-0-0`, state: "Ongoing", partitions: [{ topic, partition: 0 }] };
    expect(found).toMatchObject([{ ...expected, timeoutMs: 900_000 }]);
    const none = await transactions("--prefix", topic, "--abort", "another-id");
    expect(none).toMatchObject({ code: 2, found: [] });
    const aborted = await transactions("--prefix", topic, "--abort", `${topic}-*`);
    expect(aborted).toMatchObject({ code: 0, found: [expected] });
    await expect.poll(async () => (await transactions("--prefix", topic)).found, { timeout: 60_000 }).toEqual([]);
    const all = await transactions("--prefix", topic, "--all");
    expect(all.found.map(({ transactionalId }) => transactionalId)).toContain(`${topic}-0-0`);
  });

  test("what it has aborted and a job still has to commit is written again", { timeout: 120_000 }, async () => {
    const topic = await newTopic("left-prepared");
    const prepared = await lostSink(topic, true);
    expect((await transactions("--prefix", topic, "--abort", `${topic}-0-0`)).found.length).toBe(1);
    const options = { brokers, topic, guarantee: "exactly-once" as const, transactionalIdPrefix: topic };
    const context = fakeContext({ attempt: 2, restored: { checkpoint: 1, parts: [{ checkpoint: 1, prepared }] } });
    const writer = toKafka<string>(options).writer(context);
    await writer.open?.();
    await writer.commit?.(1, prepared);
    await writer.close?.();
    expect(context.reported.counters.get("transactionsWrittenAgain")).toBe(1);
    await using client = new KafkaClient({ brokers });
    const visible = async (): Promise<number> => (await readPartition(client, topic)).length;
    await expect.poll(visible, { timeout: 20_000 }).toBe(1);
  });

  test("says that no broker answers", async () => {
    const { code, stderr } = await transactions("--brokers", "127.0.0.1:1");
    expect(code).toBe(3);
    expect(stderr).toContain("KAFKA_UNREACHABLE");
  });
});
