/**
 * The way to one broker: two connections, one for fetches, since brokers answer the requests of a connection one after the
 * other and let fetches wait, and one for all else. Connections are made at the first request and again when one was lost.
 * Requests are written as they are, without copying the record batches in them.
 */

import { damaged } from "../codec/format-error.ts";
import { ANSWER_MS, CONNECT_MS } from "../limits.ts";
import type { ApiHead, ApiRequest } from "../protocol/api.ts";
import { Reader } from "../protocol/reader.ts";
import { Writer } from "../protocol/writer.ts";
import type { KafkaConnectionOptions } from "./connection-options.ts";
import { KafkaFailure, noAnswer } from "./kafka-failure.ts";
import { makeBroker, type RawBroker, type RawConnection } from "./kafkajs.ts";

const FETCH = 1;
const LENGTH_BYTES = 4;

export class BrokerLink {
  readonly address: string;
  readonly #broker: RawBroker;
  readonly #clientId: string;
  /** Connects under way, by connection: two at once would leave a socket behind. */
  readonly #connecting = new Map<RawConnection, Promise<void>>();
  #closed = false;

  constructor(host: string, port: number, options: KafkaConnectionOptions) {
    this.address = `${host}:${port}`;
    this.#clientId = options.clientId;
    const { clientId, tls, sasl } = options;
    this.#broker = makeBroker({ host, port, clientId, tls, sasl, connectMs: CONNECT_MS, answerMs: ANSWER_MS });
  }

  /**
   * Sends a request and reads its answer.
   * @throws KafkaFailure KAFKA_UNREACHABLE when no answer came, KAFKA_DENIED, KAFKA_VERSION
   */
  async send<Answer>(request: ApiRequest<Answer>): Promise<Answer> {
    const payload = await this.#exchange(request).catch((cause) => {
      throw cause instanceof KafkaFailure ? cause : this.#failure(request.name, cause);
    });
    if (request.answered === false) return request.read(NOTHING());
    if (payload === null) throw damaged(`an answer to ${request.name} without content`);
    const reader = new Reader(payload);
    reader.end(); // the tagged fields of the answer's head
    return request.read(reader);
  }

  async #exchange<Answer>(request: ApiRequest<Answer>): Promise<Buffer | null> {
    const connection = await this.#connection(request.name === "Fetch" ? FETCH : 0);
    this.#checkVersion(request);
    const { promise, resolve, reject } = Promise.withResolvers<{ readonly payload: Buffer | null }>();
    const correlationId = connection.nextCorrelationId();
    connection.requestQueue.push({
      entry: {
        apiKey: request.key,
        apiName: request.name,
        apiVersion: request.version,
        correlationId,
        resolve,
        reject,
      },
      expectResponse: request.answered !== false,
      requestTimeout: ANSWER_MS + (request.waitsMs ?? 0),
      sendRequest: () => writeAll(connection, encode(request, correlationId, this.#clientId)),
    });
    return (await promise).payload;
  }

  async #connection(index: number): Promise<RawConnection> {
    if (this.#closed) throw new Error("the connection was closed here");
    const connection = this.#broker.connectionPool.pool[index] as RawConnection; // there are two
    if (!connection.isConnected() || this.#broker.versions === null) {
      let connecting = this.#connecting.get(connection);
      if (connecting === undefined) {
        connecting = this.#connect(connection).finally(() => this.#connecting.delete(connection));
        this.#connecting.set(connection, connecting);
      }
      await connecting;
    }
    await connection.authenticate();
    return connection;
  }

  async #connect(connection: RawConnection): Promise<void> {
    await this.#broker.connect();
    if (!connection.isConnected()) await connection.connect();
  }

  #checkVersion({ name, key, version }: ApiHead): void {
    const offered = this.#broker.versions?.[key];
    if (offered !== undefined && offered.minVersion <= version && version <= offered.maxVersion) return;
    const range = offered === undefined ? "does not know it" : `knows ${offered.minVersion} to ${offered.maxVersion}`;
    const message = `${name} is sent in version ${version}, and the Kafka broker ${this.address} ${range}`;
    throw new KafkaFailure("KAFKA_VERSION", message, "UNSUPPORTED_VERSION", "none");
  }

  #failure(what: string, cause: unknown): KafkaFailure {
    if (!isDenial(cause)) return noAnswer(what, this.address, cause);
    const message = `The Kafka broker ${this.address} does not let this client in: ${(cause as Error).message}`;
    return new KafkaFailure("KAFKA_DENIED", message, "SASL_AUTHENTICATION_FAILED", "none", cause);
  }

  /** Requests that wait for an answer fail. */
  async close(): Promise<void> {
    this.#closed = true;
    const closed = new Error("the connection was closed here");
    for (const { requestQueue } of this.#broker.connectionPool.pool) requestQueue.rejectAll(closed);
    await this.#broker.disconnect();
  }
}

const NOTHING = (): Reader => new Reader(Buffer.alloc(1));

function isDenial(cause: unknown): boolean {
  return cause instanceof Error && cause.name === "KafkaJSSASLAuthenticationError";
}

/** Length, then the head of version 2: kind, version, number, client id, tagged fields; then the request itself. */
function encode(request: ApiHead, correlationId: number, clientId: string): Buffer[] {
  const writer = new Writer().int16(request.key).int16(request.version).int32(correlationId).oldText(clientId).end();
  request.write(writer);
  const parts = writer.parts();
  const length = Buffer.allocUnsafe(LENGTH_BYTES);
  length.writeInt32BE(parts.reduce((size, part) => size + part.length, 0));
  return [length, ...parts];
}

function writeAll({ socket }: RawConnection, parts: readonly Buffer[]): void {
  if (socket === undefined) throw new Error("the connection is closed");
  socket.cork();
  for (const part of parts) socket.write(part);
  socket.uncork();
}
