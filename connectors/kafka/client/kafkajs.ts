/**
 * The only file that reaches into kafkajs: into its classes for connections, which do sockets, TLS, SASL, API versions and
 * the matching of answers to requests. Its producer, consumer and cluster are not used. What is reached into is not public
 * and was read in version 2.2.4, which package.json pins; the interfaces here are all that we rely on.
 */

import { createRequire } from "node:module";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { ANSWER_BYTES_MAX, READ_BYTES } from "../limits.ts";
import { AnswerFrames } from "./answer-frames.ts";
import type { AnswerMemory } from "./answer-memory.ts";

/** The part of kafkajs's `Connection` that is used: one socket to one broker. */
export interface RawConnection {
  readonly socket: Socket | undefined;
  readonly requestQueue: RawQueue;
  /** Called with each chunk that comes. */
  processData: (chunk: Buffer) => void;
  isConnected(): boolean;
  connect(): Promise<unknown>;
  /** Does nothing without SASL, or when it was done and holds. */
  authenticate(): Promise<void>;
  nextCorrelationId(): number;
}

interface RawQueue {
  readonly pending: readonly unknown[];
  push(request: {
    readonly entry: {
      readonly apiKey: number;
      readonly apiName: string;
      readonly apiVersion: number;
      readonly correlationId: number;
      readonly resolve: (answer: { readonly payload: Buffer | null }) => void;
      readonly reject: (error: Error) => void;
    };
    readonly expectResponse: boolean;
    readonly requestTimeout: number;
    readonly sendRequest: () => void;
  }): void;
  fulfillRequest(answer: { readonly correlationId: number; readonly payload: Buffer; readonly size: number }): void;
  rejectAll(error: Error): void;
  scheduleCheckPendingRequests(): void;
}

/** The part of kafkajs's `Broker` that is used: two connections to one broker. */
export interface RawBroker {
  readonly connectionPool: { readonly pool: readonly RawConnection[] };
  readonly versions: Readonly<Record<number, { readonly minVersion: number; readonly maxVersion: number }>> | null;
  /** Connects the first connection, asks for the versions of all requests, and authenticates. */
  connect(): Promise<void>;
  disconnect(): Promise<void>;
}

export interface RawBrokerOptions {
  readonly host: string;
  readonly port: number;
  readonly clientId: string;
  /** Called for each connection. */
  readonly tls: (() => ConnectionOptions) | undefined;
  readonly sasl: RawSasl | undefined;
  readonly connectMs: number;
  readonly answerMs: number;
  readonly memory: AnswerMemory;
}

/** kafkajs reads its fields at each authentication, and writes a field of its own into it. */
export interface RawSasl {
  readonly mechanism: string;
  readonly username: string;
  readonly password: string;
}

interface Internals {
  readonly Broker: new (options: object) => RawBroker;
  readonly ConnectionPool: new (options: object) => RawBroker["connectionPool"];
}

const KEEP_ALIVE_MS = 60_000;

const noop = (): void => {};
const silent = { info: noop, error: noop, warn: noop, debug: noop, namespace: () => silent };

let loaded: Internals | undefined;

export function makeBroker(options: RawBrokerOptions): RawBroker {
  loaded ??= load();
  const connectionPool = new loaded.ConnectionPool({
    host: options.host,
    port: options.port,
    clientId: options.clientId,
    ssl: options.tls ?? null,
    sasl: options.sasl ?? null,
    connectionTimeout: options.connectMs,
    requestTimeout: options.answerMs,
    enforceRequestTimeout: true,
    reauthenticationThreshold: 10_000,
    socketFactory: makeSocket,
    logger: silent, // failures reach us as rejections
  });
  for (const connection of connectionPool.pool) {
    scheduleOnlyWhatWaits(connection.requestQueue);
    readFrames(connection, options.memory);
  }
  return new loaded.Broker({ connectionPool, logger: silent, authenticationTimeout: options.answerMs });
}

function load(): Internals {
  const require = createRequire(import.meta.url);
  return {
    Broker: require("kafkajs/src/broker"),
    ConnectionPool: require("kafkajs/src/network/connectionPool"),
  };
}

/**
 * kafkajs sets a timer with each answer that finds no request waiting, of a negative time, about which Node warns, and each
 * such timer sets the next one. It is for requests that wait because of a quota, and here it is set for these alone.
 */
function scheduleOnlyWhatWaits(queue: RawQueue): void {
  const schedule = queue.scheduleCheckPendingRequests;
  queue.scheduleCheckPendingRequests = function (this: RawQueue): void {
    if (this.pending.length > 0) schedule.call(this);
  };
}

/** The same for all connections of this process, also those of kafkajs's own clients: for tests and benchmarks with them. */
export function calmKafkajs(): void {
  const RequestQueue: { readonly prototype: RawQueue } = createRequire(import.meta.url)(
    "kafkajs/src/network/requestQueue",
  );
  scheduleOnlyWhatWaits(RequestQueue.prototype);
}

/** kafkajs believes any length of an answer, and keeps all its chunks until it is whole. */
function readFrames(connection: RawConnection, memory: AnswerMemory): void {
  const take = (correlationId: number, payload: Buffer): void => {
    connection.requestQueue.fulfillRequest({ correlationId, payload, size: payload.length });
  };
  let of: Socket | undefined;
  let frames = new AnswerFrames(take, ANSWER_BYTES_MAX, memory);
  connection.processData = (chunk) => {
    const { socket } = connection;
    if (socket !== of) frames = new AnswerFrames(take, ANSWER_BYTES_MAX, memory);
    of = socket;
    try {
      frames.push(chunk);
    } catch (error) {
      socket?.destroy(error as Error); // KAFKA_FORMAT; its "error" event fails all that wait
    }
  };
}

interface SocketOptions {
  readonly host: string;
  readonly port: number;
  readonly ssl: RawBrokerOptions["tls"] | null;
  readonly onConnect: () => void;
}

/** A socket that reads into one buffer again and again. TLS has memory of its own. */
function makeSocket({ host, port, ssl, onConnect }: SocketOptions): Socket {
  const socket = ssl ? tlsSocket(host, port, ssl(), onConnect) : plainSocket(host, port, onConnect);
  socket.setNoDelay(true);
  return socket.setKeepAlive(true, KEEP_ALIVE_MS);
}

function plainSocket(host: string, port: number, onConnect: () => void): Socket {
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  const callback = (size: number): boolean => socket.emit("data", buffer.subarray(0, size));
  const socket: Socket = connectTcp({ host, port, onread: { buffer, callback } }, onConnect);
  return socket;
}

function tlsSocket(host: string, port: number, ssl: ConnectionOptions, onConnect: () => void): Socket {
  const name = isIP(host) === 0 ? { servername: host } : {};
  return connectTls({ host, port, ...name, ...ssl }, onConnect);
}
