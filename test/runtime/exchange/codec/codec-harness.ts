/** Sends records through the codec and gives back what arrives. */

import { BatchDecoder, BatchEncoder } from "../../../../runtime/exchange/codec/index.ts";

export interface Arrived {
  readonly value: unknown;
  readonly timestamp: number;
}

export const open = { blocked: false };

export function newEncoder(fields?: readonly string[]): BatchEncoder {
  const options = { operator: "test", maxRows: 2000, maxBytes: 1 << 24 };
  return new BatchEncoder(fields === undefined ? options : { ...options, fields });
}

/** Finishes the batch into memory that is just large enough. */
export function finish(
  encoder: BatchEncoder,
  Memory: typeof ArrayBuffer | typeof SharedArrayBuffer = SharedArrayBuffer,
): Uint8Array {
  const bound = encoder.byteLengthBound();
  const target = new Uint8Array(new Memory(bound)).fill(0xaa);
  const length = encoder.finish(target);
  if (length < 0 || length > bound) throw new Error(`finish returned ${length} with ${bound} bytes`);
  return target.subarray(0, length);
}

export function encode(records: readonly unknown[], encoder: BatchEncoder = newEncoder()): Uint8Array {
  for (const [index, record] of records.entries()) encoder.add(record, index);
  return finish(encoder);
}

export function decode(frame: Uint8Array, decoder: BatchDecoder = new BatchDecoder({ operator: "test" })): Arrived[] {
  const arrived: Arrived[] = [];
  decoder.bind(frame);
  const done = decoder.deliver((value, timestamp) => arrived.push({ value, timestamp }), open);
  if (!done) throw new Error("an open gate must take the whole batch");
  return arrived;
}

export function values(arrived: readonly Arrived[]): unknown[] {
  return arrived.map((record) => record.value);
}

export function roundTrip(records: readonly unknown[]): unknown[] {
  return values(decode(encode(records)));
}
