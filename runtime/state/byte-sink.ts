/** Bytes that grow at their end. Numbers are little-endian. Used by everything here that is persisted. */

const BYTES_MIN = 1024;

/** What a sink that is used again holds on to: several blocks' worth. */
const BYTES_KEPT_MAX = 1024 * 1024;

export class ByteSink {
  #bytes: Buffer<ArrayBuffer> = Buffer.allocUnsafeSlow(BYTES_MIN);
  length = 0;

  u8(value: number): void {
    this.#reserve(1);
    this.length = this.#bytes.writeUInt8(value, this.length);
  }

  u16(value: number): void {
    this.#reserve(2);
    this.length = this.#bytes.writeUInt16LE(value, this.length);
  }

  u32(value: number): void {
    this.#reserve(4);
    this.length = this.#bytes.writeUInt32LE(value, this.length);
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** The next so many bytes, to be written by the caller before anything else is, and some behind them that come to nothing. */
  room(count: number, slack: number): Buffer {
    this.#reserve(count + slack);
    const from = this.length;
    this.length += count;
    return this.#bytes.subarray(from, this.length + slack);
  }

  /** Its length in bytes as u16, then UTF-8. REQUIRES: a well-formed name of less than 64 KiB. */
  name(text: string): void {
    const bytes = Buffer.from(text, "utf8");
    this.u16(bytes.length);
    this.raw(bytes);
  }

  /** Overwrites four bytes that were written before. */
  patchU32(at: number, value: number): void {
    this.#bytes.writeUInt32LE(value, at);
  }

  /** What was written. REQUIRES: nothing is written or patched while it is used. */
  view(from = 0): Buffer {
    return this.#bytes.subarray(from, this.length);
  }

  /** What was written, in memory of its own: of much, the sink's. REQUIRES: nothing but `clear` follows. */
  finish(): Uint8Array<ArrayBuffer> {
    if (this.length <= BYTES_KEPT_MAX) return new Uint8Array(this.view());
    const bytes = new Uint8Array(this.#bytes.buffer.transfer(this.length));
    this.#bytes = Buffer.allocUnsafeSlow(BYTES_MIN);
    return bytes;
  }

  /** Begins again in the memory that it has. */
  clear(): void {
    this.length = 0;
    if (this.#bytes.length > BYTES_KEPT_MAX) this.#bytes = Buffer.allocUnsafeSlow(BYTES_MIN);
  }

  #reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.#bytes.length) return;
    const longer = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length));
    longer.set(this.view());
    this.#bytes.buffer.transfer(0); // the collector would come late to what is large
    this.#bytes = longer;
  }
}

/** Reads what a `ByteSink` wrote. Reading past the end throws a RangeError, which whoever knows the context gives its name. */
export class ByteSource {
  readonly #bytes: Buffer;
  position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.#bytes.length - this.position;
  }

  u8(): number {
    return this.#bytes.readUInt8(this.#take(1));
  }

  u16(): number {
    return this.#bytes.readUInt16LE(this.#take(2));
  }

  u32(): number {
    return this.#bytes.readUInt32LE(this.#take(4));
  }

  /** A view of the next bytes. */
  raw(count: number): Buffer {
    const at = this.#take(count);
    return this.#bytes.subarray(at, at + count);
  }

  /** The next bytes in memory of their own, aligned for any typed array. */
  copy(count: number): ArrayBuffer {
    return new Uint8Array(this.raw(count)).buffer;
  }

  name(): string {
    return this.raw(this.u16()).toString("utf8");
  }

  #take(count: number): number {
    if (count > this.left) throw new RangeError(`${count} bytes wanted at ${this.position}, ${this.left} left`);
    const at = this.position;
    this.position += count;
    return at;
  }
}
