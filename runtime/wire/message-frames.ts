/**
 * Messages as bytes. A frame is
 *
 *   0   u32 LE   length n of the body, 1 … limit
 *   4   n bytes  one value by V8's serialisation (`v8.serialize`)
 *
 * The reader holds what has come and nothing else: an announced length reserves no memory.
 */

import { deserialize, serialize } from "node:v8";

const headerBytes = 4;

/** Smaller pieces are joined once there are some of them: each costs more than its bytes. */
const pieceBytesMin = 1024;
const piecesApart = 64;

/** Header and body of a message. @throws DataCloneError when the value holds what is no data, such as a function. */
export function encodeFrame(message: unknown): readonly [header: Buffer, body: Buffer] {
  const body = serialize(message);
  const header = Buffer.allocUnsafe(headerBytes);
  header.writeUInt32LE(body.length);
  return [header, body];
}

/** @throws Error when the bytes are not exactly one value. */
export function decodeBody(body: Buffer): unknown {
  return deserialize(body);
}

/** Cuts a stream of bytes, in whatever pieces it comes, into the bodies of frames. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #bytes = 0;

  /** Bytes of a frame that has not come whole. */
  get pendingBytes(): number {
    return this.#bytes;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    const pieces = this.#chunks.length;
    if (pieces > piecesApart && this.#bytes < pieces * pieceBytesMin) this.#chunks = [Buffer.concat(this.#chunks)];
  }

  /** The length that the next frame announces, as soon as its header is there. */
  get announced(): number | undefined {
    return this.#bytes < headerBytes ? undefined : this.#peekHeader().readUInt32LE();
  }

  /** The next body, once it has come whole. REQUIRES that the caller accepts the announced length. */
  next(): Buffer | undefined {
    const length = this.announced;
    if (length === undefined || this.#bytes < headerBytes + length) return undefined;
    this.#take(headerBytes);
    return this.#take(length);
  }

  #peekHeader(): Buffer {
    const first = this.#chunks[0];
    if (first !== undefined && first.length >= headerBytes) return first;
    const header = this.#take(headerBytes);
    this.#chunks.unshift(header);
    this.#bytes += headerBytes;
    return header;
  }

  /** REQUIRES that so many bytes have come. */
  #take(count: number): Buffer {
    const parts: Buffer[] = [];
    let missing = count;
    let used = 0;
    while (missing > 0) {
      const chunk = this.#chunks[used] as Buffer;
      const part = chunk.subarray(0, missing);
      parts.push(part);
      missing -= part.length;
      if (part.length === chunk.length) used++;
      else this.#chunks[used] = chunk.subarray(part.length);
    }
    this.#chunks.splice(0, used);
    this.#bytes -= count;
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts, count);
  }
}
