/**
 * A socket of a link: where its bytes go, and its end, which comes once and with a reason.
 *
 * Bytes are read straight to where they are to lie (`ByteSink.space`): a third of the processor time of reading them into
 * buffers that Node makes. Node offers this (`onread`) to sockets that dial. An accepted one is therefore taken over by a
 * new socket object around the same handle, which is how Node's own server makes it; where that is not possible, and
 * with TLS, the bytes are copied.
 */

import { connect, Socket } from "node:net";
import { type TLSSocket, connect as tlsConnect } from "node:tls";
import type { ExchangeAddress } from "../../cluster-protocol.ts";
import { clientTls } from "../../wire/tls.ts";
import { type ByteSink, pushBytes } from "./frame-reader.ts";
import type { LinkTls } from "./link-contract.ts";

/** What a link needs of a socket. */
export interface LinkSocket {
  write(bytes: Uint8Array, taken?: (error?: Error | null) => void): unknown;
  /** Writes up to `uncork` leave together. */
  cork(): void;
  uncork(): void;
  /** Ends it after what was written. */
  end(sent: () => void): unknown;
  /** Ends it at once. */
  destroy(): unknown;
  setNoDelay(noDelay: boolean): unknown;
  on(event: "data", came: (bytes: Buffer) => void): unknown;
  on(event: "error", failed: (error: Error) => void): unknown;
  on(event: "end" | "close", happened: () => void): unknown;
  once(event: "close", closed: () => void): unknown;
}

const nowhere: ByteSink = { space: new Uint8Array(4096), received: () => {} };

/** A handshake message comes at once. */
const firstBytes = 4096;
const bindingBytes = 32;
const bindingLabel = "EXPORTER-millrace-link";

export class Connection implements ByteSink {
  /** Set once, before anything can come. */
  #socket: LinkSocket | undefined;
  #sink: ByteSink = nowhere;
  #onEnd: (reason: string) => void = () => {};
  #ended = false;

  /** Opens one. `connected` is called when bytes can be sent. */
  static dial(address: ExchangeAddress, tls: LinkTls | undefined, connected: () => void): Connection {
    const connection = new Connection();
    if (address.kind === "tcp" && tls !== undefined) {
      const socket = tlsConnect({ host: address.host, port: address.port, ...clientTls(tls) }, connected);
      return connection.#copying(socket);
    }
    const where = address.kind === "unix" ? { path: address.path } : { host: address.host, port: address.port };
    return connection.#own(connect({ ...where, onread: connection.#onread() }, connected));
  }

  /** Takes an accepted one, which has not been read from. */
  static accept(socket: Socket): Connection {
    const connection = new Connection();
    const handle = takeHandle(socket);
    if (handle === undefined) return connection.#copying(socket);
    // Node's types do not show that the options take a handle.
    const options = { handle, onread: connection.#onread() } as ConstructorParameters<typeof Socket>[0];
    const taken = new Socket(options);
    connection.#own(taken);
    taken.resume();
    return connection;
  }

  static acceptTls(socket: TLSSocket): Connection {
    return Connection.over(socket);
  }

  /** Any other, from which nothing has come. */
  static over(socket: LinkSocket): Connection {
    return new Connection().#copying(socket);
  }

  get socket(): LinkSocket {
    return this.#socket as LinkSocket;
  }

  get space(): Uint8Array {
    return this.#sink.space;
  }

  received(count: number): void {
    try {
      this.#sink.received(count);
    } catch (error) {
      this.end((error as Error).message);
    }
  }

  /** Says where bytes go from now on, and who hears of the end. */
  use(sink: ByteSink, onEnd: (reason: string) => void): void {
    if (this.#ended) return;
    this.#sink = sink;
    this.#onEnd = onEnd;
  }

  /** Ends it at once; what was not sent is lost. */
  end(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#sink = nowhere;
    this.socket.destroy();
    this.#onEnd(reason);
  }

  /** Ends it after what was sent. */
  endAfterSending(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#sink = nowhere;
    this.socket.end(() => this.socket.destroy());
    this.#onEnd(reason);
  }

  /** What both ends of this connection, and nobody else, know of it. */
  get binding(): Uint8Array {
    const socket = this.socket as LinkSocket & Partial<Pick<TLSSocket, "exportKeyingMaterial">>;
    return socket.exportKeyingMaterial?.(bindingBytes, bindingLabel, Buffer.alloc(0)) ?? new Uint8Array(0);
  }

  /** A socket asks where its first bytes go when it is made, before anybody uses them: those alone are copied. */
  #onread(): { buffer: () => Uint8Array; callback: (count: number, bytes: Uint8Array) => boolean } {
    const first = new Uint8Array(firstBytes);
    let asked = false;
    return {
      buffer: () => {
        const space = asked ? this.space : first;
        asked = true;
        return space;
      },
      callback: (count, bytes) => {
        if (bytes === first) pushBytes(this, bytes.subarray(0, count));
        else this.received(count);
        return true;
      },
    };
  }

  #copying(socket: LinkSocket): Connection {
    socket.on("data", (bytes) => pushBytes(this, bytes));
    return this.#own(socket);
  }

  #own(socket: LinkSocket): Connection {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("error", (error) => this.end(`the connection failed: ${error.message}`));
    socket.on("end", () => this.end("the peer has closed the connection"));
    socket.on("close", () => this.end("the connection was closed"));
    return this;
  }
}

/** The handle of a socket that leaves it to another one. */
function takeHandle(socket: Socket): object | undefined {
  const inner = socket as unknown as { _handle?: unknown };
  const handle = inner._handle;
  if (typeof handle !== "object" || handle === null || !("useUserBuffer" in handle)) return undefined;
  inner._handle = null;
  socket.destroy();
  return handle;
}
