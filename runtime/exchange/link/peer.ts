/**
 * Another worker, as long as a region here has to do with it or it is connected: which of the two dials, when again, and
 * what the end of a link means for the regions.
 *
 * Of two workers the one whose id is smaller dials, so that there is one link; a second connection of the same peer means
 * that it has given up the first.
 *
 *                 region attached, dials             handshake done
 *   apart ──────────────────────────────► dialing ────────────────────► linked
 *    ▲  ▲ no region                         │ ▲                          │  │
 *    │  └─────────────────────────── failed │ │ after a backoff           │  │ lost, or idle for long
 *    │                                      ▼ │                          │  │
 *    │                                    pausing ◄──────────────────────┘  │
 *    │             (some regions are untouched: they go on)                  │
 *    └───────────────────────────────────────────────────────────────────────┘
 *   The other side of a pair goes from apart to linked and back alone: it is dialed.
 *
 * The law: a region either has everything that its peer has sent it in its order, or is reported as lost, once. It is
 * lost when a link ends on which anything was under way for it, when it finds no link in time, or when its peer is
 * known in a later epoch than the one it was placed on.
 */

import { LINK_REDIAL_MS_MAX, LINK_REDIAL_MS_MIN } from "../../../core/limits.ts";
import type { AttemptId, WorkerId } from "../../cluster-ids.ts";
import type { ExchangeAddress } from "../../cluster-protocol.ts";
import type { Identity } from "./handshake.ts";
import type { Link } from "./link.ts";
import type { CallAfter, LinkTimes } from "./link-contract.ts";
import { holdsEnd } from "./outgoing-channel.ts";
import type { RegionShare } from "./region-share.ts";

/** Opens a connection and goes through the handshake; calls back once with what came of it, unless it is cancelled. */
export type Dial = (
  address: ExchangeAddress,
  peer: Identity,
  done: (link: Link | undefined, reason: string) => void,
) => () => void;

export interface PeerOptions {
  readonly worker: WorkerId;
  /** Whether this side dials. */
  readonly dials: boolean;
  readonly dial: Dial;
  readonly times: LinkTimes;
  readonly callAfter: CallAfter;
  readonly onLost: (attempts: readonly AttemptId[], reason: string) => void;
  /** It has neither a region nor a link. */
  readonly onUnused: () => void;
}

interface AttachedShare {
  readonly share: RegionShare;
  closed: boolean;
  /** Ends the wait for a link. */
  linked: () => void;
}

const nothing = (): void => {};

export class Peer {
  readonly #options: PeerOptions;
  readonly #shares = new Map<AttemptId, AttachedShare>();
  #epoch = 0;
  #address: ExchangeAddress | undefined;
  #link: Link | undefined;
  /** Ends the dialing or the pause before it. */
  #stopDialing: (() => void) | undefined;
  #pauseMs = LINK_REDIAL_MS_MIN;
  #lastFailure = "it has not connected";
  #stopIdling: () => void = nothing;

  constructor(options: PeerOptions) {
    this.#options = options;
  }

  get link(): Link | undefined {
    return this.#link;
  }

  /** The latest epoch in which it is known; connections of an earlier one are stale. */
  get epoch(): number {
    return this.#epoch;
  }

  attach(share: RegionShare): void {
    const attached: AttachedShare = { share, closed: false, linked: nothing };
    this.#shares.set(share.attempt, attached);
    if (share.peerEpoch < this.#epoch) {
      const epochs = `epoch ${share.peerEpoch}, and it is in epoch ${this.#epoch} by now`;
      this.#lose([share.attempt], `the attempt was placed on worker ${share.peer} in ${epochs}`);
      return;
    }
    this.#address = share.address;
    this.#learnEpoch(share.peerEpoch);
    this.#stopIdling();
    this.#join(attached);
  }

  /** The region has ended here; what its slots have completed is still sent. */
  detach(attempt: AttemptId): void {
    const attached = this.#shares.get(attempt);
    if (attached === undefined) return;
    attached.closed = true;
    if (this.#link !== undefined) this.#link.close(attached.share);
    // A region without a link may have come to its end before the peer has got anything of it.
    else if (attached.linked === nothing || !attached.share.outgoing.some(holdsEnd)) this.#forget(attempt);
  }

  /** All that a closed region had has been sent. */
  drained(attempt: AttemptId): void {
    this.#forget(attempt);
  }

  /** The peer does not run the attempt. */
  stopped(attempt: AttemptId, reason: string): void {
    if (this.#shares.has(attempt)) this.#lose([attempt], reason);
  }

  /** The handshake is done. REQUIRES: the peer's epoch is not stale. */
  linked(link: Link): void {
    this.#learnEpoch(link.peer.epoch);
    this.#link?.end("the peer has made a new connection");
    this.#stopDialing?.();
    this.#stopDialing = undefined;
    this.#pauseMs = LINK_REDIAL_MS_MIN;
    this.#link = link;
    for (const attached of [...this.#shares.values()]) if (attached.linked !== nothing) this.#join(attached);
    this.#idleSoon();
  }

  /** The link has ended. */
  unlinked(link: Link, reason: string): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    this.#lastFailure = reason;
    this.#stopIdling();
    const lost: AttemptId[] = [];
    for (const [attempt, attached] of [...this.#shares]) {
      const fate = link.fateOf(attempt);
      if (fate === "lost") lost.push(attempt);
      else if (fate === "untouched") this.#waitForLink(attached);
      else if (attached.closed) this.#forget(attempt);
    }
    this.#lose(lost, reason);
    this.#pause();
    this.#leaveIfUnused();
  }

  /** Ends everything; nothing is reported any more. */
  close(reason: string): void {
    for (const { linked } of this.#shares.values()) linked();
    this.#shares.clear();
    this.#stopDialing?.();
    this.#stopDialing = undefined;
    this.#stopIdling();
    this.#link?.end(reason);
  }

  #join(attached: AttachedShare): void {
    const link = this.#link;
    if (link === undefined) {
      this.#waitForLink(attached);
      this.#dialIfWanted();
      return;
    }
    attached.linked();
    attached.linked = nothing;
    link.open(attached.share);
    if (attached.closed) link.close(attached.share);
  }

  #waitForLink(attached: AttachedShare): void {
    const { callAfter, times, worker } = this.#options;
    const { attempt } = attached.share;
    attached.linked();
    attached.linked = callAfter(times.openTimeoutMs, () => {
      this.#lose([attempt], `worker ${worker} could not be reached in ${times.openTimeoutMs} ms: ${this.#lastFailure}`);
    });
  }

  #learnEpoch(epoch: number): void {
    if (epoch <= this.#epoch) return;
    this.#epoch = epoch;
    const stale = [...this.#shares.values()].filter(({ share }) => share.peerEpoch < epoch);
    const reason = `worker ${this.#options.worker} is in epoch ${epoch} by now`;
    if (this.#link !== undefined && this.#link.peer.epoch < epoch) this.#link.end(reason);
    this.#lose(
      stale.map(({ share }) => share.attempt),
      reason,
    );
  }

  #dialIfWanted(): void {
    const { dials, dial, worker } = this.#options;
    const waits = [...this.#shares.values()].some(({ linked }) => linked !== nothing);
    if (!dials || !waits || this.#stopDialing !== undefined || this.#address === undefined) return;
    this.#stopDialing = dial(this.#address, { worker, epoch: this.#epoch }, (link, reason) => {
      this.#stopDialing = undefined;
      if (link !== undefined) return this.linked(link);
      this.#lastFailure = reason;
      this.#pause();
    });
  }

  #pause(): void {
    if (!this.#options.dials || this.#stopDialing !== undefined || this.#shares.size === 0) return;
    const cancel = this.#options.callAfter(this.#pauseMs, () => {
      this.#stopDialing = undefined;
      this.#dialIfWanted();
    });
    this.#stopDialing = cancel;
    this.#pauseMs = Math.min(2 * this.#pauseMs, LINK_REDIAL_MS_MAX);
  }

  #lose(attempts: readonly AttemptId[], reason: string): void {
    const lost = attempts.filter((attempt) => this.#shares.has(attempt));
    for (const attempt of lost) {
      const attached = this.#shares.get(attempt) as AttachedShare;
      this.#link?.close(attached.share);
      this.#forget(attempt);
    }
    if (lost.length > 0) this.#options.onLost(lost, reason);
  }

  #forget(attempt: AttemptId): void {
    this.#shares.get(attempt)?.linked();
    this.#shares.delete(attempt);
    this.#idleSoon();
    this.#leaveIfUnused();
  }

  /** The side that dials ends a link that neither side has needed for a while. */
  #idleSoon(): void {
    this.#stopIdling();
    const { callAfter, dials, times } = this.#options;
    if (!dials || this.#link === undefined) return;
    this.#stopIdling = callAfter(times.idleAfterMs, () => {
      if (this.#link?.idle === true) this.#link.end("no region has used it for a while");
      else this.#idleSoon();
    });
  }

  #leaveIfUnused(): void {
    if (this.#shares.size > 0 || this.#link !== undefined) return;
    this.#stopDialing?.();
    this.#stopDialing = undefined;
    this.#options.onUnused();
  }
}
