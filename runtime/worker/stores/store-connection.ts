/**
 * Messages about checkpoints on a connection between two workers, after its handshake. A frame is u32 length and one
 * value by V8's serialisation, as on control connections; one side asks, the other answers by the same serial.
 *
 * The law: every question gets one answer or one failure, also when the connection ends or the time is over.
 */

import { MillraceError } from "../../../core/errors.ts";
import { STORE_ANSWER_MS, STORE_MESSAGE_BYTES_MAX } from "../../../core/limits.ts";
import { fromErrorReport, toErrorReport } from "../../error-report.ts";
import type { Connection } from "../../exchange/link/connection.ts";
import type { ByteSink } from "../../exchange/link/frame-reader.ts";
import type { CallAfter } from "../../exchange/link/link-contract.ts";
import { LinkViolation } from "../../exchange/link/link-frame.ts";
import type { ErrorReport } from "../../protocol.ts";
import type { AnswerOf, StoreAnswer, StoreRequest } from "../../store-protocol.ts";
import { decodeBody, encodeFrame } from "../../wire/message-frames.ts";

const HEADER_BYTES = 4;

interface Question {
  readonly serial: number;
  readonly request: StoreRequest;
}

type Reply = { readonly serial: number } & ({ readonly answer: StoreAnswer } | { readonly error: ErrorReport });

/** Cuts what comes into messages. */
class Messages implements ByteSink {
  readonly #receive: (message: unknown) => void;
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #into: Buffer = this.#header;
  #have = 0;

  constructor(receive: (message: unknown) => void) {
    this.#receive = receive;
  }

  get space(): Uint8Array {
    return this.#into.subarray(this.#have);
  }

  /** @throws LinkViolation when it is no message. */
  received(count: number): void {
    this.#have += count;
    if (this.#have < this.#into.length) return;
    const whole = this.#into;
    this.#have = 0;
    if (whole === this.#header) {
      this.#into = Buffer.allocUnsafeSlow(lengthOf(whole));
      return;
    }
    this.#into = this.#header;
    this.#receive(decodeBody(whole));
  }
}

function lengthOf(header: Buffer): number {
  const length = header.readUInt32LE();
  if (length > 0 && length <= STORE_MESSAGE_BYTES_MAX) return length;
  throw new LinkViolation(`a message of ${length} bytes came, from 1 to ${STORE_MESSAGE_BYTES_MAX} are expected`);
}

function send(connection: Connection, message: Question | Reply): void {
  const [header, body] = encodeFrame(message);
  if (body.length > STORE_MESSAGE_BYTES_MAX) {
    throw new MillraceError(
      "RECORD_TOO_LARGE",
      `a message about checkpoints has ${body.length} bytes, and at most ${STORE_MESSAGE_BYTES_MAX} can be sent; keep smaller values in state`,
    );
  }
  connection.socket.write(header);
  connection.socket.write(body);
}

/** Answers whoever has connected until the connection ends. */
export function serveStores(connection: Connection, answer: (request: StoreRequest) => Promise<StoreAnswer>): void {
  const reply = async ({ serial, request }: Question): Promise<void> => {
    try {
      const found = await answer(request);
      send(connection, { serial, answer: found });
    } catch (cause) {
      send(connection, { serial, error: toErrorReport(cause) });
    }
  };
  connection.use(new Messages((message) => void reply(message as Question)), () => {}); // both ends are of one version
}

interface Waiting {
  readonly resolve: (answer: StoreAnswer) => void;
  readonly reject: (error: Error) => void;
  readonly cancelTimer: () => void;
}

/** The asking end. */
export class StoreConnection {
  /** What asks by it, by serial. */
  readonly #waiting = new Map<number, Waiting>();
  readonly #connection: Connection;
  readonly #callAfter: CallAfter;
  readonly #whose: string;
  #serial = 0;
  #ended: string | undefined;

  /** @param whose names the other side in errors. */
  constructor(connection: Connection, whose: string, callAfter: CallAfter, onEnd: () => void) {
    this.#connection = connection;
    this.#callAfter = callAfter;
    this.#whose = whose;
    const messages = new Messages((message) => this.#received(message as Reply)); // both ends are of one version
    connection.use(messages, (reason) => {
      this.#ended = reason;
      for (const { reject, cancelTimer } of this.#waiting.values()) {
        cancelTimer();
        reject(unreachable(whose, reason));
      }
      this.#waiting.clear();
      onEnd();
    });
  }

  get idle(): boolean {
    return this.#waiting.size === 0;
  }

  end(reason: string): void {
    this.#connection.end(reason);
  }

  /** @throws CHECKPOINT_STORE when it cannot be asked, or what the other side failed with. */
  ask<Request extends StoreRequest>(request: Request): Promise<AnswerOf<Request>> {
    if (this.#ended !== undefined) return Promise.reject(unreachable(this.#whose, this.#ended));
    return new Promise((resolve, reject) => {
      const serial = ++this.#serial;
      const cancelTimer = this.#callAfter(STORE_ANSWER_MS, () => {
        this.#waiting.delete(serial);
        reject(unreachable(this.#whose, `it did not answer in ${STORE_ANSWER_MS} ms`));
      });
      this.#waiting.set(serial, { resolve: resolve as (answer: StoreAnswer) => void, reject, cancelTimer });
      try {
        send(this.#connection, { serial, request });
      } catch (error) {
        cancelTimer();
        this.#waiting.delete(serial);
        reject(error as Error);
      }
    });
  }

  #received(reply: Reply): void {
    const waiting = this.#waiting.get(reply.serial);
    if (waiting === undefined) return;
    this.#waiting.delete(reply.serial);
    waiting.cancelTimer();
    if ("answer" in reply) waiting.resolve(reply.answer);
    else waiting.reject(fromErrorReport(reply.error));
  }
}

export function unreachable(whose: string, reason: string): MillraceError {
  return new MillraceError(
    "CHECKPOINT_STORE",
    `the checkpoints of ${whose} cannot be reached: ${reason}. Checkpoints that are complete are untouched`,
  );
}
