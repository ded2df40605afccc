/**
 * The way to one broker: two connections, one for fetches, since brokers answer the requests of a connection one after the
 * other and let fetches wait, and one for all else. Connections are made at the first request and again when one was lost.
 * Requests are written as they are, without copying the record batches in them.
 */

import { MillraceError } from "../../../core/errors.ts";
import { damaged } from "../codec/format-error.ts";
import { ANSWER_MS, CONNECT_MS } from "../limits.ts";
import type { ApiHead, ApiRequest } from "../protocol/api.ts";
import { Reader } from "../protocol/reader.ts";
import { Writer } from "../protocol/writer.ts";
import { accessFailure } from "./access-failure.ts";
import type { AnswerMemory } from "./answer-memory.ts";
import type { KafkaConnectionOptions } from "./connection-options.ts";
import { type Credentials, readCredentials } from "./credentials.ts";
import { KafkaFailure, noAnswer } from "./kafka-failure.ts";
import { makeBroker, type RawBroker, type RawConnection, type RawSasl } from "./kafkajs.ts";

const FETCH = 1;
const LENGTH_BYTES = 4;

export class BrokerLink {
  readonly address: string;
  readonly #at: { readonly host: string; readonly port: number };
  readonly #options: KafkaConnectionOptions;
  readonly #broker: RawBroker;
  /** As of the last time that a connection was made. */
  #credentials: Credentials = { tls: undefined, sasl: undefined };
  /** How many connections were made so far: as long as it stays the same, the same process answers. */
  connections = 0;
  /** Whether nothing has come from the broker yet. */
  #silent = true;
  /** Connects under way, by connection: two at once would leave a socket behind. */
  readonly #connecting = new Map<RawConnection, Promise<void>>();
  #closed = false;

  constructor(host: string, port: number, options: KafkaConnectionOptions, memory: AnswerMemory) {
    this.address = `${host}:${port}`;
    this.#at = { host, port };
    this.#options = options;
    const tls = options.tls && (() => this.#credentials.tls ?? {});
    const others = { connectMs: CONNECT_MS, answerMs: ANSWER_MS, memory };
    this.#broker = makeBroker({ host, port, clientId: options.clientId, tls, sasl: this.#sasl(), ...others });
  }

  #sasl(): RawSasl | undefined {
    const current = (): Credentials => this.#credentials;
    return (
      this.#options.sasl && {
        mechanism: this.#options.sasl.mechanism,
        get username() {
          return current().sasl?.username ?? "";
        },
        get password() {
          return current().sasl?.password ?? "";
        },
      }
    );
  }

  /**
   * Sends a request and reads its answer.
   * @throws KafkaFailure KAFKA_UNREACHABLE when no answer came, KAFKA_DENIED, KAFKA_TLS, KAFKA_VERSION
   */
  async send<Answer>(request: ApiRequest<Answer>): Promise<Answer> {
    const payload = await this.#exchange(request).catch(async (cause) => {
      throw cause instanceof MillraceError ? cause : await this.#failure(request.name, cause);
    });
    this.#silent = false;
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
      sendRequest: () => writeAll(connection, encode(request, correlationId, this.#options.clientId)),
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
    this.#credentials = readCredentials(this.#options);
    await this.#broker.connect();
    if (!connection.isConnected()) await connection.connect();
    this.connections++;
  }

  #checkVersion({ name, key, version }: ApiHead): void {
    const offered = this.#broker.versions?.[key];
    if (offered !== undefined && offered.minVersion <= version && version <= offered.maxVersion) return;
    const range = offered === undefined ? "does not know it" : `knows ${offered.minVersion} to ${offered.maxVersion}`;
    const message = `${name} is sent in version ${version}, and the Kafka broker ${this.address} ${range}`;
    throw new KafkaFailure("KAFKA_VERSION", message, "UNSUPPORTED_VERSION", "none");
  }

  async #failure(what: string, cause: unknown): Promise<KafkaFailure> {
    if (this.#closed) return noAnswer(what, this.address, cause);
    const { tls, sasl } = this.#options;
    const access = { ...this.#at, tls: this.#credentials.tls, usesTls: tls !== undefined, mechanism: sasl?.mechanism };
    return (await accessFailure(cause, access, this.#silent)) ?? noAnswer(what, this.address, cause);
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
