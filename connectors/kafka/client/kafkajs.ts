/**
 * The only file that reaches into kafkajs: into its classes for connections, which do sockets, TLS, SASL, API versions and
 * the matching of answers to requests. Its producer, consumer and cluster are not used. What is reached into is not public
 * and was read in version 2.2.4, which package.json pins; the interfaces here are all that we rely on.
 */

import { createRequire } from "node:module";
import type { ConnectionOptions } from "node:tls";

/** The part of kafkajs's `Connection` that is used: one socket to one broker. */
export interface RawConnection {
  readonly socket: { cork(): void; uncork(): void; write(bytes: Uint8Array): boolean } | undefined;
  readonly requestQueue: RawQueue;
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
  readonly tls: ConnectionOptions | undefined;
  readonly sasl: { readonly mechanism: string; readonly username: string; readonly password: string } | undefined;
  readonly connectMs: number;
  readonly answerMs: number;
}

interface Internals {
  readonly Broker: new (options: object) => RawBroker;
  readonly ConnectionPool: new (options: object) => RawBroker["connectionPool"];
  readonly socketFactory: () => unknown;
}

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
    socketFactory: loaded.socketFactory(),
    logger: silent, // failures reach us as rejections
  });
  for (const { requestQueue } of connectionPool.pool) scheduleOnlyWhatWaits(requestQueue);
  return new loaded.Broker({ connectionPool, logger: silent, authenticationTimeout: options.answerMs });
}

function load(): Internals {
  const require = createRequire(import.meta.url);
  return {
    Broker: require("kafkajs/src/broker"),
    ConnectionPool: require("kafkajs/src/network/connectionPool"),
    socketFactory: require("kafkajs/src/network/socketFactory"),
  };
}

/** kafkajs sets a timer with each answer, of a negative time, about which Node warns; it is for requests that wait. */
function scheduleOnlyWhatWaits(queue: RawQueue): void {
  const schedule = queue.scheduleCheckPendingRequests.bind(queue);
  queue.scheduleCheckPendingRequests = () => {
    if (queue.pending.length > 0) schedule();
  };
}
