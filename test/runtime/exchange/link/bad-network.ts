/** A network that misbehaves on purpose: a TCP proxy that cuts, halves, delays and swallows. */

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { ExchangeAddress } from "../../../../runtime/cluster-protocol.ts";

export type Direction = "toServer" | "toClient";

export class BadNetwork {
  readonly #server: Server;
  readonly #pairs: { readonly client: Socket; readonly server: Socket }[] = [];
  /** What comes in these directions is swallowed. */
  readonly swallows = new Set<Direction>();
  /** Bytes arrive so much at a time. */
  pieceBytes = Number.POSITIVE_INFINITY;
  delayMs = 0;
  connections = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async inFrontOf(target: ExchangeAddress & { kind: "tcp" }): Promise<BadNetwork> {
    const server = createServer();
    const network = new BadNetwork(server);
    server.on("connection", (client) => network.#join(client, connect(target.port, target.host)));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return network;
  }

  get address(): ExchangeAddress {
    return { kind: "tcp", host: "127.0.0.1", port: (this.#server.address() as AddressInfo).port };
  }

  /** Ends all connections at once, without a word. */
  cut(): void {
    for (const { client, server } of this.#pairs.splice(0)) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }

  #join(client: Socket, server: Socket): void {
    this.connections++;
    this.#pairs.push({ client, server });
    for (const socket of [client, server]) socket.on("error", () => {});
    this.#pass(client, server, "toServer");
    this.#pass(server, client, "toClient");
  }

  #pass(from: Socket, to: Socket, direction: Direction): void {
    from.on("data", (bytes: Buffer) => {
      if (this.swallows.has(direction)) return;
      if (this.delayMs === 0) this.#write(to, bytes);
      else setTimeout(() => this.#write(to, bytes), this.delayMs);
    });
    from.on("close", () => to.destroy());
  }

  #write(to: Socket, bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += this.pieceBytes) {
      to.write(bytes.subarray(at, Math.min(bytes.length, at + this.pieceBytes)));
    }
  }
}
