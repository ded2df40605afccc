/**
 * Millrace on Kafka beside its peers, on one real broker in one session, each run in a process of its own, in turns.
 *
 *   node bench/kafka.ts [--cases j1,latency] [--peers ours,kafkajs] [--messages 2000000] [--repeats 1] [--json]
 *
 *   produce fetch fetch-json                      the client alone: values of 200 bytes, all replicas acknowledge
 *   j1-exactly-once j1-at-least-once              decode JSON, keep half, map, encode, produce; commits every second
 *   j2-exactly-once                               count by key in windows of 10 s of event time; commits every second
 *   latency-at-least-once latency-exactly-once    J1 at 10,000 messages a second; exactly once with commits every 100 ms;
 *                                                 with the floor before them: the same sender and reader without a job
 *
 * `--cases` takes beginnings of these names. Peers are ours, kafkajs, platformatic (which only fetches), streams and flink.
 * 4 partitions, no compression. The broker is that of KAFKA_BROKERS, or one that is started here. All that is written is
 * checked by count and checksum; Linux, as CPU and memory are read from /proc. Kafka Streams and Flink need Java 17 and Maven,
 * which builds them at the first use; npm installs platformatic's client then.
 */

import { spawnSync } from "node:child_process";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { MillraceError } from "millrace";
import { type Expected, expectedOfJ1, expectedOfJ2, VALUE_BYTES } from "./kafka/bids.ts";
import { madeReady, newTopic, PARTITIONS, startBroker } from "./kafka/broker.ts";
import { runJob } from "./kafka/job-case.ts";
import { jobPeers, type Peer, peers } from "./kafka/peers.ts";
import { fill } from "./kafka/topics.ts";

const { values } = parseArgs({
  options: {
    cases: { type: "string", default: "" },
    peers: { type: "string", default: "ours,kafkajs" },
    messages: { type: "string", default: "2000000" },
    repeats: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
  },
});

interface Case {
  readonly name: string;
  /** What the figure of this name is to stay below. */
  readonly goals: Readonly<Record<string, number>>;
  readonly peers: readonly Peer[];
  readonly measure: (peer: Peer) => Promise<Row>;
}

type Row = Readonly<Record<string, unknown>>;

/** Of the client cases: each partition has a stretch of so many messages in turn. */
const turn = 2000 * PARTITIONS;
const messages = Math.ceil(Number(values.messages) / turn) * turn;
await using broker = await startBroker();
const { brokers } = broker;
await madeReady(brokers);
const filled = new Map<string, Promise<string>>();
let floorRow: Row | undefined;

const perMillion = (cpu: number) => ({ cpu_s_per_million: cpu });
const memoryAndStart = { peak_rss_mb: 250, first_output_s: 0.8 };
const latency = (p50: number, p99: number) => ({ p50_ms: p50, p99_ms: p99 });

const cases: readonly Case[] = [
  { name: "produce", goals: perMillion(1.1), peers: ["ours", "kafkajs"], measure: produce },
  fetchCase("fetch", 0.5),
  fetchCase("fetch-json", 1.1),
  jobCase("j1", "exactly-once", { ...perMillion(2.7), ...memoryAndStart }),
  jobCase("j1", "at-least-once", { ...perMillion(2.5), ...memoryAndStart }),
  jobCase("j2", "exactly-once", { ...perMillion(2.5), peak_rss_mb: 250 }),
  latencyCase("at-least-once", 1000, latency(4, 50)),
  latencyCase("exactly-once", 100, latency(80, 200)),
];

await measureAll();

async function measureAll(): Promise<void> {
  const wanted = values.cases.split(",");
  const chosen = cases.filter(({ name }) => wanted.some((beginning) => name.startsWith(beginning)));
  const among = values.peers.split(",");
  const unknown = among.filter((peer) => !peers.some((each) => each === peer));
  if (chosen.length === 0 || unknown.length > 0) {
    const known = `cases are ${cases.map(({ name }) => name).join(", ")}; peers are ${peers.join(", ")}`;
    throw new MillraceError(
      "BAD_OPTION",
      `Nothing to measure for --cases ${values.cases} --peers ${values.peers}: ${known}`,
    );
  }
  if (!values.json) process.stdout.write(title());
  for (const each of chosen) {
    const rows = await rounds(
      each,
      each.peers.filter((peer) => among.includes(peer)),
    );
    for (const [peer, of] of rows) if (of.length > 0) show(each, peer, of);
  }
}

/** All runs of a case, by their peers, in turns. */
async function rounds({ measure }: Case, among: readonly Peer[]): Promise<Map<Peer, Row[]>> {
  const rows = new Map(among.map((peer): [Peer, Row[]] => [peer, []]));
  for (let repeat = 0; repeat < Number(values.repeats); repeat++) {
    for (const peer of among) {
      const row = await measure(peer).catch((error: Error) => failed(peer, error));
      if (row !== undefined) rows.get(peer)?.push(row);
    }
  }
  return rows;
}

/** One that fails, or is too slow to come to an end, is left out; of ours it is the end. */
function failed(peer: Peer, error: Error): undefined {
  if (peer === "ours") throw error;
  process.stderr.write(`${error.message}\n`);
}

function jobCase(job: "j1" | "j2", guarantee: "exactly-once" | "at-least-once", goals: Case["goals"]): Case {
  const expectedOf = job === "j1" ? expectedOfJ1 : expectedOfJ2;
  let expected: Expected | undefined;
  return {
    ...{ name: `${job}-${guarantee}`, goals, peers: jobPeers },
    measure: async (peer) => {
      const input = await topicWith("bids", (topic) => fill(brokers, topic, messages));
      expected ??= expectedOf(messages);
      return { ...(await runJob({ peer, job, guarantee, brokers, input, messages, expected })) };
    },
  };
}

function latencyCase(guarantee: string, commitMs: number, goals: Case["goals"]): Case {
  const measure = async (peer: Peer): Promise<Row> => ({
    ...floor(),
    ...child("latency-case.ts", brokers, peer, guarantee, String(commitMs)),
  });
  return { name: `latency-${guarantee}`, goals, peers: jobPeers, measure };
}

/** Measured once, before the first job: so long that the broker's code is compiled by then, whatever ran before. */
function floor(): Row {
  floorRow ??= child("latency-case.ts", brokers, "floor", "at-least-once", "0", "10000", "20", "8");
  return { floor_p50_ms: floorRow["p50_ms"], floor_p99_ms: floorRow["p99_ms"] };
}

function fetchCase(name: string, cpu: number): Case {
  return {
    name,
    goals: perMillion(cpu),
    peers: ["ours", "kafkajs", "platformatic"],
    measure: (peer) => fetch(peer, name),
  };
}

async function produce(peer: Peer): Promise<Row> {
  const topic = await newTopic(brokers, "produced");
  const row = client(peer, "produce", topic);
  client("ours", "fetch-json", topic); // checks what was written
  return row;
}

async function fetch(peer: Peer, what: string): Promise<Row> {
  const topic = await topicWith("values", async (fresh) => void client("ours", "produce", fresh));
  return client(peer, what, topic);
}

function client(peer: Peer, what: string, topic: string): Row {
  return child("client-case.ts", brokers, topic, String(messages), peer, what);
}

/** An input topic, filled when it is needed first. */
function topicWith(name: string, write: (topic: string) => Promise<void>): Promise<string> {
  const made = filled.get(name) ?? newTopic(brokers, name).then(async (topic) => write(topic).then(() => topic));
  filled.set(name, made);
  return made;
}

/** Runs a script of `kafka/` that prints its figures as a line of JSON. */
function child(script: string, ...args: readonly string[]): Row {
  const path = fileURLToPath(new URL(`./kafka/${script}`, import.meta.url));
  const env = { ...process.env, KAFKAJS_NO_PARTITIONER_WARNING: "1" };
  const run = spawnSync(process.execPath, [path, ...args], { encoding: "utf8", timeout: 300_000, env });
  if (run.status !== 0)
    throw new Error(`${script} ${args.join(" ")} failed (${run.status ?? run.signal}):\n${run.stderr}`);
  return JSON.parse(run.stdout) as Row;
}

/** The median of each figure by itself, with the least and the most of what the case is about. */
function show({ name, goals }: Case, peer: Peer, rows: readonly Row[]): void {
  const [about = ""] = Object.keys(goals);
  const sorted = (field: string): number[] => rows.map((row) => Number(row[field])).sort((a, b) => a - b);
  const median = (field: string): number => sorted(field)[Math.floor(rows.length / 2)] ?? Number.NaN;
  const figures = Object.fromEntries(
    Object.entries(rows[0] ?? {}).map(([field, value]) => [field, typeof value === "number" ? median(field) : value]),
  );
  const spread = { least: sorted(about)[0], most: sorted(about).at(-1) };
  if (values.json) {
    const goal = peer === "ours" ? { goals } : {};
    process.stdout.write(
      `${JSON.stringify({ ...figures, case: name, peer, ...spread, ...goal, repeats: rows.length, node: process.version })}\n`,
    );
    return;
  }
  const shown = [
    ...new Set([...Object.keys(goals), "messages_per_s", "peak_rss_mb", "first_output_s", "floor_p50_ms"]),
  ];
  const parts = shown.flatMap((field) => {
    if (!(field in figures)) return [];
    const goal = peer === "ours" && field in goals ? ` (goal ${goals[field]})` : "";
    return [`${field} ${Number(figures[field]).toPrecision(3)}${goal}`];
  });
  process.stdout.write(`${name.padEnd(22)} ${peer.padEnd(8)} ${parts.join("   ")}\n`);
}

function title(): string {
  const machine = `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model.trim()}`;
  return `Kafka: ${messages} messages of ${VALUE_BYTES} bytes, ${PARTITIONS} partitions, median of ${values.repeats} runs\n${machine}\n\n`;
}
