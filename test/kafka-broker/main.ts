/**
 * `npm run kafka`: a real Apache Kafka for trying things out, until Ctrl-C. Its address is the only line on the standard
 * output. `npm run kafka -- 9092` takes that port, `npm run kafka -- 9092 3` three nodes, of which the first has it, and
 * `npm run kafka -- 9092 1 served` one that runs as Kafka's own scripts start it: slower to start, and faster then.
 */

import { once } from "node:events";
import { KafkaCluster } from "./kafka-cluster.ts";
import { kafkaHome, whyNoKafkaHere } from "./kafka-home.ts";

const [port = "9092", nodes = "1", java = "quick"] = process.argv.slice(2);
const missing = whyNoKafkaHere();
if (missing !== undefined) {
  process.stderr.write(`No Kafka can be started: ${missing}.\n`);
  process.exit(1);
}
process.stderr.write(`Starting Kafka; its jars and archives are kept in ${kafkaHome()}.\n`);
await using cluster = await KafkaCluster.start({
  port: Number(port),
  nodes: nodes === "3" ? 3 : 1,
  heapMegabytes: 512,
  java: java === "served" ? "served" : "quick",
});
process.stdout.write(`${cluster.brokers.join()}\n`);
process.stderr.write(`Running until Ctrl-C. For the tests: KAFKA_BROKERS=${cluster.brokers.join()}\n`);
const keepAlive = setInterval(() => {}, 1 << 30);
await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
clearInterval(keepAlive);
