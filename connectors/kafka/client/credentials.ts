/** What a client shows to brokers: read from where the options say that it lies, when a connection is made. */

import { type ConnectionOptions, createSecureContext } from "node:tls";
import { MillraceError } from "../../../core/errors.ts";
import { type KafkaConnectionOptions, type KafkaTls, tlsContents } from "./connection-options.ts";
import { type FromEnv, type FromFile, readSecret, readSecretBytes } from "./secret.ts";

export interface Credentials {
  readonly tls: ConnectionOptions | undefined;
  readonly sasl: { readonly username: string; readonly password: string } | undefined;
}

/** @throws MillraceError BAD_OPTION when something is not there, KAFKA_TLS when a certificate or key cannot be used */
export function readCredentials({ tls, sasl }: Pick<KafkaConnectionOptions, "tls" | "sasl">): Credentials {
  return {
    tls: tls && readTls(tls),
    sasl: sasl && {
      username: readSecret(sasl.username, "sasl.username"),
      password: readSecret(sasl.password, "sasl.password"),
    },
  };
}

function readTls(tls: KafkaTls): ConnectionOptions {
  const contents = Object.fromEntries(
    tlsContents.flatMap((name) => (tls[name] === undefined ? [] : [[name, contentOf(tls[name], name)]])),
  );
  const options: ConnectionOptions = { ...(tls as Omit<KafkaTls, (typeof tlsContents)[number]>), ...contents };
  try {
    return { ...options, secureContext: options.secureContext ?? createSecureContext(options) };
  } catch (cause) {
    const message = `The certificates or keys in tls cannot be used: ${(cause as Error).message}`;
    throw new MillraceError("KAFKA_TLS", message);
  }
}

function contentOf(value: unknown, name: (typeof tlsContents)[number]): unknown {
  if (!liesElsewhere(value)) return value;
  const what = `tls.${name}`;
  return name === "passphrase" ? readSecret(value, what) : readSecretBytes(value, what);
}

function liesElsewhere(value: unknown): value is FromEnv | FromFile {
  return typeof value === "object" && value !== null && ("env" in value || "file" in value);
}
