/**
 * Formats: between values and the bytes that stand for them outside. A format is frozen data with two factories, so that a
 * source and a sink may share one; each subtask makes its own decoder or encoder, which may keep what it has learned.
 *
 * What a format needs from outside (a schema that bytes name and nobody has seen) it says before it is needed, by `prepare`
 * and `open`; `decode` and `encode` themselves never wait.
 */

export interface Format<T> {
  /** For messages, e.g. "json". */
  readonly name: string;
  decoder(): Decoder<T>;
  encoder(): Encoder<T>;
}

export interface Decoder<T> {
  /** What has to be waited for before these bytes can be decoded; undefined, and nearly always so: nothing. */
  prepare?(bytes: Buffer, start: number, end: number): Promise<void> | undefined;
  /**
   * The value of the bytes `start` … `end`-1, which holds on to none of them. Undefined leaves them out.
   * @throws what says why these bytes are not of the format
   */
  decode(bytes: Buffer, start: number, end: number): T | undefined;
}

export interface Encoder<T> {
  /** Awaited before the first value. */
  open?(): Promise<void>;
  /** A text stands for its UTF-8. @throws what says why the value cannot be written */
  encode(value: T): string | Uint8Array;
}

export function isFormat(value: unknown): value is Format<unknown> {
  return typeof (value as Partial<Format<unknown>> | null)?.decoder === "function";
}
