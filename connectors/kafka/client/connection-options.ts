/** How a program says where its Kafka is and who it is there. */

import type { ConnectionOptions } from "node:tls";
import { MillraceError } from "../../../core/errors.ts";

export interface KafkaSasl {
  readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
  readonly username: string;
  readonly password: string;
}

export interface KafkaOptions {
  /** Some brokers of the cluster, as "host:port"; the others are found by them. */
  readonly brokers: string | readonly string[];
  /** How brokers name this client in their logs and quotas. Default "millrace". */
  readonly clientId?: string;
  /** True: TLS with the certificates that Node trusts; or options as of `tls.connect`. */
  readonly tls?: boolean | ConnectionOptions;
  readonly sasl?: KafkaSasl;
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

export interface KafkaConnectionOptions {
  readonly brokers: readonly HostPort[];
  readonly clientId: string;
  readonly tls: ConnectionOptions | undefined;
  readonly sasl: KafkaSasl | undefined;
}

const PORT_MAX = 65_535;

/** @throws MillraceError BAD_OPTION */
export function connectionOptions(options: KafkaOptions): KafkaConnectionOptions {
  const list = typeof options.brokers === "string" ? options.brokers.split(",") : options.brokers;
  if (list.length === 0) throw new MillraceError("BAD_OPTION", "brokers must name at least one Kafka broker");
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
