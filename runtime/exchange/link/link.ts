/**
 * A link: the connection with one peer after the handshake, and the channels of all regions that share it.
 *
 * The law: each channel's elements arrive in their order, each once; a channel waits only for its own credit. A frame of
 * a channel that was closed is dropped, since an ended attempt's last frames do no harm; whatever else does not belong
 * ends the link by a named reason, and all attempts that have used it are lost.
 *
 * Producers number their channels from 0 in the order of opening, for each direction; so a number says by itself whether
 * it is still to come, open, or closed.
 *
 * A turn (`turn`) grants credit, then takes elements from rings, one a channel at a time, round robin, as long as the
 * socket holds less than LINK_WRITE_BYTES, and hands all of it to the socket at once.
 */

import { LINK_OPENS_WAITING_MAX, LINK_WRITE_BYTES } from "../../../core/limits.ts";
import type { AttemptId } from "../../cluster-ids.ts";
import type { Connection } from "./connection.ts";
import { type FrameHandler, FrameReader } from "./frame-reader.ts";
import { FrameWriter } from "./frame-writer.ts";
import type { Identity } from "./handshake.ts";
import { Heartbeat } from "./heartbeat.ts";
import { IncomingChannel } from "./incoming-channel.ts";
import type { CallAfter, LinkCounters, LinkTimes } from "./link-contract.ts";
import { type FrameHeader, HEADER_BYTES, kinds, LinkViolation, stops } from "./link-frame.ts";
import { holdsEnd, OutgoingChannel } from "./outgoing-channel.ts";
import type { RegionShare } from "./region-share.ts";

export interface LinkOptions {
  readonly connection: Connection;
  readonly peer: Identity;
  /** The own epoch. */
  readonly epoch: number;
  readonly times: LinkTimes;
  readonly callAfter: CallAfter;
  /** There may be something to do: a turn should come soon. */
  readonly schedule: () => void;
  /** The socket was full and is not any more. */
  readonly scheduleAtOnce: () => void;
  /** The peer does not take this attempt's channels. */
  readonly onStopped: (attempt: AttemptId, reason: string) => void;
  /** All channels of a share that was closed have sent what they had. */
  readonly onDrained: (share: RegionShare) => void;
  readonly onEnd: (reason: string) => void;
}

interface OpenShare {
  readonly share: RegionShare;
  readonly outgoing: Set<OutgoingChannel>;
  readonly incoming: Set<IncomingChannel>;
  /** Channels that have not come to their ends. */
  unfinished: number;
  /** Whether it is closed here and only sends what its slots have left. */
  closing: boolean;
  /** Whether anything was ever granted, in either direction, on channels that have gone since. */
  used: boolean;
}

/** What the end of a link means for a share: it had nothing left to send or get, nothing was under way, or it is lost. */
export type Fate = "finished" | "untouched" | "lost";

/** A channel that the peer has opened before its region was attached here. */
interface WaitingOpen {
  readonly attempt: AttemptId;
  readonly index: number;
  readonly forget: () => void;
}

interface Open<Channel> {
  readonly channel: Channel;
  readonly owner: OpenShare;
}

export class Link implements FrameHandler {
  readonly peer: Identity;
  readonly #options: LinkOptions;
  readonly #writer: FrameWriter;
  readonly #heartbeat: Heartbeat;
  readonly #shares = new Map<AttemptId, OpenShare>();
  readonly #outgoing = new Map<number, Open<OutgoingChannel>>();
  readonly #incoming = new Map<number, Open<IncomingChannel>>();
  readonly #waiting = new Map<number, WaitingOpen>();
  #nextOutgoing = 0;
  #nextIncoming = 0;
  /** Where the round robin goes on, and what it goes through. */
  #order: OutgoingChannel[] = [];
  #turnOf = 0;
  /** Whether elements wait because the socket has not taken those before. */
  #full = false;
  /** The payload of an OPEN. */
  #name = new Uint8Array(0);
  #framesIn = 0;
  #bytesIn = 0;

  constructor(options: LinkOptions) {
    this.peer = options.peer;
    this.#options = options;
    this.#writer = new FrameWriter(options.connection.socket, options.epoch, () => this.#taken());
    const reader = new FrameReader(this, options.peer.epoch);
    options.connection.use(reader, (reason) => this.#ended(reason));
    this.#heartbeat = new Heartbeat(options.callAfter, options.times.linkTimeoutMs, {
      ping: (serial) => this.#sendAtOnce(kinds.ping, serial),
      lost: (reason) => options.connection.end(reason),
    });
  }

  get counters(): LinkCounters {
    const { frames: framesOut, bytes: bytesOut } = this.#writer;
    return { peer: this.peer.worker, framesIn: this.#framesIn, framesOut, bytesIn: this.#bytesIn, bytesOut };
  }

  /** Whether neither side has channels on it. */
  get idle(): boolean {
    return this.#shares.size === 0 && this.#waiting.size === 0;
  }

  /** What it means for an attempt that the link ends. An untouched one can go on with another link. */
  fateOf(attempt: AttemptId): Fate {
    const open = this.#shares.get(attempt);
    if (open === undefined || open.unfinished === 0) return "finished";
    const used = open.used || [...open.outgoing, ...open.incoming].some((channel) => channel.used);
    return used ? "lost" : "untouched";
  }

  /** Opens the channels of a region that lead to the peer, and takes those that the peer has opened. */
  open(share: RegionShare): void {
    const unfinished = share.outgoing.length + share.incoming.size;
    const owner: OpenShare = {
      share,
      outgoing: new Set(),
      incoming: new Set(),
      unfinished,
      closing: false,
      used: false,
    };
    this.#shares.set(share.attempt, owner);
    const name = Buffer.from(share.attempt);
    for (const ring of share.outgoing) {
      const channel = new OutgoingChannel(this.#nextOutgoing++, ring);
      owner.outgoing.add(channel);
      this.#outgoing.set(channel.number, { channel, owner });
      this.#order.push(channel);
      this.#writer.add(kinds.open, { channel: channel.number, amount: ring.index, length: name.length });
      this.#writer.payload(name);
    }
    this.#openWaiting(owner);
    this.#options.schedule();
  }

  /** The region has ended here. What its slots have completed is still sent; `onDrained` tells when. */
  close(share: RegionShare): void {
    const owner = this.#shares.get(share.attempt);
    if (owner === undefined || owner.closing) return;
    owner.closing = true;
    for (const channel of owner.incoming) {
      this.#dropIncoming(channel, owner);
      this.#writer.add(kinds.stop, { channel: channel.number, amount: stops.ended });
    }
    for (const channel of owner.outgoing) {
      if (holdsEnd(channel.rings)) continue;
      this.#dropOutgoing(channel, owner);
      this.#writer.add(kinds.close, { channel: channel.number });
    }
    this.#options.schedule();
    this.#settle(owner);
  }

  /** Moves what can be moved; true if anything was. */
  turn(): boolean {
    const writer = this.#writer;
    let worked = false;
    for (const { channel } of this.#incoming.values()) if (channel.grant(writer)) worked = true;
    if (this.#sendElements()) worked = true;
    writer.flush();
    return worked;
  }

  /** Ends it; what regions have under way is lost. */
  end(reason: string): void {
    const { connection } = this.#options;
    if (this.#shares.size === 0) connection.endAfterSending(reason);
    else connection.end(reason);
  }

  place(header: FrameHeader): Uint8Array | undefined {
    if (header.kind === kinds.open) {
      this.#name = new Uint8Array(header.length);
      return this.#name;
    }
    return this.#incomingOf(header.channel)?.channel.place(header);
  }

  frame(header: FrameHeader): void {
    this.#framesIn++;
    this.#bytesIn += HEADER_BYTES + header.length;
    if (header.kind >= kinds.ping) this.#ownFrame(header);
    else if (header.kind >= kinds.credit) this.#consumerFrame(header);
    else if (header.kind === kinds.open) this.#opened(header);
    else if (header.kind === kinds.close) this.#closed(header);
    else this.#channelFrame(header);
    this.#options.schedule();
  }

  #taken(): void {
    if (!this.#full || this.#writer.waiting >= LINK_WRITE_BYTES / 2) return;
    this.#full = false;
    this.#options.scheduleAtOnce();
  }

  #sendElements(): boolean {
    let worked = false;
    for (let without = 0; without < this.#order.length && this.#writer.waiting < LINK_WRITE_BYTES; ) {
      this.#turnOf = (this.#turnOf + 1) % this.#order.length;
      const channel = this.#order[this.#turnOf] as OutgoingChannel;
      if (!channel.send(this.#writer)) {
        without++;
        continue;
      }
      without = 0;
      worked = true;
      if (channel.ended) this.#outgoingEnded(channel);
    }
    this.#full = this.#writer.waiting >= LINK_WRITE_BYTES;
    return worked;
  }

  #outgoingEnded(channel: OutgoingChannel): void {
    const { owner } = this.#outgoing.get(channel.number) as Open<OutgoingChannel>;
    owner.unfinished--;
    this.#forgetOutgoing(channel, owner);
    this.#settle(owner);
  }

  #ownFrame({ kind, amount }: FrameHeader): void {
    if (kind === kinds.ping) this.#sendAtOnce(kinds.pong, amount);
    else this.#heartbeat.answered(amount);
  }

  #consumerFrame({ kind, channel: number, amount }: FrameHeader): void {
    if (number >= this.#nextOutgoing) throw new LinkViolation(`a frame came for channel ${number}, which is not open`);
    const open = this.#outgoing.get(number);
    if (open === undefined) return;
    if (kind === kinds.credit) open.channel.addCredit(amount);
    else if (kind === kinds.room) open.channel.addRoom();
    else this.#stopped(open, amount);
  }

  #stopped({ channel, owner }: Open<OutgoingChannel>, reason: number): void {
    this.#dropOutgoing(channel, owner);
    this.#settle(owner);
    if (reason !== stops.neverAttached) return;
    const waited = this.#options.times.openTimeoutMs;
    this.#options.onStopped(owner.share.attempt, `worker ${this.peer.worker} did not start its slots in ${waited} ms`);
  }

  #channelFrame(header: FrameHeader): void {
    const open = this.#incomingOf(header.channel);
    if (open === undefined) return;
    open.channel.frame(header);
    if (!open.channel.ended) return;
    open.owner.unfinished--;
    this.#forgetIncoming(open.channel, open.owner);
  }

  /** Undefined when the channel is closed. A channel that still waits for its region has no credit. */
  #incomingOf(number: number): Open<IncomingChannel> | undefined {
    if (number >= this.#nextIncoming || this.#waiting.has(number)) {
      throw new LinkViolation(`a frame came on channel ${number}, which is not open`);
    }
    return this.#incoming.get(number);
  }

  #opened({ channel: number, amount: index, length }: FrameHeader): void {
    if (number !== this.#nextIncoming) {
      throw new LinkViolation(`channel ${number} was opened, expected ${this.#nextIncoming}`);
    }
    if (length === 0) throw new LinkViolation(`channel ${number} was opened for no attempt`);
    this.#nextIncoming++;
    const attempt = Buffer.from(this.#name).toString("utf8") as AttemptId;
    const owner = this.#shares.get(attempt);
    if (owner === undefined) this.#keepWaiting(number, attempt, index);
    else if (owner.closing) this.#writer.add(kinds.stop, { channel: number, amount: stops.ended });
    else this.#openIncoming(number, index, owner);
  }

  #keepWaiting(number: number, attempt: AttemptId, index: number): void {
    if (this.#waiting.size >= LINK_OPENS_WAITING_MAX) {
      throw new LinkViolation(`more than ${LINK_OPENS_WAITING_MAX} channels were opened whose attempts are not known`);
    }
    const cancel = this.#options.callAfter(this.#options.times.openTimeoutMs, () => {
      this.#waiting.delete(number);
      this.#sendAtOnce(kinds.stop, stops.neverAttached, number);
    });
    const forget = (): void => {
      cancel();
      this.#waiting.delete(number);
    };
    this.#waiting.set(number, { attempt, index, forget });
  }

  #openWaiting(owner: OpenShare): void {
    try {
      for (const [number, { attempt, index, forget }] of [...this.#waiting]) {
        if (attempt !== owner.share.attempt) continue;
        forget();
        this.#openIncoming(number, index, owner);
      }
    } catch (error) {
      this.end((error as Error).message);
    }
  }

  #openIncoming(number: number, index: number, owner: OpenShare): void {
    const ring = owner.share.incoming.get(index);
    const taken = [...owner.incoming].some((channel) => channel.index === index);
    if (ring === undefined || taken) {
      const why = taken ? "is open already" : `does not lead from ${this.peer.worker} to here`;
      throw new LinkViolation(`channel ${index} of attempt ${owner.share.attempt} ${why}`);
    }
    const channel = new IncomingChannel(number, ring);
    owner.incoming.add(channel);
    this.#incoming.set(number, { channel, owner });
  }

  #closed({ channel: number }: FrameHeader): void {
    if (number >= this.#nextIncoming) throw new LinkViolation(`channel ${number} was closed and is not open`);
    this.#waiting.get(number)?.forget();
    const open = this.#incoming.get(number);
    if (open !== undefined) this.#dropIncoming(open.channel, open.owner);
  }

  #dropIncoming(channel: IncomingChannel, owner: OpenShare): void {
    channel.giveBack();
    this.#forgetIncoming(channel, owner);
  }

  #forgetIncoming(channel: IncomingChannel, owner: OpenShare): void {
    owner.used ||= channel.used;
    owner.incoming.delete(channel);
    this.#incoming.delete(channel.number);
  }

  #dropOutgoing(channel: OutgoingChannel, owner: OpenShare): void {
    channel.close();
    this.#forgetOutgoing(channel, owner);
  }

  #forgetOutgoing(channel: OutgoingChannel, owner: OpenShare): void {
    owner.used ||= channel.used;
    owner.outgoing.delete(channel);
    this.#outgoing.delete(channel.number);
    this.#order = this.#order.filter((each) => each !== channel);
    this.#turnOf = 0;
  }

  /** A share that was closed goes when its last channel has. */
  #settle(owner: OpenShare): void {
    if (!owner.closing || owner.outgoing.size > 0) return;
    this.#shares.delete(owner.share.attempt);
    this.#options.onDrained(owner.share);
  }

  #sendAtOnce(kind: typeof kinds.ping | typeof kinds.pong | typeof kinds.stop, amount: number, channel = 0): void {
    this.#writer.add(kind, { amount, channel });
    this.#options.schedule();
  }

  #ended(reason: string): void {
    this.#heartbeat.stop();
    for (const { forget } of [...this.#waiting.values()]) forget();
    for (const { channel } of this.#outgoing.values()) channel.close();
    this.#options.onEnd(reason);
  }
}
