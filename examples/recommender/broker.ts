/** A Kafka for the examples: that of KAFKA_BROKERS, or one that is started here and ends with the program. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export interface Broker extends AsyncDisposable {
  readonly brokers: string;
}

export async function brokerForExamples(say: (line: string) => void): Promise<Broker> {
  const given = process.env["KAFKA_BROKERS"];
  if (given) return { brokers: given, [Symbol.asyncDispose]: async () => {} };
  say("KAFKA_BROKERS is not set: starting a Kafka of one node, as `npm run kafka` does.");
  const program = fileURLToPath(new URL("../../test/kafka-broker/main.ts", import.meta.url));
  const child = spawn(process.execPath, [program, "0"], { stdio: ["ignore", "pipe", "pipe"] });
  const said: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => said.push(line));
  const { value, done } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  if (done) throw new Error(`No Kafka could be started. Set KAFKA_BROKERS to the address of one.\n${said.join("\n")}`);
  return {
    brokers: String(value),
    [Symbol.asyncDispose]: async () => {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    },
  };
}
