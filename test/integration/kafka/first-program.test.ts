/** The program of docs/connectors.md does what the page says of it, on a real broker. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { KafkaClient } from "../../../connectors/kafka/client/kafka-client.ts";
import { tempFolder } from "../../connectors/temp-folder.ts";
import { modulesOf } from "../../docs/samples.ts";
import { brokers, describeOnKafka, newTopic } from "./on-kafka.ts";
import { readPartition } from "./read-topic.ts";
import { writeRecords } from "./write-records.ts";

const folder = tempFolder();

describeOnKafka("the program of docs/connectors.md", () => {
  test("copies what costs more than 1000, under its customer, until it is ended", { timeout: 120_000 }, async () => {
    const [input, output] = [await newTopic("orders"), await newTopic("large-orders")];
    const orders = [
      { id: "a", customer: "ann", total: 1200 },
      { id: "b", customer: "bob", total: 800 },
      { id: "c", customer: "cid", total: 1001 },
    ];
    const records = orders.map((order) => ({ value: JSON.stringify(order) }));
    await writeRecords(input, 0, records);
    const [code = ""] = modulesOf("connectors.md");
    const onTest = code
      .replace('"localhost:9092"', JSON.stringify(brokers.join()))
      .replace('topics: "orders"', `topics: "${input}"`)
      .replace('topic: "large-orders"', `topic: "${output}"`);
    mkdirSync(join(folder.path, "node_modules"));
    symlinkSync(resolve(import.meta.dirname, "../../.."), join(folder.path, "node_modules", "millrace"));
    writeFileSync(join(folder.path, "package.json"), '{ "type": "module" }\n');
    writeFileSync(join(folder.path, "large-orders.ts"), onTest);
    const program = spawn(process.execPath, ["large-orders.ts"], { cwd: folder.path, stdio: "ignore" });
    try {
      await using client = new KafkaClient({ brokers });
      const written = () => readPartition(client, output);
      await expect.poll(async () => (await written()).length, { timeout: 60_000 }).toBe(2);
      const text = (hex: string | null): string => Buffer.from(hex ?? "", "hex").toString();
      expect((await written()).map(({ key, value }) => [text(key), JSON.parse(text(value))])).toEqual([
        ["ann", orders[0]],
        ["cid", orders[2]],
      ]);
    } finally {
      const ended = once(program, "exit");
      program.kill("SIGKILL");
      await ended;
    }
  });
});
