/**
 * A connection that carries messages: what coordinator and worker have of each other.
 *
 * The law: messages arrive whole, in order and at most once; a connection ends once, for one named reason; and what
 * waits to be sent is bounded, so a peer that does not read loses the connection instead of filling the memory.
 */

import type { Envelope, FromWorker, Greeting, ToWorker, WorkerHello } from "../cluster-protocol.ts";

export interface MessageConnection<Send, Receive> {
  /** Who is at the other end, for logs: `host:port`. */
  readonly peer: string;
  /** What waits to be sent. */
  readonly queuedBytes: number;
  /** Resolves when nothing more will arrive, after the last message has been received. Never rejects. */
  readonly closed: Promise<CloseReason>;
  /**
   * After the end it does nothing: `closed` tells.
   * @throws RECORD_TOO_LARGE when the message is larger than a message may be; the connection stays.
   */
  send(message: Send): void;
  /** Nothing is read before the first call. A further call replaces the receiver, for the next message on. */
  onMessage(receive: (message: Receive) => void): void;
  /** What was sent goes out, then the connection ends. Nothing more is received. */
  close(reason?: string): void;
  /** Ends the connection at once; what waits to be sent is lost. */
  destroy(reason?: string): void;
}

export interface CloseReason {
  readonly kind: CloseKind;
  /** In words, for logs and errors. */
  readonly message: string;
}

export type CloseKind =
  /** This side called `close` or `destroy`. */
  | "closed"
  /** The other side ended in an orderly way, between two messages. */
  | "ended"
  /** The network failed, or the other side was gone within a message. */
  | "lost"
  /** What came is no message. */
  | "garbage"
  /** The other side announced a message larger than allowed. */
  | "tooLarge"
  /** The other side did not read, and more waited for it than allowed. */
  | "queueFull"
  /** The first message did not come in time. */
  | "silent";

export type WorkerMessage = WorkerHello | Envelope<FromWorker>;
export type CoordinatorMessage = Greeting | Envelope<ToWorker>;

/** The connection as the coordinator has it. */
export type ConnectionToWorker = MessageConnection<CoordinatorMessage, WorkerMessage>;

/** The connection as a worker has it. */
export type ConnectionToCoordinator = MessageConnection<WorkerMessage, CoordinatorMessage>;
