/**
 * The coordinator's end of control connections: the `upgrade` event of the REST server.
 *
 * A connection is taken when it asks for the right thing, names this coordinator, carries the token, and there is room.
 * Everything else gets one HTTP answer and is closed. A connection that is taken must introduce itself in time.
 */

import type { IncomingMessage, Server } from "node:http";
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { MillraceError } from "../../core/errors.ts";
import { CONTROL_CONNECTIONS_MAX, CONTROL_HELLO_BYTES_MAX, CONTROL_HELLO_WITHIN_MS } from "../../core/limits.ts";
import { formatAddress } from "./address.ts";
import type { ConnectionToWorker, CoordinatorMessage, WorkerMessage } from "./connection.ts";
import { CONTROL_PATH, CONTROL_UPGRADE, prepareSocket } from "./control-upgrade.ts";
import { errorBody, statusOf } from "./error-body.ts";
import { MessageSocket } from "./message-socket.ts";
import { type AccessRules, checkSite, checkToken } from "./request-guard.ts";

export interface AcceptOptions extends AccessRules {
  readonly onConnection: (connection: ConnectionToWorker) => void;
  /** Whether workers may register; default: always. */
  readonly ready?: () => boolean;
  readonly connectionsMax?: number;
  readonly helloWithinMs?: number;
}

export interface ControlAcceptor {
  readonly connections: number;
  /** Takes no further connection, and ends those that there are. Resolves when they are gone. */
  close(reason: string): Promise<void>;
}

/** How long a refused peer may take to read why. */
const refusalGraceMs = 2_000;

/** `server` is an HTTP or HTTPS server. */
export function acceptControl(server: Server, options: AcceptOptions): ControlAcceptor {
  const connections = new Set<ConnectionToWorker>();
  let stopping = false;
  const ready = (): boolean => !stopping && options.ready?.() !== false;
  const upgrade = (request: IncomingMessage, stream: Duplex, head: Buffer): void => {
    try {
      checkUpgrade(request, { ...options, ready }, connections.size);
    } catch (error) {
      refuse(stream, error);
      return;
    }
    const connection = accept(stream, head, options);
    connections.add(connection);
    void connection.closed.then(() => connections.delete(connection));
    options.onConnection(connection);
  };
  server.on("upgrade", upgrade);
  return {
    get connections() {
      return connections.size;
    },
    async close(reason) {
      stopping = true;
      for (const connection of connections) connection.close(reason);
      await Promise.all([...connections].map(({ closed }) => closed));
    },
  };
}

function checkUpgrade(request: IncomingMessage, options: AcceptOptions, connections: number): void {
  checkSite(request, options);
  checkToken(request, options);
  const { method, url, headers } = request;
  if (method !== "GET" || url !== CONTROL_PATH || headers.upgrade !== CONTROL_UPGRADE) {
    throw new MillraceError("BAD_REQUEST", `the only upgrade is GET ${CONTROL_PATH} to ${CONTROL_UPGRADE}`);
  }
  if (options.ready?.() === false) throw new MillraceError("NOT_READY", "the coordinator is starting or stopping");
  const connectionsMax = options.connectionsMax ?? CONTROL_CONNECTIONS_MAX;
  if (connections >= connectionsMax) {
    throw new MillraceError("NOT_READY", `${connectionsMax} control connections are open, and no more are taken`);
  }
}

function accept(stream: Duplex, head: Buffer, { helloWithinMs }: AcceptOptions): ConnectionToWorker {
  prepareSocket(stream, head);
  stream.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${CONTROL_UPGRADE}\r\n\r\n`);
  return new MessageSocket<CoordinatorMessage, WorkerMessage>(stream, {
    peer: peerOf(stream as Socket),
    first: { withinMs: helloWithinMs ?? CONTROL_HELLO_WITHIN_MS, bytesMax: CONTROL_HELLO_BYTES_MAX },
  });
}

function peerOf({ remoteAddress = "unknown", remotePort = 0 }: Socket): string {
  return formatAddress({ host: remoteAddress, port: remotePort });
}

function refuse(stream: Duplex, error: unknown): void {
  const known = error instanceof MillraceError ? error : new MillraceError("INTERNAL", String(error));
  const status = statusOf(known);
  const body = JSON.stringify(errorBody(known));
  // The peer may be gone by now; there is nobody else to tell.
  stream.on("error", () => stream.destroy());
  const timer = setTimeout(() => stream.destroy(), refusalGraceMs).unref();
  stream.on("close", () => clearTimeout(timer));
  stream.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\ncontent-type: application/json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  stream.resume();
}
