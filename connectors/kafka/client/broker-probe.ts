/**
 * Finds out what a broker speaks at a port, over a connection of its own: TLS, Kafka without TLS, SASL. For the words of an
 * error only: certificates are not checked, and nothing is sent that is of worth.
 */

import { connect as connectTcp, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { PROBE_MS } from "../limits.ts";

export interface ProbeTarget {
  readonly host: string;
  readonly port: number;
  /** The client's own; undefined: without TLS. */
  readonly tls: ConnectionOptions | undefined;
}

const API_VERSIONS = 18;
const SASL_HANDSHAKE = 17;
const UNSUPPORTED_MECHANISM = 33;

/** length, kind, version, number, no client id: the head that every broker reads */
const HEAD_BYTES = 14;

export async function speaksTls({ host, port }: ProbeTarget): Promise<boolean> {
  const socket = connectTls({ host, port, rejectUnauthorized: false });
  return (await within(socket, (resolve) => socket.once("secureConnect", () => resolve(true)))) === true;
}

export async function speaksPlain({ host, port }: ProbeTarget): Promise<boolean> {
  return (await answerOf(connectTcp({ host, port }), request(API_VERSIONS, 0, ""))) !== undefined;
}

/** The mechanisms of SASL that the broker offers at this port; undefined when it asks for no SASL, or does not answer. */
export async function enabledMechanisms({ host, port, tls }: ProbeTarget): Promise<string[] | undefined> {
  const socket = tls ? connectTls({ ...tls, host, port, rejectUnauthorized: false }) : connectTcp({ host, port });
  const answer = await answerOf(socket, request(SASL_HANDSHAKE, 1, "?")); // a mechanism that nobody has
  return answer && readMechanisms(answer);
}

/** A request of the old form, with a text as all that it holds. */
function request(kind: number, version: number, text: string): Buffer {
  const content = text === "" ? Buffer.alloc(0) : Buffer.from(`\0${String.fromCharCode(text.length)}${text}`);
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeInt32BE(HEAD_BYTES - 4 + content.length);
  head.writeInt16BE(kind, 4);
  head.writeInt16BE(version, 6);
  head.writeInt16BE(-1, 12);
  return Buffer.concat([head, content]);
}

/** Number of the request, error, and the mechanisms as texts with a length of two bytes each. */
function readMechanisms(answer: Buffer): string[] | undefined {
  if (answer.length < 14 || answer.readInt16BE(8) !== UNSUPPORTED_MECHANISM) return undefined;
  const mechanisms: string[] = [];
  let at = 14;
  for (let left = answer.readInt32BE(10); left > 0 && at + 2 <= answer.length; left--) {
    const end = at + 2 + answer.readInt16BE(at);
    mechanisms.push(answer.toString("latin1", at + 2, end));
    at = end;
  }
  return mechanisms;
}

/** The first bytes of an answer to request number 0, or undefined. They are so few that they come at once. */
async function answerOf(socket: Socket, request: Buffer): Promise<Buffer | undefined> {
  return within(socket, (resolve) => {
    socket.once("data", (chunk) => resolve(chunk.length >= 8 && chunk.readInt32BE(4) === 0 ? chunk : undefined));
    socket.write(request);
  });
}

/** What `begin` resolves with; undefined when the connection fails or closes before, or that takes too long. */
async function within<T>(
  socket: Socket,
  begin: (resolve: (value: T | undefined) => void) => void,
): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<T | undefined>();
  const timer = setTimeout(resolve, PROBE_MS, undefined);
  for (const event of ["error", "close"]) socket.on(event, () => resolve(undefined));
  begin(resolve);
  const value = await promise;
  clearTimeout(timer);
  socket.destroy();
  return value;
}
