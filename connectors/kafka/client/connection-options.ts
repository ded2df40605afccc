/** How a program says where its Kafka is and who it is there. */

import type { ConnectionOptions } from "node:tls";
import { MillraceError } from "../../../core/errors.ts";
import type { FromEnv, FromFile, Secret } from "./secret.ts";

const mechanisms = ["plain", "scram-sha-256", "scram-sha-512"] as const;

export interface KafkaSasl {
  readonly mechanism: (typeof mechanisms)[number];
  readonly username: Secret;
  /** `{ env: "KAFKA_PASSWORD" }` or `{ file: "/run/secrets/kafka" }`, read when a connection is made. */
  readonly password: Secret;
}

/** Options as of Node's `tls.connect`, of which certificates and keys may lie in files or the environment. */
export interface KafkaTls extends Omit<ConnectionOptions, (typeof tlsContents)[number]> {
  /** Who may have signed the brokers' certificates, in PEM. Default: those that Node trusts. */
  readonly ca?: ConnectionOptions["ca"] | FromEnv | FromFile;
  /** This client's certificate and key in PEM, where brokers ask for them … */
  readonly cert?: ConnectionOptions["cert"] | FromEnv | FromFile;
  readonly key?: ConnectionOptions["key"] | FromEnv | FromFile;
  /** … or both in a PKCS #12 store. */
  readonly pfx?: ConnectionOptions["pfx"] | FromFile;
  /** Of the key or the store. */
  readonly passphrase?: Secret;
}

/** The options of TLS whose content may lie elsewhere. */
export const tlsContents = ["ca", "cert", "key", "pfx", "passphrase"] as const;

export interface KafkaOptions {
  /** Some brokers of the cluster, as "host:port"; the others are found by them. */
  readonly brokers: string | readonly string[];
  /** How brokers name this client in their logs and quotas. Default "millrace". */
  readonly clientId?: string;
  /** True: TLS with the certificates that Node trusts. */
  readonly tls?: boolean | KafkaTls;
  readonly sasl?: KafkaSasl;
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

export interface KafkaConnectionOptions {
  readonly brokers: readonly HostPort[];
  readonly clientId: string;
  readonly tls: KafkaTls | undefined;
  readonly sasl: KafkaSasl | undefined;
}

const PORT_MAX = 65_535;

/** @throws MillraceError BAD_OPTION */
export function connectionOptions(options: KafkaOptions): KafkaConnectionOptions {
  const list = typeof options.brokers === "string" ? options.brokers.split(",") : options.brokers;
  if (list.length === 0) throw new MillraceError("BAD_OPTION", "brokers must name at least one Kafka broker");
  if (options.sasl !== undefined && !mechanisms.includes(options.sasl.mechanism)) {
    const given = JSON.stringify(options.sasl.mechanism);
    throw new MillraceError("BAD_OPTION", `sasl.mechanism is one of ${mechanisms.join(", ")}, got ${given}`);
  }
  return {
    brokers: list.map(hostPort),
    clientId: options.clientId ?? "millrace",
    tls: options.tls === true ? {} : options.tls || undefined,
    sasl: options.sasl,
  };
}

/** "host:port", or "[address]:port" for an address with colons. */
function hostPort(text: string): HostPort {
  const [, bracketed, plain, port] = /^\s*(?:\[([^\]]+)\]|([^:\s]+)):(\d+)\s*$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const number = Number(port);
  if (host === undefined || number < 1 || number > PORT_MAX) {
    throw new MillraceError("BAD_OPTION", `A Kafka broker is named by "host:port", got ${JSON.stringify(text)}`);
  }
  return { host, port: number };
}
