/** What went wrong with a connection to a coordinator, and what to do: for workers and for the command line. */

import { MillraceError } from "../../core/errors.ts";
import { formatAddress, type NetworkAddress } from "./address.ts";
import { errorOfBody } from "./error-body.ts";

/** An answer's body that has been read as text. */
export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** For an error of the socket, the name service or TLS. */
export function connectError(cause: unknown, address: NetworkAddress, encrypted: boolean): MillraceError {
  if (cause instanceof MillraceError) return cause;
  const where = formatAddress(address);
  const { code = "", message = String(cause) } = cause as NodeJS.ErrnoException;
  if (isTlsCode(code)) {
    return new MillraceError("TLS", `no secure connection to ${where}: ${tlsAdvice(code, message)}`, { cause });
  }
  if (code.startsWith("HPE_")) {
    return new MillraceError("NOT_A_COORDINATOR", `what listens at ${where} speaks no HTTP; check host and port`, {
      cause,
    });
  }
  return new MillraceError(
    "COORDINATOR_UNREACHABLE",
    `no connection to ${where}: ${advice(code, message, encrypted)}`,
    {
      cause,
    },
  );
}

export function timeoutError(address: NetworkAddress, timeoutMs: number): MillraceError {
  const where = formatAddress(address);
  return new MillraceError(
    "COORDINATOR_UNREACHABLE",
    `${where} did not answer within ${timeoutMs} ms; see whether the coordinator hangs, or a firewall is in between`,
  );
}

/** For an answer that is not the expected one. */
export function answerError({ status, body }: Answer, address: NetworkAddress): MillraceError {
  return (
    errorOfBody(parse(body)) ??
    new MillraceError(
      "NOT_A_COORDINATOR",
      `${formatAddress(address)} answered ${status} as no coordinator of Millrace does; check host and port`,
    )
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isTlsCode(code: string): boolean {
  return code === "EPROTO" || /^ERR_(SSL|TLS)_|CERT|UNABLE_TO_/.test(code);
}

function tlsAdvice(code: string, message: string): string {
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH|EPROTO/.test(code))
    return `${message}; it may speak no TLS: leave out --tls-*`;
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return `${message}; use a name of its certificate`;
  if (code.includes("EXPIRED")) return "its certificate has expired; issue a new one";
  return `${message}; both sides need certificates of the authority in --tls-ca`;
}

function advice(code: string, message: string, encrypted: boolean): string {
  switch (code) {
    case "ECONNREFUSED":
      return "nothing listens there; start a coordinator, or check host and port";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "the name is unknown; check the host";
    case "ECONNRESET":
    case "EPIPE":
      return encrypted
        ? `${message}; it may speak no TLS, or not accept the certificate`
        : `${message}; it may demand TLS: give --tls-cert, --tls-key and --tls-ca`;
    default:
      return message;
  }
}
