/**
 * Who is at the other end of a connection, before the first frame: both sides prove that they have the cluster's token,
 * and that they are the workers, in the epochs, that the other side takes them for.
 *
 *   dialer                                                 accepter
 *     hello {cluster, who, in which epoch, to whom, nonce}  ──►
 *                                                           ◄──  welcome {the same, nonce} with a proof
 *     proof                                                 ──►
 *                                                           ◄──  ready, or refused {reason} at any step
 *
 * The token does not travel. A proof is an HMAC-SHA256 under the token over both sides' words, so it holds for this
 * connection alone; on TLS also over its keying material, so nobody in the middle can pass it on.
 * `docs/exchange-link.md` has the bytes. All of it comes from outside and is checked before use.
 */

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { LINK_HANDSHAKE_BYTES_MAX } from "../../../core/limits.ts";
import type { ClusterId, WorkerId } from "../../cluster-ids.ts";
import type { ByteSink } from "./frame-reader.ts";
import { LINK_VERSION, LinkViolation } from "./link-frame.ts";

export interface Identity {
  readonly worker: WorkerId;
  readonly epoch: number;
}

export interface Membership extends Identity {
  readonly cluster: ClusterId;
}

/** What a connection is for: frames of channels, or messages about checkpoints. */
export type Purpose = "link" | "stores";

/** Why a connection is refused, by name. */
export const refusals = {
  version: "the peer speaks another version of the link protocol",
  notJoined: "the worker is not a member of its cluster yet",
  cluster: "the peer belongs to another cluster",
  worker: "the connection was meant for another worker",
  epoch: "the connection was meant for another epoch of the worker",
  stale: "the peer has connected in a later epoch already",
  direction: "of two workers the one whose id is smaller dials",
  token: "the peer does not have the cluster's token",
} as const;

export type Refusal = keyof typeof refusals;

export interface HandshakeOptions {
  readonly token: string;
  /** What both ends of the same encrypted connection, and nobody else, know of it; empty without TLS. */
  readonly binding: () => Uint8Array;
  readonly send: (message: Uint8Array) => void;
  /** Called once, when both sides have proven themselves. */
  readonly done: (peer: Identity, purpose: Purpose) => void;
  /** Called once, instead. The connection is then closed, after what was sent. */
  readonly refused: (reason: string) => void;
}

/** Called before anything is proven. */
export type Judge = (words: Words) => Refusal | undefined;

/** What each side says of itself and of whom it wants to talk to. */
export interface Words {
  readonly cluster: string;
  readonly worker: string;
  readonly epoch: number;
  readonly peer: string;
  readonly peerEpoch: number;
  readonly nonce: string;
  readonly purpose: Purpose;
}

const messages = { hello: 1, welcome: 2, proof: 3, ready: 4, refused: 5 } as const;
type Message = (typeof messages)[keyof typeof messages];

const magic = Buffer.from("MRXL");
const proofAt = 12;
const proofBytes = 32;
const textAt = proofAt + proofBytes;
const noProof = Buffer.alloc(proofBytes);
const nonceBytes = 32;

interface Arrived {
  readonly kind: number;
  readonly proof: Buffer;
  readonly text: Buffer;
}

abstract class Handshake implements ByteSink {
  protected readonly options: HandshakeOptions;
  readonly #buffer = Buffer.alloc(4 + LINK_HANDSHAKE_BYTES_MAX);
  #have = 0;
  /** Of the message with its length, once that is known. */
  #wanted = 4;
  #over = false;

  constructor(options: HandshakeOptions) {
    this.options = options;
  }

  /** Exactly what is missing of a message, so that the frames behind the handshake are left to their reader. */
  get space(): Uint8Array {
    return this.#buffer.subarray(this.#have, this.#wanted);
  }

  /** @throws LinkViolation when what came is no handshake of this version. */
  received(count: number): void {
    this.#have += count;
    if (this.#have < this.#wanted) return;
    if (this.#wanted === 4) {
      const length = this.#buffer.readUInt32LE(0);
      if (length < textAt - 4 || length > LINK_HANDSHAKE_BYTES_MAX) {
        throw new LinkViolation(`a handshake message of ${length} bytes came`);
      }
      this.#wanted = 4 + length;
      return;
    }
    if (this.#over) throw new LinkViolation("a handshake message came after the last one");
    const message = this.#parse(this.#buffer.subarray(0, this.#wanted));
    this.#have = 0;
    this.#wanted = 4;
    if (message !== undefined) this.take(message);
  }

  protected abstract take(message: Arrived): void;

  protected send(kind: Message, text: string | Uint8Array = "", proof: Uint8Array = noProof): void {
    const body = Buffer.from(text);
    const head = Buffer.alloc(proofAt);
    head.writeUInt32LE(textAt - 4 + body.length);
    magic.copy(head, 4);
    head.writeUInt16LE(LINK_VERSION, 8);
    head.writeUInt16LE(kind, 10);
    this.options.send(Buffer.concat([head, proof, body]));
  }

  protected proofOf(side: "dialer" | "accepter", hello: Uint8Array, welcome: Uint8Array): Buffer {
    const hmac = createHmac("sha256", this.options.token);
    for (const part of [Buffer.from(side), hello, welcome, this.options.binding()]) {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(part.length);
      hmac.update(length).update(part);
    }
    return hmac.digest();
  }

  protected refuse(refusal: Refusal): void {
    this.#over = true;
    this.send(messages.refused, refusal);
    this.options.refused(refusals[refusal]);
  }

  protected finish(peer: Words): void {
    this.#over = true;
    this.options.done({ worker: peer.worker as WorkerId, epoch: peer.epoch }, peer.purpose);
  }

  /** Undefined when it was a refusal, of either side. */
  #parse(message: Buffer): Arrived | undefined {
    if (magic.compare(message, 4, 8) !== 0) throw new LinkViolation("what came is no handshake of a link");
    const kind = message.readUInt16LE(10);
    const text = Buffer.from(message.subarray(textAt));
    if (kind === messages.refused) {
      this.#over = true;
      const refusal = text.toString("utf8");
      const reason = Object.hasOwn(refusals, refusal) ? refusals[refusal as Refusal] : "it gives no known reason";
      this.options.refused(`the peer refused the connection: ${reason}`);
      return undefined;
    }
    if (message.readUInt16LE(8) !== LINK_VERSION) {
      this.refuse("version");
      return undefined;
    }
    return { kind, proof: Buffer.from(message.subarray(proofAt, textAt)), text };
  }
}

/** The side that has opened the connection. */
export class DialingHandshake extends Handshake {
  readonly #self: Membership;
  readonly #peer: Identity;
  readonly #hello: Buffer;
  #welcome: Words | undefined;

  constructor(self: Membership, peer: Identity, options: HandshakeOptions, purpose: Purpose = "link") {
    super(options);
    this.#self = self;
    this.#peer = peer;
    this.#hello = wordsOf(self, peer, purpose);
  }

  start(): void {
    this.send(messages.hello, this.#hello);
  }

  protected take({ kind, proof, text }: Arrived): void {
    if (kind === messages.welcome && this.#welcome === undefined) this.#welcomed(parseWords(text), text, proof);
    else if (kind === messages.ready && this.#welcome !== undefined) this.finish(this.#welcome);
    else throw new LinkViolation(`a handshake message of kind ${kind} came out of turn`);
  }

  #welcomed(words: Words, text: Buffer, proof: Buffer): void {
    const refusal = this.#refusal(words, text, proof);
    if (refusal !== undefined) this.refuse(refusal);
    else {
      this.#welcome = words;
      this.send(messages.proof, "", this.proofOf("dialer", this.#hello, text));
    }
  }

  #refusal(words: Words, text: Buffer, proof: Buffer): Refusal | undefined {
    if (!timingSafeEqual(proof, this.proofOf("accepter", this.#hello, text))) return "token";
    if (words.worker !== this.#peer.worker) return "worker";
    return words.epoch === this.#peer.epoch ? refusalOf(this.#self, words) : "epoch";
  }
}

/** The side that has accepted the connection. */
export class AcceptingHandshake extends Handshake {
  readonly #self: () => Membership | undefined;
  readonly #judge: Judge;
  #hello: { readonly words: Words; readonly proof: Buffer } | undefined;

  constructor(self: () => Membership | undefined, judge: Judge, options: HandshakeOptions) {
    super(options);
    this.#self = self;
    this.#judge = judge;
  }

  protected take({ kind, proof, text }: Arrived): void {
    const hello = this.#hello;
    if (kind === messages.hello && hello === undefined) this.#helloCame(parseWords(text), text);
    else if (kind === messages.proof && hello !== undefined) this.#proofCame(hello.words, hello.proof, proof);
    else throw new LinkViolation(`a handshake message of kind ${kind} came out of turn`);
  }

  #helloCame(words: Words, text: Buffer): void {
    const self = this.#self();
    const refusal = this.#refusal(self, words);
    if (self === undefined || refusal !== undefined) this.refuse(refusal ?? "notJoined");
    else {
      const peer = { worker: words.worker as WorkerId, epoch: words.epoch };
      const welcome = wordsOf(self, peer, words.purpose);
      this.#hello = { words, proof: this.proofOf("dialer", text, welcome) };
      this.send(messages.welcome, welcome, this.proofOf("accepter", text, welcome));
    }
  }

  #proofCame(words: Words, expected: Buffer, proof: Buffer): void {
    // The worker may have got a new epoch, or the peer a newer connection, in the meantime.
    const refusal = timingSafeEqual(proof, expected) ? this.#refusal(this.#self(), words) : "token";
    if (refusal !== undefined) this.refuse(refusal);
    else {
      this.send(messages.ready);
      this.finish(words);
    }
  }

  #refusal(self: Membership | undefined, words: Words): Refusal | undefined {
    return self === undefined ? "notJoined" : (refusalOf(self, words) ?? this.#judge(words));
  }
}

function refusalOf(self: Membership, words: Words): Refusal | undefined {
  if (words.cluster !== self.cluster) return "cluster";
  if (words.peer !== self.worker) return "worker";
  return words.peerEpoch === self.epoch ? undefined : "epoch";
}

function wordsOf(self: Membership, peer: Identity, purpose: Purpose): Buffer {
  const words: Words = {
    cluster: self.cluster,
    worker: self.worker,
    epoch: self.epoch,
    peer: peer.worker,
    peerEpoch: peer.epoch,
    nonce: randomBytes(nonceBytes).toString("hex"),
    purpose,
  };
  return Buffer.from(JSON.stringify(words));
}

/** @throws LinkViolation */
function parseWords(text: Buffer): Words {
  let words: Partial<Record<keyof Words, unknown>> | null;
  try {
    words = JSON.parse(text.toString("utf8"));
  } catch {
    throw new LinkViolation("a handshake message is not JSON");
  }
  const { cluster, worker, epoch, peer, peerEpoch, nonce, purpose } = words ?? {};
  const strings = [cluster, worker, peer, nonce].every((value) => typeof value === "string" && value.length > 0);
  const known = purpose === "link" || purpose === "stores";
  if (!strings || !known || !Number.isSafeInteger(epoch) || !Number.isSafeInteger(peerEpoch)) {
    throw new LinkViolation("a handshake message does not say who speaks to whom");
  }
  return { cluster, worker, epoch, peer, peerEpoch, nonce, purpose } as Words;
}
