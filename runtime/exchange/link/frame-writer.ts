/**
 * Gathers the frames of a turn and hands them to the socket at once, without copying payloads: they are written from
 * where they lie, and stay untouched until the socket has taken them.
 *
 * Headers are written into blocks; those that follow each other without a payload leave as one piece.
 */

import type { LinkSocket } from "./connection.ts";
import { type FrameFields, type FrameKind, HEADER_BYTES, writeHeader } from "./link-frame.ts";

const blockBytes = 256 * HEADER_BYTES;

/** Where the frames go. */
export type WritableEnd = Pick<LinkSocket, "write" | "cork" | "uncork">;

/** Whoever is told, in the order of the frames, that the socket has taken a frame of its. */
export interface Written {
  written(): void;
}

export class FrameWriter {
  readonly #socket: WritableEnd;
  readonly #epoch: number;
  readonly #onTaken: () => void;
  #block = Buffer.allocUnsafeSlow(blockBytes);
  #view = viewOf(this.#block);
  /** Headers from here to `#at` are not among the pieces yet. */
  #from = 0;
  #at = 0;
  #pieces: Uint8Array[] = [];
  #pieceBytes = 0;
  #owners: Written[] = [];
  /** Bytes that the socket has been given and has not taken yet. */
  #underWay = 0;
  frames = 0;
  bytes = 0;

  /** `epoch`: the own one, which every frame carries. `onTaken` is called when the socket has taken something. */
  constructor(socket: WritableEnd, epoch: number, onTaken: () => void) {
    this.#socket = socket;
    this.#epoch = epoch;
    this.#onTaken = onTaken;
  }

  /** Bytes that wait, here and in the socket. */
  get waiting(): number {
    return this.#underWay + this.#pieceBytes + this.#at - this.#from;
  }

  add(kind: FrameKind, fields: FrameFields): void {
    if (this.#at === blockBytes) this.#nextBlock();
    writeHeader(this.#view, this.#at, kind, this.#epoch, fields);
    this.#at += HEADER_BYTES;
    this.frames++;
  }

  /** The payload of the frame that was added last. REQUIRES: unchanged until its owner hears that it is written. */
  payload(bytes: Uint8Array): void {
    this.#endPiece();
    this.#pieces.push(bytes);
    this.#pieceBytes += bytes.length;
  }

  /** Who is told when everything that was added so far has been taken. */
  tell(owner: Written): void {
    this.#owners.push(owner);
  }

  /** Hands what was added to the socket. */
  flush(): void {
    this.#endPiece();
    const pieces = this.#pieces;
    if (pieces.length === 0) return;
    const owners = this.#owners;
    const bytes = this.#pieceBytes;
    this.#pieces = [];
    this.#owners = [];
    this.#pieceBytes = 0;
    this.#underWay += bytes;
    this.bytes += bytes;
    const taken = (): void => {
      this.#underWay -= bytes;
      for (const owner of owners) owner.written();
      this.#onTaken();
    };
    const last = pieces.length - 1;
    this.#socket.cork();
    for (let i = 0; i < last; i++) this.#socket.write(pieces[i] as Uint8Array);
    this.#socket.write(pieces[last] as Uint8Array, (error) => {
      if (error === null || error === undefined) taken();
    });
    this.#socket.uncork();
  }

  #endPiece(): void {
    if (this.#at === this.#from) return;
    this.#pieces.push(this.#block.subarray(this.#from, this.#at));
    this.#pieceBytes += this.#at - this.#from;
    this.#from = this.#at;
  }

  #nextBlock(): void {
    this.#endPiece();
    this.#block = Buffer.allocUnsafeSlow(blockBytes);
    this.#view = viewOf(this.#block);
    this.#from = 0;
    this.#at = 0;
  }
}

function viewOf(block: Buffer): DataView {
  return new DataView(block.buffer, block.byteOffset, block.length);
}
