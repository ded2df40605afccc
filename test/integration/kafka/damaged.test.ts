/** A log that was damaged on a broker's disk: brokers send it as it lies there. */

import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { collectTo, defineJob } from "millrace";
import { expect, test } from "vitest";
import { kafka, makeTopics, text } from "../../../connectors/kafka/index.ts";
import { runInThread } from "../../../runtime/testing/index.ts";
import { KafkaCluster } from "../../kafka-broker/kafka-cluster.ts";
import { describeWithJars } from "./on-kafka.ts";
import { writeRecords } from "./write-records.ts";

const topic = "damaged";

/** Turns one bit of the last byte of the partition's log. */
async function damage(cluster: KafkaCluster): Promise<void> {
  const folder = join(cluster.folder, "node-1", "data", `${topic}-0`);
  const [log = ""] = (await readdir(folder)).filter((name) => name.endsWith(".log"));
  const file = await open(join(folder, log), "r+");
  try {
    const { size } = await file.stat();
    const last = Buffer.alloc(1);
    await file.read(last, 0, 1, size - 1);
    await file.write(Buffer.of((last[0] ?? 0) ^ 1), 0, 1, size - 1);
  } finally {
    await file.close();
  }
}

describeWithJars("a Kafka source of a log that was damaged on the disk", () => {
  test("names it, and gives nothing of the damaged batch", { timeout: 180_000 }, async () => {
    await using cluster = await KafkaCluster.start();
    const { brokers } = cluster;
    await makeTopics({ brokers }, [{ topic, partitions: 1 }]);
    const values = Array.from({ length: 40 }, (_, at) => ({ value: `value ${at}` }));
    await writeRecords(topic, 0, values, 20, brokers); // two batches
    const seen: string[] = [];
    const job = defineJob(import.meta, "damaged", (env) =>
      env
        .from(kafka({ brokers, topics: topic, until: "latest", value: text() }))
        .map((value) => {
          seen.push(value);
          return value;
        })
        .to(collectTo("out")),
    );
    await (await runInThread(job)).result;
    expect(seen.splice(0)).toEqual(values.map(({ value }) => value));
    await damage(cluster);
    await expect((await runInThread(job)).result).rejects.toMatchObject({ code: "KAFKA_FORMAT" });
    expect(seen).toEqual(values.slice(0, seen.length).map(({ value }) => value));
    expect(seen.length).toBeLessThanOrEqual(20);
  });
});
