/**
 * A TCP proxy that spoils a link: cuts it, delays it, or lets nothing through in one direction or both, while the
 * connections stay open. Both ends are on loopback.
 */

import { connect, createServer, type Server, type Socket } from "node:net";

/** From the one who dialled to the one behind the proxy, and back. */
export type Direction = "out" | "back";

interface Pair {
  readonly out: Socket;
  readonly back: Socket;
}

export class FaultProxy {
  readonly #server: Server;
  readonly #target: () => { readonly host: string; readonly port: number };
  readonly #pairs = new Set<Pair>();
  /** What was swallowed. */
  readonly #held = new Map<Direction, Buffer[]>();
  #refusing = false;
  readonly #delayMs: Record<Direction, number> = { out: 0, back: 0 };

  /** `target` is asked at each connection: what stands behind may come back on another port. */
  private constructor(target: () => { readonly host: string; readonly port: number }) {
    this.#target = target;
    this.#server = createServer((out) => this.#join(out));
  }

  static async to(target: () => { readonly host: string; readonly port: number }): Promise<FaultProxy> {
    const proxy = new FaultProxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the proxy does not listen");
    return address.port;
  }

  /** How many connections go through it. */
  get connections(): number {
    return this.#pairs.size;
  }

  /** Ends every connection; new ones are refused until `heal`. */
  cut(): void {
    this.#refusing = true;
    for (const { out, back } of this.#pairs) {
      out.destroy();
      back.destroy();
    }
  }

  /** Each piece arrives so much later. */
  delay(ms: number, directions: readonly Direction[] = ["out", "back"]): void {
    for (const direction of directions) this.#delayMs[direction] = ms;
  }

  /** Connections stay open, and nothing arrives any more: a cable that is pulled, or half of it. */
  swallow(directions: readonly Direction[] = ["out", "back"]): void {
    for (const direction of directions) if (!this.#held.has(direction)) this.#held.set(direction, []);
  }

  /** Lets everything through again. What was swallowed stays lost, so connections that lost something are ended. */
  heal(): void {
    const lost = [...this.#held.values()].some((pieces) => pieces.length > 0);
    this.#held.clear();
    this.#refusing = false;
    this.delay(0);
    if (lost) for (const { out } of this.#pairs) out.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(out: Socket): void {
    if (this.#refusing) {
      out.destroy();
      return;
    }
    const back = connect(this.#target());
    const pair = { out, back };
    this.#pairs.add(pair);
    this.#carry("out", out, back);
    this.#carry("back", back, out);
    for (const socket of [out, back]) {
      socket.setNoDelay(true);
      // What broke is the other side's business; here it only ends the pair.
      socket.on("error", () => {});
      socket.on("close", () => {
        out.destroy();
        back.destroy();
        this.#pairs.delete(pair);
      });
    }
  }

  /** Pieces keep their order, whatever delays come and go. Memory is as bounded as what a test sends. */
  #carry(direction: Direction, from: Socket, to: Socket): void {
    const waiting: Buffer[] = [];
    from.on("data", (piece) => {
      const held = this.#held.get(direction);
      const delayMs = this.#delayMs[direction];
      if (held !== undefined) held.push(piece);
      else if (delayMs === 0 && waiting.length === 0) to.write(piece);
      else {
        waiting.push(piece);
        setTimeout(() => {
          const next = waiting.shift();
          if (to.writable && next !== undefined) to.write(next);
        }, delayMs);
      }
    });
  }
}
