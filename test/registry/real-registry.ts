/**
 * `npm run test:registry`: our formats against a real schema registry. That is Apicurio, which speaks Confluent's protocol, in
 * memory; Maven fetches it once (140 MB) into the user's cache folder, which is why the tests with a fake one are those that
 * always run. `MILLRACE_SCHEMA_REGISTRY=http://…` takes another one. Prints what went right, and ends with 1 otherwise.
 */

import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { avro, type Format, protobuf, registeredJson } from "../../connectors/kafka/index.ts";
import { freePorts } from "../kafka-broker/free-ports.ts";
import { findJava, madeOnce } from "../kafka-broker/kafka-home.ts";

const VERSION = "2.5.11.Final";
const START_WITHIN_MS = 180_000;
const value = { id: "x", price: 7 };

const given = process.env["MILLRACE_SCHEMA_REGISTRY"];
const started = given === undefined ? await start() : undefined;
try {
  const urls = given === undefined ? ["v6", "v7"].map((version) => `${started?.url}/apis/ccompat/${version}`) : [given];
  for (const url of urls) await check(url);
} finally {
  await started?.stop();
}

/** Each format reads what it has written, also where it knows nothing but the registry, and says what is refused. */
async function check(url: string): Promise<void> {
  const registry = { url };
  const subject = (kind: string): string => `${kind}-${randomUUID()}-value`;
  const fields = [
    { name: "id", type: "string" },
    { name: "price", type: "long" },
  ];
  const record = (more: readonly object[]): object => ({ type: "record", name: "Order", fields: [...fields, ...more] });
  const orders = subject("avro");
  await roundTrip(
    avro<unknown>({ registry, subject: orders, schema: record([]) }),
    avro<unknown>({ registry, subject: orders }),
  );
  const message = 'syntax = "proto3"; message Order { string id = 1; int64 price = 2; }';
  const inProto = subject("protobuf");
  await roundTrip(
    protobuf<unknown>({ registry, subject: inProto, schema: message }),
    protobuf<unknown>({ registry, subject: inProto }),
  );
  const inJson = subject("json");
  const properties = { id: { type: "string" }, price: { type: "integer" } };
  await roundTrip(
    registeredJson<unknown>({ registry, subject: inJson, schema: { type: "object", properties } }),
    registeredJson<unknown>({ registry, subject: inJson }),
  );
  const stranger = Buffer.from([0, 0x7f, 0xff, 0xff, 0xff, 0]);
  await assert.rejects(async () => decoded(avro<unknown>({ registry, subject: orders }), stranger), /cannot be used/);
  process.stdout.write(
    `${url}: Avro, Protobuf and JSON are read as they were written; an id that it has not is told\n`,
  );
}

async function roundTrip(writing: Format<unknown>, reading: Format<unknown>): Promise<void> {
  const encoder = writing.encoder();
  await encoder.open?.();
  const message = Buffer.from(encoder.encode(value) as Uint8Array);
  assert.deepEqual({ ...((await decoded(reading, message)) as object) }, value);
}

async function decoded(format: Format<unknown>, message: Buffer): Promise<unknown> {
  const decoder = format.decoder();
  await decoder.prepare?.(message, 0, message.length);
  return decoder.decode(message, 0, message.length);
}

interface Started {
  readonly url: string;
  stop(): Promise<void>;
}

async function start(): Promise<Started> {
  const java = findJava()?.command;
  if (java === undefined) throw new Error("Java 17 or later is needed for a schema registry of its own.");
  const folder = apicurio();
  const [port = 0] = await freePorts(1);
  const options = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx400m", "-jar"];
  const child = spawn(java, [...options, join(folder, `apicurio-registry-app-${VERSION}-runner.jar`)], {
    env: { ...process.env, QUARKUS_HTTP_HOST: "127.0.0.1", QUARKUS_HTTP_PORT: String(port) },
    stdio: "ignore",
  });
  const url = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    const ended = once(child, "exit");
    if (child.kill("SIGKILL")) await ended;
  };
  await answers(`${url}/apis/ccompat/v7/subjects`, child).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return { url, stop };
}

async function answers(url: string, child: ChildProcess): Promise<void> {
  for (const end = Date.now() + START_WITHIN_MS; Date.now() < end; await sleep(200)) {
    if (child.exitCode !== null) throw new Error(`Apicurio ended with ${child.exitCode}.`);
    const answer = await fetch(url).catch(() => undefined); // it does not listen yet
    if (answer?.ok === true) return;
  }
  throw new Error(`Apicurio did not answer within ${START_WITHIN_MS} ms.`);
}

/** The folder that it is unpacked in. */
function apicurio(): string {
  const caches = process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  return madeOnce(join(caches, "millrace", `apicurio-${VERSION}`), (folder) => {
    const artifact = `io.apicurio:apicurio-registry-app:${VERSION}:zip:all`;
    const unpack = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:unpack";
    const run = spawnSync("mvn", ["-q", "-B", unpack, `-Dartifact=${artifact}`, `-DoutputDirectory=${folder}`], {
      cwd: folder,
      encoding: "utf8",
    });
    if (run.status !== 0) throw new Error(`Maven could not fetch Apicurio:\n${run.stdout}${run.stderr}`);
  });
}
