import { spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Admin } from "kafkajs";
import { expect, test } from "vitest";
import { KafkaCluster } from "../../kafka-broker/kafka-cluster.ts";
import { describeOnKafka, describeWithJars, newTopic, withAdmin } from "./on-kafka.ts";

describeOnKafka("the tests' broker", () => {
  test("makes topics", async () => {
    const topic = await newTopic("made", { partitions: 3 });
    const { topics } = await withAdmin((admin) => admin.fetchTopicMetadata({ topics: [topic] }));
    expect(topics[0]?.partitions).toHaveLength(3);
  });
});

describeWithJars("brokers from jars", () => {
  test("a broker does not outlive the process that started it, whatever ends that", async () => {
    const program = fileURLToPath(new URL("../../kafka-broker/main.ts", import.meta.url));
    const child = spawn(process.execPath, [program, "0"], { stdio: ["ignore", "pipe", "ignore"] });
    const { value: address } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
    const [guard = 0] = childrenOf(child.pid ?? 0);
    const [broker = 0] = childrenOf(guard);
    expect(address).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(isRunning(broker)).toBe(true);
    child.kill("SIGKILL");
    await expect.poll(() => isRunning(broker), { timeout: 20_000 }).toBe(false);
  });

  test("a node that was killed comes back with its data", async () => {
    await using cluster = await KafkaCluster.start();
    const [[id, pid] = [0, 0]] = cluster.pids;
    await onCluster(cluster, (admin) => admin.createTopics({ topics: [{ topic: "kept" }], waitForLeaders: true }));
    await cluster.kill(id);
    expect(isRunning(pid)).toBe(false);
    await cluster.restart(id);
    expect(cluster.pids.get(id)).not.toBe(pid);
    expect(await onCluster(cluster, (admin) => admin.listTopics())).toContain("kept");
  });
});

function onCluster<T>(cluster: KafkaCluster, use: (admin: Admin) => Promise<T>): Promise<T> {
  return withAdmin(use, [...cluster.brokers]);
}

function childrenOf(pid: number): number[] {
  const { stdout } = spawnSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" });
  const rows = stdout.split("\n").map((line) => line.trim().split(/\s+/).map(Number));
  return rows.flatMap(([child = 0, parent]) => (parent === pid ? [child] : []));
}

function isRunning(pid: number): boolean {
  return spawnSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" }).stdout.trim() !== "";
}
