/**
 * The Kafka connector beside kafkajs, on one real broker in the same session: fetching, fetching and decoding JSON, and
 * producing. Values of 200 bytes, 4 partitions, no compression, all replicas acknowledge.
 *
 *   node bench/kafka.ts [--messages 1000000] [--repeats 5] [--json]
 *
 * The broker is that of KAFKA_BROKERS, or one that is started here. Each case runs in a process of its own, in turns; what
 * it read is checked by count and sum, and what it wrote is read back and checked likewise.
 */

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpus } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Kafka, logLevel } from "kafkajs";
import { calmKafkajs } from "../connectors/kafka/client/kafkajs.ts";
import type { Figures } from "./repeat.ts";

const { values } = parseArgs({
  options: {
    messages: { type: "string", default: "1000000" },
    repeats: { type: "string", default: "5" },
    json: { type: "boolean", default: false },
  },
});
calmKafkajs();
const partitions = 4;
const turn = 2000 * partitions;
const messages = Math.ceil(Number(values.messages) / turn) * turn;
const peers = ["ours", "kafkajs"] as const;
const cases = ["produce", "fetch", "fetch-json"] as const;

/** CPU-seconds a million messages that ours is to stay below. */
const goals = { produce: 1.1, fetch: 0.5, "fetch-json": 1.1 } as const;

type Case = (typeof cases)[number];
type Peer = (typeof peers)[number];

await using broker = await startBroker();
const input = await newTopic("bench-input");
run("ours", "produce", input);
const runs = new Map<string, Figures[]>();
for (let repeat = 0; repeat < Number(values.repeats); repeat++) {
  for (const what of cases) for (const peer of peers) await measure(peer, what);
}
report();

async function measure(peer: Peer, what: Case): Promise<void> {
  const topic = what === "produce" ? await newTopic("bench-output") : input;
  const figures = run(peer, what, topic);
  if (what === "produce") {
    run("ours", "fetch-json", topic); // checks what was written
    await withAdmin((admin) => admin.deleteTopics({ topics: [topic] }));
  }
  runs.set(`${what} ${peer}`, [...(runs.get(`${what} ${peer}`) ?? []), figures]);
}

function run(peer: Peer, what: Case, topic: string): Figures {
  const script = fileURLToPath(new URL("./kafka-client.ts", import.meta.url));
  const args = [script, broker.addresses, topic, String(messages), peer, what];
  const child = spawnSync(process.execPath, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, KAFKAJS_NO_PARTITIONER_WARNING: "1" },
    timeout: 300_000,
  });
  if (child.status !== 0) throw new Error(`${what} by ${peer} failed with ${child.status ?? child.signal}`);
  return JSON.parse(child.stdout) as Figures;
}

function report(): void {
  if (!values.json) {
    const machine = `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model.trim()}`;
    process.stdout.write(
      `Kafka: ${messages} messages of 200 bytes, 4 partitions\n${machine}, ${values.repeats} runs each\n\n`,
    );
  }
  for (const what of cases) for (const peer of peers) line(what, peer);
}

function line(what: Case, peer: Peer): void {
  const sorted = (runs.get(`${what} ${peer}`) ?? []).toSorted((a, b) => a.cpu_s - b.cpu_s);
  const median = sorted[Math.floor(sorted.length / 2)];
  if (median === undefined) return;
  const goal = peer === "ours" ? { goal_cpu_s_per_million: goals[what] } : {};
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ ...median, ...goal, repeats: sorted.length, node: process.version })}\n`);
    return;
  }
  const perMillion = (figures: Figures | undefined): string => (((figures?.cpu_s ?? 0) / messages) * 1e6).toFixed(2);
  const spread = `${perMillion(median)} (${perMillion(sorted[0])} … ${perMillion(sorted.at(-1))})`;
  const rate = `${(messages / median.wall_s / 1000).toFixed(0)} k messages/s`;
  const target = peer === "ours" ? `   goal ${goals[what]}` : "";
  process.stdout.write(`${`${what}, ${peer}`.padEnd(22)} ${spread} CPU-s a million   ${rate}${target}\n`);
}

async function startBroker(): Promise<{ addresses: string; [Symbol.asyncDispose](): Promise<void> }> {
  const given = process.env["KAFKA_BROKERS"];
  if (given) return { addresses: given, [Symbol.asyncDispose]: async () => {} };
  const program = fileURLToPath(new URL("../test/kafka-broker/main.ts", import.meta.url));
  const child = spawn(process.execPath, [program, "0"], { stdio: ["ignore", "pipe", "inherit"] });
  const { value } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  return {
    addresses: String(value),
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      await once(child, "exit");
    },
  };
}

async function newTopic(name: string): Promise<string> {
  const topic = `${name}-${process.pid}-${Date.now()}`;
  await withAdmin((admin) =>
    admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: partitions }] }),
  );
  return topic;
}

async function withAdmin(use: (admin: ReturnType<Kafka["admin"]>) => Promise<unknown>): Promise<void> {
  const admin = new Kafka({ brokers: broker.addresses.split(","), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await use(admin);
  await admin.disconnect();
}
