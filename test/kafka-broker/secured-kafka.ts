/**
 * A broker that asks who its clients are: listeners with TLS, with TLS on both sides, and with SASL with and without TLS.
 * Who comes to its plain listener, or to the one with TLS only, may do everything, and so may alice and carol; bob may do
 * nothing until he is allowed to.
 */

import { join } from "node:path";
import { certificates, STORE_PASSWORD } from "./certificates.ts";
import { freePorts } from "./free-ports.ts";
import { KafkaCluster, type KafkaListener } from "./kafka-cluster.ts";
import { findJava } from "./kafka-home.ts";

/** A password per user. That of alice holds what SASL and JAAS have to escape. */
export const passwords = { alice: "alice=s3cret with %25", bob: "bob-s3cret" } as const;

export interface SecuredKafka extends AsyncDisposable {
  /** Clients' addresses by how they come in. */
  readonly plain: string;
  readonly tls: string;
  readonly mutualTls: string;
  readonly sasl: string;
  readonly saslTls: string;
  /** Of `certificates.ts`. */
  readonly certificates: string;
}

const names = ["TLS", "MUTUAL", "SASL", "SASLTLS"] as const;
const protocols = { TLS: "SSL", MUTUAL: "SSL", SASL: "SASL_PLAINTEXT", SASLTLS: "SASL_SSL" } as const;

export async function startSecuredKafka(): Promise<SecuredKafka> {
  const java = findJava();
  if (java === undefined) throw new Error("Kafka needs Java 17 or later.");
  const folder = certificates(java);
  const ports = await freePorts(names.length);
  const listeners = names.map((name, index): KafkaListener => {
    return { name, protocol: protocols[name], port: ports[index] as number }; // as many as names
  });
  const users = { name: "users", scram: Object.entries(passwords).flatMap(scramUser) };
  const cluster = await KafkaCluster.start({ listeners, users, settings: settings(folder) });
  const [tls = "", mutualTls = "", sasl = "", saslTls = ""] = ports.map((port) => `localhost:${port}`);
  const addresses = { plain: cluster.brokers.join(), tls, mutualTls, sasl, saslTls };
  return { ...addresses, certificates: folder, [Symbol.asyncDispose]: () => cluster.stop() };
}

function scramUser([name, password]: readonly [string, string]): string[] {
  return ["SCRAM-SHA-256", "SCRAM-SHA-512"].map((kind) => `${kind}=[name=${name},password="${password}"]`);
}

function settings(folder: string): Record<string, string> {
  const plainUsers = Object.entries(passwords).map(([name, password]) => `user_${name}="${password}"`);
  return {
    "ssl.keystore.location": join(folder, "broker.p12"),
    "ssl.keystore.type": "PKCS12",
    "ssl.keystore.password": STORE_PASSWORD,
    "ssl.truststore.location": join(folder, "ca.pem"),
    "ssl.truststore.type": "PEM",
    "listener.name.mutual.ssl.client.auth": "required",
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS;User:alice;User:CN=carol",
    ...saslOf("sasl", plainUsers),
    ...saslOf("sasltls", plainUsers),
  };
}

function saslOf(listener: string, plainUsers: readonly string[]): Record<string, string> {
  const prefix = `listener.name.${listener}`;
  const modules = "org.apache.kafka.common.security";
  return {
    [`${prefix}.sasl.enabled.mechanisms`]: "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
    [`${prefix}.plain.sasl.jaas.config`]: `${modules}.plain.PlainLoginModule required ${plainUsers.join(" ")};`,
    [`${prefix}.scram-sha-256.sasl.jaas.config`]: `${modules}.scram.ScramLoginModule required;`,
    [`${prefix}.scram-sha-512.sasl.jaas.config`]: `${modules}.scram.ScramLoginModule required;`,
  };
}
