/**
 * A message connection over a byte stream: a TCP, TLS or unix socket.
 *
 *             first message, or its time          end (either side)                stream closes
 *   opening ──────────────────────────► open ──────────────────────────► ending ────────────────► closed
 *      └───────────────────────────────────────────────────────────────────▲
 *
 * The law: whatever the other side sends ends in messages or in one named reason; nothing of it throws, and memory is
 * bounded by the largest message in, the queue's bound out.
 */

import type { Duplex } from "node:stream";
import { MillraceError } from "../../core/errors.ts";
import { CONTROL_CLOSE_GRACE_MS, CONTROL_MESSAGE_BYTES_MAX, CONTROL_QUEUE_BYTES_MAX } from "../../core/limits.ts";
import type { CloseKind, CloseReason, MessageConnection } from "./connection.ts";
import { decodeBody, encodeFrame, FrameReader } from "./message-frames.ts";

export interface MessageSocketOptions {
  readonly peer: string;
  readonly messageBytesMax?: number;
  readonly queueBytesMax?: number;
  readonly closeGraceMs?: number;
  /** What the first message must keep to. Absent: it is as any other. */
  readonly first?: { readonly withinMs: number; readonly bytesMax: number };
}

export class MessageSocket<Send, Receive> implements MessageConnection<Send, Receive> {
  readonly peer: string;
  readonly closed: Promise<CloseReason>;
  readonly #stream: Duplex;
  readonly #frames = new FrameReader();
  readonly #messageBytesMax: number;
  readonly #queueBytesMax: number;
  readonly #closeGraceMs: number;
  /** Lower until the first message has come. */
  #receiveBytesMax: number;
  #firstTimer: NodeJS.Timeout | undefined;
  #graceTimer: NodeJS.Timeout | undefined;
  #receive: ((message: Receive) => void) | undefined;
  /** Set once, when the end begins. */
  #reason: CloseReason | undefined;

  constructor(stream: Duplex, options: MessageSocketOptions) {
    this.peer = options.peer;
    this.#stream = stream;
    this.#messageBytesMax = options.messageBytesMax ?? CONTROL_MESSAGE_BYTES_MAX;
    this.#queueBytesMax = options.queueBytesMax ?? CONTROL_QUEUE_BYTES_MAX;
    this.#closeGraceMs = options.closeGraceMs ?? CONTROL_CLOSE_GRACE_MS;
    this.#receiveBytesMax = options.first?.bytesMax ?? this.#messageBytesMax;
    if (options.first !== undefined) this.#awaitFirst(options.first.withinMs);
    stream.on("error", (error) => this.#fail("lost", `the connection to ${this.peer} failed: ${error.message}`));
    stream.on("end", () => this.#otherSideEnded());
    this.closed = new Promise((resolve) => stream.on("close", () => resolve(this.#streamClosed())));
  }

  get queuedBytes(): number {
    return this.#stream.writableLength;
  }

  send(message: Send): void {
    if (this.#reason !== undefined) return;
    const [header, body] = encodeFrame(message);
    if (body.length > this.#messageBytesMax) throw tooLarge(body.length, this.#messageBytesMax, this.peer);
    this.#stream.cork();
    this.#stream.write(header);
    this.#stream.write(body);
    this.#stream.uncork();
    if (this.queuedBytes > this.#queueBytesMax) {
      this.#fail("queueFull", `${this.peer} does not read: ${this.queuedBytes} bytes wait for it`);
    }
  }

  onMessage(receive: (message: Receive) => void): void {
    const first = this.#receive === undefined;
    this.#receive = receive;
    if (first) this.#stream.on("data", (chunk: Buffer) => this.#bytesCame(chunk));
  }

  close(reason = "closed by this side"): void {
    this.#finish({ kind: "closed", message: reason });
  }

  destroy(reason = "closed by this side"): void {
    this.#fail("closed", reason);
  }

  #awaitFirst(withinMs: number): void {
    this.#firstTimer = setTimeout(() => {
      this.#fail("silent", `${this.peer} connected and did not introduce itself within ${withinMs} ms`);
    }, withinMs);
  }

  #bytesCame(chunk: Buffer): void {
    // After the end whatever still comes is read away, so that the stream can close.
    if (this.#reason !== undefined) return;
    this.#frames.push(chunk);
    while (this.#reason === undefined) {
      const announced = this.#frames.announced;
      if (announced !== undefined && announced > this.#receiveBytesMax) {
        this.#fail("tooLarge", `${this.peer} announced ${announced} bytes; at most ${this.#receiveBytesMax} may come`);
        return;
      }
      const body = this.#frames.next();
      if (body === undefined) return;
      this.#bodyCame(body);
    }
  }

  #bodyCame(body: Buffer): void {
    let message: unknown;
    try {
      message = decodeBody(body);
    } catch (error) {
      this.#fail("garbage", `${this.peer} sent ${body.length} bytes that are no message: ${String(error)}`);
      return;
    }
    clearTimeout(this.#firstTimer);
    this.#receiveBytesMax = this.#messageBytesMax;
    // What the type says is held by the protocol's version, which both sides compare before anything else.
    this.#receive?.(message as Receive);
  }

  #otherSideEnded(): void {
    const within = this.#frames.pendingBytes > 0;
    this.#finish(
      within
        ? { kind: "lost", message: `${this.peer} ended the connection within a message` }
        : { kind: "ended", message: `${this.peer} ended the connection` },
    );
  }

  /** Lets go out what was sent. */
  #finish(reason: CloseReason): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    clearTimeout(this.#firstTimer);
    this.#stream.end();
    // Reading goes on, into nothing: the other side's end must be seen.
    this.#stream.resume();
    this.#graceTimer = setTimeout(() => this.#stream.destroy(), this.#closeGraceMs).unref();
  }

  #fail(kind: CloseKind, message: string): void {
    this.#reason ??= { kind, message };
    clearTimeout(this.#firstTimer);
    this.#stream.destroy();
  }

  #streamClosed(): CloseReason {
    clearTimeout(this.#firstTimer);
    clearTimeout(this.#graceTimer);
    this.#reason ??= { kind: "lost", message: `the connection to ${this.peer} was lost` };
    return this.#reason;
  }
}

function tooLarge(bytes: number, bytesMax: number, peer: string): MillraceError {
  return new MillraceError(
    "RECORD_TOO_LARGE",
    `a message to ${peer} has ${bytes} bytes, and at most ${bytesMax} can be sent; collect fewer or smaller rows, or make splits smaller`,
  );
}
