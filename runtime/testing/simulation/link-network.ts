/**
 * The sockets under the links of simulated workers: bytes arrive in their order, cut anywhere, late, or from some point on
 * not at all. What a socket has not taken stays where it lies, as with real ones, so whoever changes it too early is seen.
 */

import { EventEmitter } from "node:events";
import type { ExchangeAddress } from "../../cluster-protocol.ts";
import { Connection, type LinkSocket } from "../../exchange/link/connection.ts";
import type { LinkNetwork } from "../../exchange/link/link-contract.ts";
import { type Breakable, type Network, Pipe } from "./network.ts";
import type { SimulatedProcess } from "./process.ts";

interface Listener {
  readonly process: SimulatedProcess;
  readonly accepted: (connection: Connection) => void;
}

const BREAK_NOTICED_MS_MAX = 800;
const DEATH_NOTICED_MS_MAX = 20;
const TAKEN_MS_MAX = 0.3;
/** How many of the reads end within what was written at once. */
const CUT_SHARE = 0.05;

/** Of all hosts. */
export class LinkSockets {
  readonly #network: Network;
  readonly #listeners = new Map<string, Listener>();
  #ports = 0;

  constructor(network: Network) {
    this.#network = network;
  }

  /** As a process sees it. */
  of(process: SimulatedProcess): LinkNetwork {
    let name: string | undefined;
    return {
      dial: (address, connected) => Connection.over(this.#dial(process, nameOf(address), connected)),
      listen: async (accepted) => {
        const address = { kind: "tcp", host: process.host.name, port: ++this.#ports } as const;
        name = nameOf(address);
        this.#listeners.set(name, { process, accepted });
        return address;
      },
      close: async () => {
        if (name !== undefined) this.#listeners.delete(name);
      },
    };
  }

  #dial(process: SimulatedProcess, to: string, connected: () => void): SimulatedSocket {
    const near = new SimulatedSocket(process);
    const listener = this.#listeners.get(to);
    const reached = listener?.process.alive === true && this.#network.reaches(process.host, listener.process.host);
    if (!reached) {
      process.after(1, "cannot dial", () => near.fail("it cannot be reached"));
      return near;
    }
    const far = new SimulatedSocket(listener.process);
    near.join(far, new Pipe(this.#network, process, listener.process));
    far.join(near, new Pipe(this.#network, listener.process, process));
    this.#watch(near, far);
    const ms = this.#network.latencyMs(process.host, listener.process.host);
    listener.process.after(ms, "accepts", () => listener.accepted(Connection.over(far)));
    process.after(2 * ms, "has dialed", () => {
      if (!near.destroyed) connected();
    });
    return near;
  }

  #watch(near: SimulatedSocket, far: SimulatedSocket): void {
    const connection: Breakable = {
      kind: "link",
      break: () => {
        for (const socket of [near, far]) socket.failWithin(BREAK_NOTICED_MS_MAX, "the network lost it");
      },
    };
    this.#network.opened(connection);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      socket.once("close", () => this.#network.closed(connection));
      socket.process.onDeath.push(() => other.failWithin(DEATH_NOTICED_MS_MAX, "the peer has died"));
    }
  }
}

class SimulatedSocket extends EventEmitter implements LinkSocket {
  readonly process: SimulatedProcess;
  destroyed = false;
  #other: SimulatedSocket | undefined;
  #pipe: Pipe | undefined;
  #corked = false;
  #takesAtMs = 0;
  /** What was written since it was corked. */
  #written: { readonly bytes: Uint8Array; readonly taken: ((error?: Error | null) => void) | undefined }[] = [];

  constructor(process: SimulatedProcess) {
    super();
    this.process = process;
  }

  join(other: SimulatedSocket, pipe: Pipe): void {
    this.#other = other;
    this.#pipe = pipe;
  }

  setNoDelay(): void {}

  cork(): void {
    this.#corked = true;
  }

  uncork(): void {
    this.#corked = false;
    this.#send();
  }

  write(bytes: Uint8Array, taken?: (error?: Error | null) => void): void {
    if (this.destroyed) return;
    this.#written.push({ bytes, taken });
    if (!this.#corked) this.#send();
  }

  end(sent: () => void): void {
    this.#pipe?.put("link ends", () => this.#other?.emit("end"));
    this.process.after(0, "link is ended", sent);
  }

  /** The other side hears of it. */
  destroy(): void {
    if (this.destroyed) return;
    this.#pipe?.put("link is gone", () => this.#other?.emit("end"));
    this.#close();
  }

  fail(reason: string): void {
    if (this.destroyed) return;
    this.emit("error", new Error(reason));
    this.#close();
  }

  failWithin(ms: number, reason: string): void {
    this.process.after(this.process.world.between(0, ms), "loses a link", () => this.fail(reason));
  }

  #close(): void {
    this.destroyed = true;
    this.process.after(0, "link is closed", () => this.emit("close"));
  }

  /** The socket takes what was written, and from then on it is under way. */
  #send(): void {
    const written = this.#written;
    this.#written = [];
    if (written.length === 0) return;
    const { world } = this.process;
    this.#takesAtMs = Math.max(this.#takesAtMs, world.nowMs + world.between(0, TAKEN_MS_MAX));
    this.process.after(this.#takesAtMs - world.nowMs, "link takes", () => {
      if (this.destroyed) return;
      const bytes = Buffer.concat(written.map((each) => each.bytes));
      this.#pipe?.put("link bytes", () => this.#other?.came(bytes));
      for (const { taken } of written) taken?.(null);
    });
  }

  came(bytes: Buffer): void {
    if (this.destroyed) return;
    const { world } = this.process;
    const at = world.chance(CUT_SHARE) ? world.whole(1, bytes.length) : bytes.length;
    this.emit("data", bytes.subarray(0, at));
    if (at < bytes.length && !this.destroyed) this.emit("data", bytes.subarray(at));
  }
}

function nameOf(address: ExchangeAddress): string {
  return address.kind === "tcp" ? `${address.host}:${address.port}` : address.path;
}
