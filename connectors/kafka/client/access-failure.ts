/**
 * Tells failures of connections that do not pass from those that do: a certificate that is not trusted, a password that is
 * wrong, TLS or SASL at one side only. Those are named, with what helps, and nothing is tried again.
 *
 * Brokers that expected TLS or SASL, or got them unexpectedly, just close the connection, and so do brokers that restart.
 * So where a connection was closed before anything came over it, the broker is asked what it speaks (`broker-probe.ts`).
 */

import { enabledMechanisms, type ProbeTarget, speaksPlain, speaksTls } from "./broker-probe.ts";
import { KafkaFailure } from "./kafka-failure.ts";

export interface Access extends ProbeTarget {
  readonly usesTls: boolean;
  readonly mechanism: string | undefined;
}

const trust = "it is signed by none that is trusted here: give the certificate of who signed it as tls.ca";
const certificateTroubles: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "it has expired: give the broker a new one, and check this machine's clock",
  CERT_NOT_YET_VALID: "it is not valid yet: check this machine's clock",
  CERT_REVOKED: "it was revoked: give the broker a new one",
  DEPTH_ZERO_SELF_SIGNED_CERT: trust,
  ERR_TLS_CERT_ALTNAME_INVALID:
    "it is for another host name: connect to a name that stands in it, or give that as tls.servername",
  SELF_SIGNED_CERT_IN_CHAIN: trust,
  UNABLE_TO_GET_ISSUER_CERT: trust,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: trust,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: trust,
};

const UNSUPPORTED_SASL_MECHANISM = "UNSUPPORTED_SASL_MECHANISM";
const ILLEGAL_SASL_STATE = "ILLEGAL_SASL_STATE";

/**
 * @param cause of kafkajs's connection
 * @param silent whether nothing has ever come from that broker
 */
export async function accessFailure(
  cause: unknown,
  access: Access,
  silent: boolean,
): Promise<KafkaFailure | undefined> {
  if (!(cause instanceof Error)) return undefined;
  return (
    certificateFailure(cause, access) ?? saslFailure(cause, access) ?? (silent ? probed(cause, access) : undefined)
  );
}

function certificateFailure(cause: Error, { host, port }: Access): KafkaFailure | undefined {
  const code = codeOf(cause);
  const trouble = certificateTroubles[code];
  if (trouble !== undefined) {
    const message = `The certificate of the Kafka broker ${host}:${port} is refused: ${trouble} (${code})`;
    return new KafkaFailure("KAFKA_TLS", message, code, "none", cause);
  }
  if (!/^ERR_SSL_.*ALERT.*CERTIFICATE|^ERR_SSL_.*UNKNOWN_CA/.test(code)) return undefined;
  const want = "give one that it trusts as tls.cert and tls.key, or tls.pfx";
  const message = `The Kafka broker ${host}:${port} refuses this client's certificate, or got none: ${want} (${code})`;
  return new KafkaFailure("KAFKA_DENIED", message, code, "none", cause);
}

function saslFailure(cause: Error, access: Access): Promise<KafkaFailure> | KafkaFailure | undefined {
  if (cause.name === "KafkaJSSASLAuthenticationError") {
    const check = "check sasl.username and sasl.password";
    return denied(
      access,
      `does not let this client in: ${cause.message}; ${check}`,
      "SASL_AUTHENTICATION_FAILED",
      cause,
    );
  }
  const { type } = cause as { type?: unknown }; // of kafkajs's errors
  if (type === UNSUPPORTED_SASL_MECHANISM) return otherMechanism(cause, access);
  if (type !== ILLEGAL_SASL_STATE) return undefined;
  const message = "does not ask clients of this port who they are: leave sasl out, or connect to another port";
  return denied(access, message, ILLEGAL_SASL_STATE, cause);
}

async function otherMechanism(cause: Error, access: Access): Promise<KafkaFailure> {
  const offered = (await enabledMechanisms(access))?.join(", ") || "others";
  const message = `takes ${offered} and not ${access.mechanism?.toUpperCase()}: correct sasl.mechanism`;
  return denied(access, message, UNSUPPORTED_SASL_MECHANISM, cause);
}

/** Undefined when the broker speaks as this client does, or does not speak. */
async function probed(cause: Error, access: Access): Promise<KafkaFailure | undefined> {
  if (!wasClosed(cause)) return undefined;
  const { host, port, usesTls, mechanism } = access;
  if (await (usesTls ? speaksPlain(access) : speaksTls(access))) {
    const remedy = usesTls ? "does not speak TLS at this port: leave tls out" : "speaks TLS at this port: set tls";
    const message = `The Kafka broker ${host}:${port} ${remedy}, or connect to another port`;
    return new KafkaFailure("KAFKA_TLS", message, "TLS_AT_ONE_SIDE", "none", cause);
  }
  const wanted = mechanism === undefined ? await enabledMechanisms(access) : undefined;
  if (wanted === undefined) return undefined;
  const message = `asks who its clients are: set sasl, with one of the mechanisms ${wanted.join(", ")}`;
  return denied(access, message, "SASL_AUTHENTICATION_FAILED", cause);
}

/** Also with an answer that is none, as a broker's TLS alert looks to a client without TLS. */
function wasClosed(cause: Error): boolean {
  return (
    cause.name === "KafkaJSConnectionClosedError" || ["ECONNRESET", "EPIPE", "KAFKA_FORMAT"].includes(codeOf(cause))
  );
}

function denied({ host, port }: Access, what: string, reason: string, cause: Error): KafkaFailure {
  return new KafkaFailure("KAFKA_DENIED", `The Kafka broker ${host}:${port} ${what}`, reason, "none", cause);
}

function codeOf(cause: Error): string {
  const { code } = cause as NodeJS.ErrnoException;
  return typeof code === "string" ? code : "";
}
