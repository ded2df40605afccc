/**
 * How messages name their schema, as Confluent's serialisers write it:
 *
 *   offset  length
 *   0       1       0
 *   1       4       the schema's id, big-endian
 *   5       n       Protobuf only: which message of the file, see `protobuf.ts`
 *   5 + n   …       the value
 */

import type { Decoder } from "../format.ts";
import { type RegisteredSchema, type SchemaRegistry, UnknownSchema } from "./schema-registry.ts";

export const FRAME_BYTES = 5;

/** Reads the value that begins at `start`, behind the id. */
export type ReadValue<T> = (bytes: Buffer, start: number, end: number) => T;

/** @throws Error when the bytes name no schema */
export function schemaIdOf(bytes: Buffer, start: number, end: number): number {
  if (end - start >= FRAME_BYTES && bytes[start] === 0) return bytes.readUInt32BE(start + 1);
  throw new Error("it does not begin with the id of a schema");
}

export function framed(id: number, value: Uint8Array, between: Uint8Array = NOTHING): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_BYTES + between.length + value.length);
  bytes[0] = 0;
  bytes.writeUInt32BE(id, 1);
  bytes.set(between, FRAME_BYTES);
  bytes.set(value, FRAME_BYTES + between.length);
  return bytes;
}

const NOTHING = new Uint8Array(0);

/** Decodes by the schema that each message names, which is asked for when it comes for the first time. */
export class FramedDecoder<T> implements Decoder<T> {
  readonly #registry: SchemaRegistry;
  readonly #make: (schema: RegisteredSchema) => Promise<ReadValue<T>>;
  /** An error: messages of this schema cannot be read, and say so. */
  readonly #readers = new Map<number, ReadValue<T> | Error>();

  constructor(registry: SchemaRegistry, make: (schema: RegisteredSchema) => Promise<ReadValue<T>>) {
    this.#registry = registry;
    this.#make = make;
  }

  prepare(bytes: Buffer, start: number, end: number): Promise<void> | undefined {
    if (end - start < FRAME_BYTES || bytes[start] !== 0) return undefined; // `decode` says so
    const id = bytes.readUInt32BE(start + 1);
    return this.#readers.has(id) ? undefined : this.#load(id);
  }

  async #load(id: number): Promise<void> {
    try {
      const schema = await this.#registry.schema(id);
      // What the schema says is at fault from here on, not whether the registry answers.
      this.#readers.set(id, await this.#make(schema).catch((error: Error) => error));
    } catch (error) {
      if (!(error instanceof UnknownSchema)) throw error;
      this.#readers.set(id, error);
    }
  }

  decode(bytes: Buffer, start: number, end: number): T {
    const id = schemaIdOf(bytes, start, end);
    const read = this.#readers.get(id);
    if (typeof read === "function") return read(bytes, start + FRAME_BYTES, end);
    throw new Error(`its schema ${id} cannot be used: ${read?.message ?? "it was not asked for"}`);
  }
}
