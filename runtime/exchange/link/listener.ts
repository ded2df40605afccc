/**
 * Where a worker accepts links: a unix socket that only its user can reach, or a port.
 *
 * Everything is bounded before anyone has shown who it is: the number of connections and the time of a handshake.
 */

import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { LINK_CONNECTIONS_MAX, LINK_HANDSHAKE_MS } from "../../../core/limits.ts";
import type { WorkerId } from "../../cluster-ids.ts";
import type { ExchangeAddress } from "../../cluster-protocol.ts";
import { checkListen } from "../../wire/listen-rule.ts";
import { serverTls } from "../../wire/tls.ts";
import { Connection } from "./connection.ts";
import type { ExchangeListen, LinkTls } from "./link-contract.ts";
import { removeStaleSockets } from "./stale-sockets.ts";

/** What a unix socket's address holds, its closing zero excluded, on the systems where it is shortest. */
const UNIX_PATH_BYTES_MAX = 103;

export interface ListenerOptions {
  readonly worker: WorkerId;
  readonly listen: ExchangeListen;
  readonly token: string;
  readonly tls: LinkTls | undefined;
  readonly onConnection: (connection: Connection) => void;
  /** A connection whose encryption could not be agreed upon. */
  readonly onRefused: (reason: string) => void;
  readonly onError: (error: Error) => void;
}

export class Listener {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  /** A folder that was made because the configured one has too long a name. */
  #ownFolder: string | undefined;
  /** The sockets under encrypted connections, also of those that have not come so far. */
  readonly #encrypting = new Set<Socket>();

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#server = this.#createServer();
    this.#server.on("error", options.onError);
  }

  /** @throws INSECURE when other machines could reach it and it has no TLS. */
  async listen(): Promise<ExchangeAddress> {
    const { listen, token, tls } = this.#options;
    if (listen.kind === "tcp") {
      checkListen(listen.host, { token, tls });
      this.#server.listen({ host: listen.host, port: listen.port ?? 0 });
      await once(this.#server, "listening");
      return { kind: "tcp", host: listen.host, port: (this.#server.address() as AddressInfo).port };
    }
    const path = await this.#socketPath(listen.folder);
    this.#server.listen({ path, readableAll: false, writableAll: false });
    await once(this.#server, "listening");
    return { kind: "unix", path };
  }

  /** Accepts no more, and removes the socket's file. REQUIRES: accepted connections are ended by their owners. */
  async close(): Promise<void> {
    if (this.#server.listening) {
      this.#server.close();
      for (const socket of this.#encrypting) socket.destroy();
      await once(this.#server, "close");
    }
    if (this.#ownFolder !== undefined) await rm(this.#ownFolder, { recursive: true, force: true });
  }

  #createServer(): Server {
    const { listen, tls, onConnection, onRefused } = this.#options;
    if (listen.kind === "tcp" && tls !== undefined) {
      const options = { ...serverTls(tls), handshakeTimeout: LINK_HANDSHAKE_MS };
      const server = createTlsServer(options, (socket) => onConnection(Connection.acceptTls(socket)));
      server.on("tlsClientError", (error) => onRefused(error.message));
      server.on("connection", (socket: Socket) => {
        this.#encrypting.add(socket);
        socket.once("close", () => this.#encrypting.delete(socket));
      });
      server.maxConnections = LINK_CONNECTIONS_MAX;
      return server;
    }
    const server = createServer({ pauseOnConnect: true }, (socket) => onConnection(Connection.accept(socket)));
    server.maxConnections = LINK_CONNECTIONS_MAX;
    return server;
  }

  async #socketPath(folder: string): Promise<string> {
    const name = `${createHash("sha256").update(this.#options.worker).digest("hex").slice(0, 12)}.sock`;
    const wanted = join(folder, name);
    if (Buffer.byteLength(wanted) <= UNIX_PATH_BYTES_MAX) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await removeStaleSockets(folder, Date.now());
      return wanted;
    }
    this.#ownFolder = await mkdtemp(join(tmpdir(), "millrace-"));
    return join(this.#ownFolder, name);
  }
}
