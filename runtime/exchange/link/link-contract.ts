/**
 * What the exchange between worker processes offers to a worker process, and what it needs from it.
 *
 * A worker has one `WorkerExchange`. For each region that it runs a share of, it attaches the region's shared memory:
 * from then on frames for slots of other workers leave through it, and theirs arrive. All of it runs in the worker's main
 * thread; nothing is decoded there, and no user code runs there.
 */

import type { LogLevel } from "../../../core/telemetry.ts";
import type { AttemptId, ClusterId, WorkerId } from "../../cluster-ids.ts";
import type { ExchangeAddress, RegionDeployment } from "../../cluster-protocol.ts";
import type { SharedMemory } from "../../protocol.ts";
import type { Doorbell } from "../doorbell.ts";
import type { Connection } from "./connection.ts";

/** A unix socket in this folder, which is made with mode 0700 if it does not exist, or a port; without one, any. */
export type ExchangeListen =
  | { readonly kind: "unix"; readonly folder: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port?: number };

/** Calls back after a time unless the returned function is called first. */
export type CallAfter = (ms: number, callback: () => void) => () => void;

/** What a process shows and whom it believes, in PEM. */
export interface LinkTls {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

export interface WorkerExchangeOptions {
  readonly worker: WorkerId;
  /** Both sides prove that they have it; it never travels. */
  readonly token: string;
  readonly listen: ExchangeListen;
  /** For TCP: links are encrypted, and both sides show a certificate of the cluster's authority. */
  readonly tls?: LinkTls | undefined;
  readonly log: (level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>) => void;
  /**
   * The frames under way to and from the peer are gone, or it could not be reached in time: these attempts cannot go on.
   * An attempt may be among them that was closed here: what it had completed has not reached the peer. Called once an
   * attempt and peer, also from within `attach` when the peer is known to be in a later epoch.
   */
  readonly onLinkLost: (peer: WorkerId, attempts: readonly AttemptId[], reason: string) => void;
  /** Another worker has connected to ask this one for checkpoints, and has shown who it is. Absent: it is sent away. */
  readonly onStoresConnection?: (connection: Connection) => void;
  /** Absent: the process's timers. */
  readonly callAfter?: CallAfter;
  /** Absent: `setImmediate`, and the doorbells' own waiting. */
  readonly waits?: LinkWaits;
  /** Absent: sockets. */
  readonly network?: LinkNetwork;
  readonly times?: Partial<LinkTimes>;
}

/** How the exchange waits for its next turn. */
export interface LinkWaits {
  /** Calls back when what has arrived meanwhile has been looked at. */
  soon(act: () => void): void;
  /** Resolves at the next ring after the doorbell had this count. */
  rung(doorbell: Doorbell, count: number): Promise<void>;
}

/** Where links' connections come from. */
export interface LinkNetwork {
  /** `connected` is called when bytes can be sent. */
  dial(address: ExchangeAddress, connected: () => void): Connection;
  /** Where others may dial: each such connection is handed to `accepted`. */
  listen(accepted: (connection: Connection) => void): Promise<ExchangeAddress>;
  /** Accepts no more. */
  close(): Promise<void>;
}

export interface LinkTimes {
  /** A link whose peer does not answer for so long is lost. */
  readonly linkTimeoutMs: number;
  /** How long a region waits until its peers are connected, and a peer's region until it is attached here. */
  readonly openTimeoutMs: number;
  /** A link that no region uses is closed after it. */
  readonly idleAfterMs: number;
}

/** Hands an arrived frame that is larger than a segment to the slot that consumes it, as its port's "oversize" message. */
export type DeliverOversize = (toSlot: number, channel: number, serial: number, frame: SharedArrayBuffer) => void;

export interface AttachedRegion {
  /**
   * A slot's "oversize" message for a slot that is not in this process. It may come before or after what the slot has
   * published in shared memory.
   */
  oversize(channel: number, serial: number, frame: SharedArrayBuffer): void;
  /**
   * The attempt has ended here: its channels are closed, the others on the same links go on. A channel whose slot has
   * published its end is closed when all of it has been sent. REQUIRES: the slots' oversize messages were handed over,
   * and no slot uses the memory any more.
   */
  close(): void;
}

export interface LinkCounters {
  readonly peer: WorkerId;
  readonly framesIn: number;
  readonly framesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** A worker in one epoch, and where it is reached. */
export interface PeerAddress {
  readonly worker: WorkerId;
  readonly epoch: number;
  readonly exchange: ExchangeAddress;
}

export interface Exchange {
  /**
   * Starts to accept links. The address belongs into the worker's description.
   * @throws INSECURE when other machines could reach it and it has no TLS
   */
  listen(): Promise<ExchangeAddress>;
  /** The worker is a member of this cluster in this epoch. Links of an earlier one are dropped. */
  joined(cluster: ClusterId, epoch: number): void;
  /** REQUIRES: `joined`; the attempt is not attached. */
  attach(deployment: RegionDeployment, memory: SharedMemory, onOversize: DeliverOversize): AttachedRegion;
  /**
   * Connects to ask a worker for checkpoints. Calls back once: with the connection when both sides have shown who they are,
   * or with why there is none. It ends with the epoch of either side. REQUIRES: the callback says at once where its bytes
   * go (`use`), as the place of the next ones is asked for when it returns.
   */
  dialStores(peer: PeerAddress, done: (connection: Connection | undefined, reason: string) => void): void;
  /** Of the links that are connected. */
  readonly counters: readonly LinkCounters[];
  /** Closes all links, and removes the unix socket. */
  close(): Promise<void>;
}
