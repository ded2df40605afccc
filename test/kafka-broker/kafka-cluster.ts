/**
 * A real Apache Kafka of one or three nodes from jars, each node broker and controller, on ports of 127.0.0.1 that are
 * free. Data lies in a temporary folder that goes with it. For tests and for trying things out; it is small and quick to
 * start: a serial collector, the first compiler only, a class-data archive, few partitions of internal topics. What is
 * measured is measured on one that runs as Kafka's own scripts start it (`java: "served"`).
 */

import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BrokerProcess } from "./broker-process.ts";
import { freePorts } from "./free-ports.ts";
import { findJava, type Java, kafkaHome, kafkaJars, madeOnce } from "./kafka-home.ts";

export interface KafkaClusterOptions {
  readonly nodes?: 1 | 3;
  /** Further lines of server.properties, e.g. { "transaction.max.timeout.ms": "5000" }. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly heapMegabytes?: number;
  /** "served": the virtual machine and the threads that Kafka's scripts and defaults give a broker. Default "quick". */
  readonly java?: "quick" | "served";
  /** The clients' port of the first node; by default one that is free. */
  readonly port?: number;
  /** Besides the plain one, for a cluster of one node. */
  readonly listeners?: readonly KafkaListener[];
  /** Users to be written into its log folder when that is formatted, which is done once for a `name`. */
  readonly users?: { readonly name: string; readonly scram: readonly string[] };
}

export interface KafkaListener {
  readonly name: string;
  readonly protocol: "SSL" | "SASL_SSL" | "SASL_PLAINTEXT";
  readonly port: number;
}

interface Node {
  readonly id: number;
  readonly port: number;
  readonly controllerPort: number;
  readonly folder: string;
  process: BrokerProcess | undefined;
}

const clusterId = "bWlsbHJhY2UtdGVzdHMAAA"; // any 16 bytes in base64url
const quick = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xshare:auto"];
/** KAFKA_JVM_PERFORMANCE_OPTS of kafka-run-class.sh and KAFKA_HEAP_OPTS of kafka-server-start.sh. */
const served = [
  ...["-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35"],
  ...["-XX:+ExplicitGCInvokesConcurrent", "-Xms1g", "-Xmx1g"],
];
const quickThreads = { "num.network.threads": "2", "num.io.threads": "4" };
const logging = `status=ERROR
appender.c.type=Console
appender.c.name=C
appender.c.layout.type=PatternLayout
appender.c.layout.pattern=%d %p %m (%c)%n
rootLogger.level=WARN
rootLogger.appenderRef.c.ref=C
`;

export class KafkaCluster implements AsyncDisposable {
  readonly brokers: readonly string[];
  readonly #nodes: readonly Node[];
  readonly #java: Java;
  readonly #folder: string;
  readonly #options: KafkaClusterOptions;

  private constructor(java: Java, folder: string, nodes: readonly Node[], options: KafkaClusterOptions) {
    this.#java = java;
    this.#folder = folder;
    this.#nodes = nodes;
    this.#options = options;
    this.brokers = nodes.map(({ port }) => `127.0.0.1:${port}`);
  }

  static async start(options: KafkaClusterOptions = {}): Promise<KafkaCluster> {
    const java = findJava();
    if (java === undefined) throw new Error("Kafka needs Java 17 or later.");
    await ensureArchive(java);
    const folder = mkdtempSync(join(tmpdir(), "millrace-kafka-"));
    const cluster = new KafkaCluster(java, folder, await makeNodes(folder, options), options);
    try {
      await cluster.#launchAll();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** Of each node: its settings, what it says, and its logs of partitions (`data`). */
  get folder(): string {
    return this.#folder;
  }

  /** The process of each running node by its id. */
  get pids(): ReadonlyMap<number, number> {
    return new Map(this.#nodes.flatMap(({ id, process }) => (process === undefined ? [] : [[id, process.pid]])));
  }

  /** kill -9 */
  async kill(id: number): Promise<void> {
    const node = this.#node(id);
    await node.process?.kill();
    node.process = undefined;
  }

  /** Starts a node that was killed, with its data, and waits until it answers. */
  async restart(id: number): Promise<void> {
    const node = this.#node(id);
    await node.process?.kill();
    node.process = await this.#launch(node);
    await node.process.ready(node.port);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#nodes.map(({ process }) => process?.kill()));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #node(id: number): Node {
    const node = this.#nodes.find((each) => each.id === id);
    if (node === undefined) throw new Error(`There is no node ${id}.`);
    return node;
  }

  async #launchAll(): Promise<void> {
    for (const node of this.#nodes) {
      prepareFolder(this.#java, node, this.#nodes, this.#options);
      node.process = await this.#launch(node);
    }
    await Promise.all(this.#nodes.map(({ process, port }) => process?.ready(port)));
  }

  #launch(node: Node): Promise<BrokerProcess> {
    const { java, heapMegabytes = 320 } = this.#options;
    const archived = [...quick, `-XX:SharedArchiveFile=${archiveOf(this.#java)}`, `-Xmx${heapMegabytes}m`];
    const flags = java === "served" ? served : archived;
    const command = brokerCommand(this.#java, node.folder, flags);
    return BrokerProcess.start(command, { log: join(node.folder, "broker.log"), data: this.#folder });
  }
}

function brokerCommand(java: Java, folder: string, flags: readonly string[]): string[] {
  const logs = [`-Dlog4j2.configurationFile=${join(folder, "log4j2.properties")}`, `-Dkafka.logs.dir=${folder}`];
  const program = ["-cp", join(kafkaJars(), "*"), "kafka.Kafka", join(folder, "server.properties")];
  return [java.command, ...flags, "-Djava.awt.headless=true", ...logs, ...program];
}

async function makeNodes(folder: string, { nodes = 1, port }: KafkaClusterOptions): Promise<Node[]> {
  const ports = await freePorts(2 * nodes);
  return Array.from({ length: nodes }, (_, index) => ({
    id: index + 1,
    port: (index === 0 && port) || (ports[2 * index] ?? 0),
    controllerPort: ports[2 * index + 1] ?? 0,
    folder: join(folder, `node-${index + 1}`),
    process: undefined,
  }));
}

function prepareFolder(java: Java, node: Node, nodes: readonly Node[], options: KafkaClusterOptions): void {
  mkdirSync(node.folder, { recursive: true });
  writeFileSync(join(node.folder, "log4j2.properties"), logging);
  writeFileSync(join(node.folder, "server.properties"), properties(node, nodes, options));
  const { name = "", scram = [] } = options.users ?? {};
  const variant = `${node.id}-of-${nodes.length}${name && `-${name}`}`;
  const formatted = madeOnce(join(kafkaHome(), "formatted", variant), (folder) => {
    format(java, node, nodes, folder, scram);
  });
  cpSync(formatted, join(node.folder, "data"), { recursive: true });
}

/** Formats an empty log folder. What it writes depends on the number of nodes, the node's id and the users only. */
function format(java: Java, node: Node, nodes: readonly Node[], folder: string, scram: readonly string[]): void {
  const file = join(node.folder, "format.properties");
  writeFileSync(file, properties({ ...node, folder: join(folder, "..") }, nodes, { settings: { "log.dirs": folder } }));
  const users = scram.flatMap((user) => ["--add-scram", user]);
  const command = ["kafka.tools.StorageTool", "format", "-t", clusterId, "-c", file, ...users];
  const program = ["-cp", join(kafkaJars(), "*"), ...command];
  const log = `-Dlog4j2.configurationFile=${join(node.folder, "log4j2.properties")}`;
  const run = spawnSync(java.command, [...quick, log, ...program], { encoding: "utf8" });
  if (run.status !== 0) throw new Error(`Kafka could not format a log folder:\n${run.stdout}${run.stderr}`);
}

function properties(node: Node, nodes: readonly Node[], options: KafkaClusterOptions): string {
  const { listeners = [], settings, java } = options;
  const replicas = String(nodes.length);
  const inSync = nodes.length === 1 ? "1" : "2";
  const lines: Readonly<Record<string, string>> = {
    "process.roles": "broker,controller",
    "node.id": String(node.id),
    "controller.quorum.voters": nodes.map(({ id, controllerPort }) => `${id}@127.0.0.1:${controllerPort}`).join(),
    listeners: [
      `PLAINTEXT://127.0.0.1:${node.port},CONTROLLER://127.0.0.1:${node.controllerPort}`,
      ...listeners.map(({ name, port }) => `${name}://127.0.0.1:${port}`),
    ].join(),
    "advertised.listeners": [
      `PLAINTEXT://127.0.0.1:${node.port}`,
      ...listeners.map(({ name, port }) => `${name}://localhost:${port}`),
    ].join(),
    "listener.security.protocol.map": [
      "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
      ...listeners.map(({ name, protocol }) => `${name}:${protocol}`),
    ].join(),
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "log.dirs": join(node.folder, "data"),
    "num.partitions": "4",
    "auto.create.topics.enable": "false",
    "default.replication.factor": replicas,
    "min.insync.replicas": inSync,
    "offsets.topic.replication.factor": replicas,
    "offsets.topic.num.partitions": "3",
    "transaction.state.log.replication.factor": replicas,
    "transaction.state.log.min.isr": inSync,
    "transaction.state.log.num.partitions": "3",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
    "share.coordinator.state.topic.replication.factor": replicas,
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "log.segment.bytes": "268435456",
    "log.retention.ms": "-1", // tests write records of years ago, which would go when it first looks, after 30 s
    "log.cleaner.dedupe.buffer.size": "2097152",
    ...(java !== "served" && quickThreads),
    ...settings,
  };
  return Object.entries(lines)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}

function archiveOf(java: Java): string {
  return join(kafkaHome(), `classes-${java.version}.jsa`);
}

/** Starts and ends a broker once to write down which classes it loads, unless that was done with this Java. */
async function ensureArchive(java: Java): Promise<void> {
  if (existsSync(archiveOf(java))) return;
  const folder = mkdtempSync(join(tmpdir(), "millrace-kafka-"));
  const written = `${archiveOf(java)}-${process.pid}`;
  try {
    const nodes = await makeNodes(folder, {});
    const [node] = nodes;
    if (node === undefined) return;
    prepareFolder(java, node, nodes, {});
    const command = brokerCommand(java, node.folder, [...quick, `-XX:ArchiveClassesAtExit=${written}`]);
    const broker = await BrokerProcess.start(command, { log: join(node.folder, "broker.log"), data: folder });
    await broker.ready(node.port);
    await broker.shutDown();
    if (existsSync(written)) renameSync(written, archiveOf(java));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
