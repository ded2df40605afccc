import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BatchProducer } from "../../../connectors/kafka/client/batch-producer.ts";
import type { KafkaOptions, KafkaSasl } from "../../../connectors/kafka/client/connection-options.ts";
import { KafkaClient } from "../../../connectors/kafka/client/kafka-client.ts";
import { RecordBatchBuilder } from "../../../connectors/kafka/codec/record-batch-builder.ts";
import { toKafka } from "../../../connectors/kafka/index.ts";
import { commitOffsets } from "../../../connectors/kafka/protocol/group-offsets.ts";
import { initProducerId } from "../../../connectors/kafka/protocol/transactions.ts";
import { NO_TIMESTAMP } from "../../../core/time.ts";
import { fakeContext } from "../../connectors/fake-context.ts";
import { STORE_PASSWORD } from "../../kafka-broker/certificates.ts";
import { passwords, type SecuredKafka, startSecuredKafka } from "../../kafka-broker/secured-kafka.ts";
import { Cluster, eventually } from "../cluster/cluster.ts";
import { endsAllProcesses, millrace, workFolder } from "../cluster/processes.ts";
import { describeWithJars, withAdmin } from "./on-kafka.ts";

/** A broker of its own, from jars: one that is given, or in Docker, asks nobody who he is. */
describeWithJars("a broker that asks who its clients are", () => {
  endsAllProcesses();
  let kafka: SecuredKafka;

  beforeAll(async () => {
    kafka = await startSecuredKafka();
    await withAdmin(
      (admin) => admin.createTopics({ topics: [{ topic: "closed", numPartitions: 1 }], waitForLeaders: true }),
      [kafka.plain],
    );
  });

  afterAll(() => kafka[Symbol.asyncDispose]());

  const file = (name: string): { readonly file: string } => ({ file: join(kafka.certificates, name) });

  /** The message of the failure, with its code in front, or "in". Long patience: what does not pass is not waited for. */
  async function attempt(options: KafkaOptions): Promise<string> {
    await using client = new KafkaClient(options);
    return client.metadata([], { withinMs: 100_000 }).then(
      () => "in",
      ({ code, message }) => `${code}: ${message}`,
    );
  }

  const alice = (mechanism: KafkaSasl["mechanism"], password: KafkaSasl["password"] = passwords.alice): KafkaSasl => {
    return { mechanism, username: "alice", password };
  };

  describe("lets a client in", () => {
    test("by TLS, whose authority stands in a file", async () => {
      expect(await attempt({ brokers: kafka.tls, tls: { ca: file("ca.pem") } })).toBe("in");
      expect(await attempt({ brokers: kafka.tls, tls: { ca: readFileSync(file("ca.pem").file) } })).toBe("in");
    });

    test("by its certificate", async () => {
      const tls = { ca: file("ca.pem"), pfx: file("client.p12"), passphrase: STORE_PASSWORD };
      expect(await attempt({ brokers: kafka.mutualTls, tls })).toBe("in");
    });

    test.each(["plain", "scram-sha-256", "scram-sha-512"] as const)(
      "by %s, with and without TLS",
      async (mechanism) => {
        const sasl = Object.freeze(alice(mechanism));
        expect(await attempt({ brokers: kafka.sasl, sasl })).toBe("in");
        expect(await attempt({ brokers: kafka.saslTls, sasl, tls: { ca: file("ca.pem") } })).toBe("in");
      },
    );

    test("by a password in a file, as it is when a connection is made", async () => {
      await using folder = await workFolder();
      const password = { file: join(folder.path, "password") };
      writeFileSync(password.file, "of yesterday\n");
      const options = { brokers: kafka.sasl, sasl: alice("scram-sha-256", password) };
      await using client = new KafkaClient(options);
      await expect(client.metadata([])).rejects.toMatchObject({ code: "KAFKA_DENIED" });
      writeFileSync(password.file, `${passwords.alice}\n`);
      await expect(client.metadata([])).resolves.toMatchObject({ brokers: [{ host: "localhost" }] });
    });
  });

  describe("refuses by name, without trying again,", () => {
    test.each(["plain", "scram-sha-256", "scram-sha-512"] as const)("a wrong password of %s", async (mechanism) => {
      const said = await attempt({ brokers: kafka.sasl, sasl: alice(mechanism, "wrong-password") });
      expect(said).toMatch(/^KAFKA_DENIED: The Kafka broker localhost:\d+ does not let this client in: .*check sasl/);
      expect(said).not.toContain("wrong-password");
    });

    test("an authority that nobody has heard of", async () => {
      for (const tls of [true, { ca: file("other-ca.pem") }]) {
        expect(await attempt({ brokers: kafka.tls, tls })).toMatch(/^KAFKA_TLS: .*give the certificate .* as tls\.ca/);
      }
    });

    test("a broker of another host name", async () => {
      const brokers = kafka.tls.replace("localhost", "127.0.0.1");
      expect(await attempt({ brokers, tls: { ca: file("ca.pem") } })).toMatch(/^KAFKA_TLS: .*another host name/);
      expect(await attempt({ brokers, tls: { ca: file("ca.pem"), servername: "localhost" } })).toBe("in");
    });

    test("TLS at one side only", async () => {
      expect(await attempt({ brokers: kafka.tls })).toMatch(/^KAFKA_TLS: .*speaks TLS at this port: set tls/);
      const said = await attempt({ brokers: kafka.plain, tls: { ca: file("ca.pem") } });
      expect(said).toMatch(/^KAFKA_TLS: .*does not speak TLS at this port/);
    });

    test("SASL at one side only", async () => {
      expect(await attempt({ brokers: kafka.sasl })).toMatch(/^KAFKA_DENIED: .*set sasl, .*PLAIN.*SCRAM-SHA-512/);
      expect(await attempt({ brokers: kafka.saslTls, tls: { ca: file("ca.pem") } })).toMatch(
        /^KAFKA_DENIED: .*set sasl/,
      );
      expect(await attempt({ brokers: kafka.plain, sasl: alice("plain") })).toMatch(/^KAFKA_DENIED: .*leave sasl out/);
    });

    test("a client without the certificate that is asked for", async () => {
      const said = await attempt({ brokers: kafka.mutualTls, tls: { ca: file("ca.pem") } });
      expect(said).toMatch(/^KAFKA_DENIED: .*certificate, or got none/);
    });

    test("keys that are none, and secrets that are not there", async () => {
      const tls = { ca: file("ca.pem"), cert: file("ca.pem"), key: file("client.p12") };
      expect(await attempt({ brokers: kafka.mutualTls, tls })).toMatch(/^KAFKA_TLS: The certificates or keys in tls/);
      const unset = alice("plain", { env: "MILLRACE_TEST_UNSET" });
      const said = await attempt({ brokers: kafka.sasl, sasl: unset });
      expect(said).toMatch(/^BAD_OPTION: sasl.password comes from the environment variable MILLRACE_TEST_UNSET/);
    });
  });

  describe("and what they may do", () => {
    const bob = (): KafkaOptions => ({
      brokers: kafka.sasl,
      sasl: { mechanism: "scram-sha-256", username: "bob", password: passwords.bob },
    });

    test("names what a user has no permission for", async () => {
      await using client = new KafkaClient(bob());
      const offsets = [{ topic: "closed", partition: 0, offset: 1, metadata: null }];
      await expect(client.partitionsOf("closed")).rejects.toMatchObject({
        code: "KAFKA_DENIED",
        reason: "TOPIC_AUTHORIZATION_FAILED",
        message: expect.stringContaining('"closed"'),
      });
      await expect(client.toCoordinator("group", "g", commitOffsets("g", offsets))).rejects.toMatchObject({
        code: "KAFKA_DENIED",
        reason: "GROUP_AUTHORIZATION_FAILED",
      });
      await expect(client.toCoordinator("transaction", "t", initProducerId("t", 1000))).rejects.toMatchObject({
        code: "KAFKA_DENIED",
        reason: "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
      });
    });

    test("lets a user read who may only read", async () => {
      const [describe, read, write] = [8, 3, 4]; // operations of Kafka
      const allow = (operation: number) => ({
        resourceType: 2, // a topic
        resourceName: "closed",
        resourcePatternType: 3, // of just that name
        principal: "User:bob",
        host: "*",
        operation,
        permissionType: 3, // allowed
      });
      await withAdmin((admin) => admin.createAcls({ acl: [describe, read].map(allow) }), [kafka.plain]);
      await using client = new KafkaClient(bob());
      await expect.poll(() => client.partitionsOf("closed").catch(() => 0)).toBe(1);
      const builder = new RecordBatchBuilder();
      builder.append(null, "v", 1);
      const batch = { topic: "closed", partition: 0, batch: builder.finish() };
      await expect(new BatchProducer(client).send([batch])).rejects.toMatchObject({
        code: "KAFKA_DENIED",
        reason: "TOPIC_AUTHORIZATION_FAILED",
      });
      await withAdmin((admin) => admin.createAcls({ acl: [write].map(allow) }), [kafka.plain]);
      await expect.poll(() => new BatchProducer(client).send([batch]).then(() => "written", String)).toBe("written");
    });
  });

  describe("and a sink that may not do all that it needs", () => {
    const topic = "sink-rights";
    const prefix = "rights";
    /** Resources and operations of Kafka. */
    const [TOPIC, GROUP, TRANSACTIONAL_ID] = [2, 3, 5];
    const [READ, WRITE, DESCRIBE, DESCRIBE_CONFIGS] = [3, 4, 8, 10];

    async function allow(resourceType: number, resourceName: string, operation: number): Promise<void> {
      const acl = {
        ...{ resourceType, resourceName, operation, principal: "User:bob", host: "*" },
        ...{ resourcePatternType: resourceName === prefix ? 4 : 3, permissionType: 3 }, // by prefix or name; allowed
      };
      await withAdmin((admin) => admin.createAcls({ acl: [acl] }), [kafka.plain]);
    }

    /** What a sink of bob's says when it opens, writes a record, prepares and commits it. */
    async function attemptToWrite(): Promise<{ readonly said: string; readonly logs: readonly string[] }> {
      const context = fakeContext();
      const writer = toKafka<string>({
        ...{ brokers: kafka.sasl, sasl: { mechanism: "scram-sha-256", username: "bob", password: passwords.bob } },
        ...{ topic, guarantee: "exactly-once", transactionalIdPrefix: prefix },
      }).writer(context);
      const whole = async (): Promise<string> => {
        await writer.open?.();
        await writer.write("a", NO_TIMESTAMP);
        await writer.commit?.(1, await writer.prepare?.(1));
        return "written";
      };
      const said = await whole().catch(({ code, reason }) => `${code} ${reason}`);
      await writer.close?.();
      return { said, logs: context.reported.logs.map(({ message }) => message) };
    }

    test("says one after the other what is missing, and writes when all is there", { timeout: 180_000 }, async () => {
      await withAdmin(
        (admin) => admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true }),
        [kafka.plain],
      );
      const says = (text: string): Promise<void> =>
        expect.poll(async () => (await attemptToWrite()).said, { timeout: 60_000 }).toBe(text);
      await says("KAFKA_DENIED TOPIC_AUTHORIZATION_FAILED");
      await allow(TOPIC, topic, DESCRIBE);
      await says("KAFKA_DENIED TRANSACTIONAL_ID_AUTHORIZATION_FAILED");
      await allow(TRANSACTIONAL_ID, prefix, WRITE);
      await allow(TRANSACTIONAL_ID, prefix, DESCRIBE);
      await says("KAFKA_DENIED TOPIC_AUTHORIZATION_FAILED");
      await allow(TOPIC, topic, WRITE);
      await says("KAFKA_DENIED GROUP_AUTHORIZATION_FAILED");
      await allow(GROUP, prefix, READ);
      await says("KAFKA_DENIED TOPIC_AUTHORIZATION_FAILED"); // markers are offsets of the topic
      await allow(TOPIC, topic, READ);
      await says("written");
      expect((await attemptToWrite()).logs.join()).toContain("DESCRIBE_CONFIGS");
      await allow(TOPIC, topic, DESCRIBE_CONFIGS);
      await expect.poll(async () => (await attemptToWrite()).logs, { timeout: 60_000 }).toEqual([]);
    });
  });

  test("a secret stands nowhere that a job leaves something", async () => {
    await using folder = await workFolder();
    const topic = "secured";
    await withAdmin(
      (admin) => admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true }),
      [kafka.plain],
    );
    await write(kafka.plain, topic, ['{"n":1}', '{"n":2}']);
    const args = ["--workers", "1", "--slots", "2", "--pass-env", "KAFKA_PASSWORD", "--pass-env", "WRONG_PASSWORD"];
    const env = { KAFKA_PASSWORD: passwords.alice, WRONG_PASSWORD: "wrong-s3cret" };
    await using cluster = await Cluster.start({ folder: folder.path, args: [...args, "--verbose"], env });
    const program = join(import.meta.dirname, "fixtures/secured-job.ts");
    const params = { brokers: kafka.saslTls, topic, ca: join(kafka.certificates, "ca.pem") };
    const said = [JSON.stringify(await millrace(["explain", program], { cwd: folder.path, env }))];
    const submit = async (more: object): Promise<string> => {
      const given = Object.entries({ ...params, ...more }).flatMap(([name, value]) => ["--param", `${name}=${value}`]);
      const run = await millrace(["submit", program, ...given, "--detach", "--json"], { cwd: folder.path, env });
      said.push(run.stdout, run.stderr);
      return (JSON.parse(run.stdout) as { jid: string }).jid;
    };
    const good = await submit({});
    await cluster.flows(good, "numbers");
    await eventually(
      "a checkpoint is complete",
      async () => (await cluster.client.checkpoints(good)).counts.completed > 0,
    );
    const bad = await submit({ passwordEnv: "WRONG_PASSWORD" });
    await cluster.reaches(bad, "FAILED");
    for (const jid of [good, bad]) {
      said.push(JSON.stringify([await cluster.client.job(jid), await cluster.client.config(jid)]));
      said.push(JSON.stringify([await cluster.client.exceptions(jid), await cluster.client.result(jid)]));
    }
    said.push(...cluster.main.stdout, ...cluster.main.stderr, ...filesBelow(folder.path));
    expect(said.join("")).toContain("KAFKA_DENIED");
    for (const secret of [passwords.alice, "wrong-s3cret"]) {
      expect(said.filter((text) => text.includes(secret) || text.includes(btoa(secret)))).toEqual([]);
    }
  });
});

async function write(brokers: string, topic: string, values: readonly string[]): Promise<void> {
  await using client = new KafkaClient({ brokers });
  const builder = new RecordBatchBuilder();
  for (const value of values) builder.append(null, value, 1);
  await new BatchProducer(client).send([{ topic, partition: 0, batch: builder.finish() }]);
}

/** The content of all files, a byte a character. */
function filesBelow(folder: string): string[] {
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => join(folder, name));
  return paths.filter((path) => statSync(path).isFile()).map((path) => readFileSync(path, "latin1"));
}
