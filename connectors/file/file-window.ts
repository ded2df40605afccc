/** A window onto a file that moves forward: where the text readers look for records. */

import type { FileHandle } from "node:fs/promises";
import { openInput, readInto } from "./input-files.ts";
import { WINDOW_BYTES } from "./limits.ts";

export class FileWindow {
  /** What is in the window. Valid until the next `seek` or `readOn`. */
  bytes: Buffer = Buffer.alloc(0);
  /** Where in the file `bytes` begins. */
  offset = 0;
  /** The file ends with the window. */
  ended = false;
  #path = "";
  #handle: FileHandle | undefined;
  #memory: Buffer = Buffer.alloc(0);

  /**
   * Goes to a place in a file.
   * @returns the index in `bytes` of that place; 0 with an empty window when it was not in the window already.
   */
  async seek(path: string, offset: number): Promise<number> {
    if (path !== this.#path || this.#handle === undefined) {
      await this.close();
      this.#handle = await openInput(path);
      this.#path = path;
    } else if (offset >= this.offset && offset <= this.offset + this.bytes.length) {
      return offset - this.offset;
    }
    this.#moveTo(offset);
    return 0;
  }

  /**
   * Reads on. What stands before the index `keep` goes; if that is not enough, the window grows.
   * ENSURES: the byte at `keep` is at index 0 now; there are more bytes than before, or `ended` is true.
   */
  async readOn(keep: number): Promise<void> {
    if (this.#handle === undefined) throw new Error("the window has no file");
    const kept = this.bytes.length - keep;
    const needed = Math.max(WINDOW_BYTES, 2 ** Math.ceil(Math.log2(kept + 1)));
    if (needed === this.#memory.length) {
      this.#memory.copyWithin(0, keep, this.bytes.length);
    } else {
      const memory = Buffer.allocUnsafeSlow(needed);
      this.bytes.copy(memory, 0, keep);
      this.#memory = memory;
    }
    this.offset += keep;
    const room = this.#memory.subarray(kept);
    // Before the read, so that a failure leaves a window that can be read on from.
    this.bytes = this.#memory.subarray(0, kept);
    const length = await readInto(this.#handle, room, this.offset + kept, this.#path);
    this.ended = length < room.length;
    this.bytes = this.#memory.subarray(0, kept + length);
  }

  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    this.#moveTo(0);
    await handle?.close();
  }

  #moveTo(offset: number): void {
    this.bytes = this.#memory.subarray(0, 0);
    this.offset = offset;
    this.ended = false;
  }
}
