/**
 * The exchange of one worker process with the others: its listener, its peers and the links with them, and the regions
 * whose frames they carry. `docs/exchange-link.md` says what goes over a link, `peer.ts` when there is one.
 */

import { assert } from "../../../core/assert.ts";
import {
  LINK_CLOSE_GRACE_MS,
  LINK_HANDSHAKE_MS,
  LINK_HANDSHAKES_MAX,
  LINK_IDLE_MS,
  LINK_OPEN_TIMEOUT_MS,
  LINK_TIMEOUT_MS,
} from "../../../core/limits.ts";
import type { AttemptId, ClusterId, WorkerId } from "../../cluster-ids.ts";
import type { ExchangeAddress, RegionDeployment } from "../../cluster-protocol.ts";
import type { SharedMemory } from "../../protocol.ts";
import { Connection } from "./connection.ts";
import {
  AcceptingHandshake,
  DialingHandshake,
  type HandshakeOptions,
  type Identity,
  type Membership,
  type Purpose,
  type Refusal,
  type Words,
} from "./handshake.ts";
import { Link } from "./link.ts";
import type {
  AttachedRegion,
  CallAfter,
  DeliverOversize,
  Exchange,
  LinkCounters,
  LinkNetwork,
  LinkTimes,
  PeerAddress,
  WorkerExchangeOptions,
} from "./link-contract.ts";
import { Listener } from "./listener.ts";
import { Peer } from "./peer.ts";
import { openRings } from "./region-share.ts";
import { ownWaits, Turns } from "./turns.ts";

const systemCallAfter: CallAfter = (ms, callback) => {
  const timer = setTimeout(callback, ms);
  return () => clearTimeout(timer);
};

interface Region {
  readonly peers: readonly WorkerId[];
  close(): void;
}

export class WorkerExchange implements Exchange {
  readonly #options: WorkerExchangeOptions;
  readonly #times: LinkTimes;
  readonly #callAfter: CallAfter;
  readonly #network: LinkNetwork;
  readonly #turns: Turns;
  readonly #peers = new Map<WorkerId, Peer>();
  readonly #regions = new Map<AttemptId, Region>();
  readonly #connections = new Set<Connection>();
  #handshakes = 0;
  #membership: Membership | undefined;
  #closed = false;

  constructor(options: WorkerExchangeOptions) {
    this.#options = options;
    this.#times = {
      linkTimeoutMs: LINK_TIMEOUT_MS,
      openTimeoutMs: LINK_OPEN_TIMEOUT_MS,
      idleAfterMs: LINK_IDLE_MS,
      ...options.times,
    };
    this.#callAfter = options.callAfter ?? systemCallAfter;
    this.#turns = new Turns(() => this.#turn(), this.#callAfter, options.waits ?? ownWaits);
    this.#network = options.network ?? this.#sockets();
  }

  get counters(): readonly LinkCounters[] {
    return this.#links.map((link) => link.counters);
  }

  listen(): Promise<ExchangeAddress> {
    return this.#network.listen((connection) => this.#accepted(connection));
  }

  joined(cluster: ClusterId, epoch: number): void {
    const before = this.#membership;
    this.#membership = { cluster, worker: this.#options.worker, epoch };
    if (before === undefined || (before.cluster === cluster && before.epoch === epoch)) return;
    for (const connection of [...this.#connections]) connection.end("the worker has joined in a new epoch");
  }

  attach(deployment: RegionDeployment, memory: SharedMemory, onOversize: DeliverOversize): AttachedRegion {
    const { attempt } = deployment;
    assert(this.#membership !== undefined, "a region is attached by a member of the cluster");
    assert(!this.#regions.has(attempt), `attempt ${attempt} is attached`);
    const { doorbell, shares, outgoing } = openRings(this.#options.worker, deployment, memory, onOversize);
    const bell = this.#turns.open(doorbell);
    const region: Region = {
      peers: shares.map(({ peer }) => peer),
      close: () => {
        this.#turns.close(bell);
        this.#regions.delete(attempt);
        for (const { peer } of shares) this.#peers.get(peer)?.detach(attempt);
      },
    };
    this.#regions.set(attempt, region);
    for (const share of shares) this.#peer(share.peer).attach(share);
    return {
      oversize: (channel, serial, frame) => {
        outgoing.get(channel)?.receiveOversize(serial, frame);
        this.#turns.schedule();
      },
      close: () => {
        if (this.#regions.get(attempt) === region) region.close();
      },
    };
  }

  dialStores(
    { worker, epoch, exchange }: PeerAddress,
    done: (connection: Connection | undefined, reason: string) => void,
  ): void {
    const membership = this.#membership;
    if (membership === undefined || this.#closed) done(undefined, "this worker is not a member of its cluster");
    else
      this.#dialFor("stores", membership, exchange, { worker, epoch }, (connection, _, reason) =>
        done(connection, reason),
      );
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const region of [...this.#regions.values()]) region.close();
    for (const link of this.#links) link.turn();
    this.#turns.stop();
    for (const peer of [...this.#peers.values()]) peer.close("the worker closes its exchange");
    await this.#connectionsClosed();
    await this.#network.close();
  }

  #sockets(): LinkNetwork {
    const { worker, listen, token, tls, log } = this.#options;
    let listener: Listener | undefined;
    return {
      dial: (address, connected) => Connection.dial(address, tls, connected),
      listen: (onConnection) => {
        const onRefused = (reason: string): void => this.#refused(reason);
        const onError = ({ message }: Error): void =>
          log("error", "the exchange's listener failed", { error: message });
        listener = new Listener({ worker, listen, token, tls, onConnection, onRefused, onError });
        return listener.listen();
      },
      close: async () => listener?.close(),
    };
  }

  get #links(): Link[] {
    return [...this.#peers.values()].flatMap(({ link }) => link ?? []);
  }

  #turn(): boolean {
    let worked = false;
    for (const { link } of this.#peers.values()) if (link?.turn() === true) worked = true;
    return worked;
  }

  #peer(worker: WorkerId): Peer {
    let peer = this.#peers.get(worker);
    if (peer === undefined) {
      peer = new Peer({
        worker,
        dials: this.#options.worker < worker,
        dial: (address, identity, done) => this.#dial(address, identity, done),
        times: this.#times,
        callAfter: this.#callAfter,
        onLost: (attempts, reason) => this.#lost(worker, attempts, reason),
        onUnused: () => this.#peers.delete(worker),
      });
      this.#peers.set(worker, peer);
    }
    return peer;
  }

  #lost(worker: WorkerId, attempts: readonly AttemptId[], reason: string): void {
    if (!this.#closed) this.#options.onLinkLost(worker, attempts, reason);
  }

  #dial(address: ExchangeAddress, peer: Identity, done: (link: Link | undefined, reason: string) => void): () => void {
    const membership = this.#membership as Membership;
    return this.#dialFor("link", membership, address, peer, (connection, identity, reason) =>
      done(connection && this.#link(connection, identity, membership.epoch), reason),
    );
  }

  /** Calls back once, with a connection after its handshake or why there is none. @returns what ends it. */
  #dialFor(
    purpose: Purpose,
    membership: Membership,
    address: ExchangeAddress,
    peer: Identity,
    done: (connection: Connection | undefined, identity: Identity, reason: string) => void,
  ): () => void {
    const connection = this.#network.dial(address, () => handshake.start());
    const settle = this.#withinTime(connection, (identity, reason) =>
      done(identity && connection, identity ?? peer, reason),
    );
    const handshake = new DialingHandshake(membership, peer, settle, purpose);
    this.#use(connection, handshake, settle);
    return () => connection.end("it is not wanted any more");
  }

  #accepted(connection: Connection): void {
    if (this.#closed || this.#handshakes >= LINK_HANDSHAKES_MAX) {
      connection.end("there are too many connections that have not shown who they are");
      return;
    }
    this.#handshakes++;
    const settle = this.#withinTime(connection, (identity, reason, purpose) => {
      this.#handshakes--;
      if (identity === undefined) {
        this.#refused(reason);
        return;
      }
      if (purpose === "stores") {
        const { onStoresConnection } = this.#options;
        if (onStoresConnection === undefined) connection.end("this worker keeps no checkpoints");
        else onStoresConnection(connection);
        return;
      }
      const link = this.#link(connection, identity, (this.#membership as Membership).epoch);
      this.#peer(identity.worker).linked(link);
    });
    const judge = (words: Words): Refusal | undefined => this.#judge(words);
    this.#use(connection, new AcceptingHandshake(() => this.#membership, judge, settle), settle);
  }

  #refused(reason: string): void {
    this.#options.log("warn", "a connection to the exchange was refused", { reason });
  }

  #judge({ worker, epoch, purpose }: Words): Refusal | undefined {
    if (purpose === "link" && worker >= this.#options.worker) return "direction";
    return epoch < (this.#peers.get(worker as WorkerId)?.epoch ?? 0) ? "stale" : undefined;
  }

  /** What a handshake needs: it is over once, by success, refusal, the end of the connection, or its time. */
  #withinTime(
    connection: Connection,
    settled: (peer: Identity | undefined, reason: string, purpose: Purpose) => void,
  ): HandshakeOptions & { readonly ended: (reason: string) => void } {
    let over = false;
    const settle = (peer: Identity | undefined, reason: string, purpose: Purpose = "link"): void => {
      if (over) return;
      over = true;
      cancel();
      settled(peer, reason, purpose);
    };
    const cancel = this.#callAfter(LINK_HANDSHAKE_MS, () => connection.end("the handshake took too long"));
    return {
      token: this.#options.token,
      binding: () => connection.binding,
      send: (message) => connection.socket.write(message),
      done: (peer, purpose) => settle(peer, "", purpose),
      refused: (reason) => {
        connection.endAfterSending(reason);
        settle(undefined, reason);
      },
      ended: (reason) => settle(undefined, reason),
    };
  }

  #use(
    connection: Connection,
    handshake: DialingHandshake | AcceptingHandshake,
    settle: { ended: (reason: string) => void },
  ): void {
    this.#connections.add(connection);
    connection.socket.once("close", () => this.#connections.delete(connection));
    connection.use(handshake, settle.ended);
  }

  #link(connection: Connection, peer: Identity, epoch: number): Link {
    const { log } = this.#options;
    const link: Link = new Link({
      connection,
      peer,
      epoch,
      times: this.#times,
      callAfter: this.#callAfter,
      schedule: () => this.#turns.schedule(),
      scheduleAtOnce: () => this.#turns.scheduleAtOnce(),
      onStopped: (attempt, reason) => this.#peers.get(peer.worker)?.stopped(attempt, reason),
      onDrained: ({ attempt }) => this.#peers.get(peer.worker)?.drained(attempt),
      onEnd: (reason) => {
        log("info", "a link has ended", { peer: peer.worker, reason });
        this.#peers.get(peer.worker)?.unlinked(link, reason);
      },
    });
    log("info", "a link is open", { peer: peer.worker, epoch: peer.epoch });
    return link;
  }

  /** What was sent last has left, or has had its time. */
  async #connectionsClosed(): Promise<void> {
    const open = [...this.#connections];
    const closed = open.map(({ socket }) => new Promise<void>((resolve) => socket.once("close", () => resolve())));
    const cancel = this.#callAfter(LINK_CLOSE_GRACE_MS, () => {
      for (const { socket } of open) socket.destroy();
    });
    for (const connection of open) connection.end("the worker closes its exchange");
    await Promise.all(closed);
    cancel();
  }
}
