/** Avro with a schema registry. The library, avsc, is loaded with the first schema. */

import type { Schema, Type } from "avsc";
import { MillraceError } from "../../../core/errors.ts";
import type { Encoder, Format } from "../format.ts";
import { FramedDecoder, framed, type ReadValue } from "./framing.ts";
import { plainValue } from "./plain-value.ts";
import { type RegisteredSchema, SchemaRegistry, type SchemaRegistryOptions } from "./schema-registry.ts";

export interface AvroOptions {
  readonly registry: SchemaRegistryOptions;
  /** The schema that values are written with, and that values are read as, whatever they were written with. */
  readonly schema?: object | string;
  /** Under which a sink registers the schema: by convention the topic's name and "-value". */
  readonly subject?: string;
  /** What longs are read as: "number" refuses those beyond 2^53. Default "number". */
  readonly longs?: "number" | "bigint";
}

/**
 * Values in Avro, each with the id of its schema in a registry, as Confluent's serialisers write them.
 *
 * Read by the schema that each names; with `schema` as that one, by Avro's rules of evolution. Records and maps are plain
 * objects, bytes and fixed are `Uint8Array`, enums are strings. A union's value is itself where its type tells which branch
 * it is, otherwise `{ branch: value }`. Logical types are read as what they are made of. The entry `__proto__` of a map is
 * left out.
 *
 * Written by `schema`, which is registered under `subject` when the sink opens.
 *
 * @throws MillraceError BAD_OPTION; when the job runs, SCHEMA_REGISTRY
 */
export function avro<T>(options: AvroOptions): Format<T> {
  const registry = new SchemaRegistry(options.registry);
  const make = (schema: RegisteredSchema) => readerOf<T>(schema, options);
  return Object.freeze<Format<T>>({
    name: "avro",
    decoder: () => new FramedDecoder<T>(registry, make),
    encoder: () => new AvroEncoder<T>(registry, options),
  });
}

async function readerOf<T>({ kind, text, references }: RegisteredSchema, options: AvroOptions): Promise<ReadValue<T>> {
  if (kind !== "AVRO") throw new Error(`it is no Avro but ${kind}`);
  const writer = await typeOf(text, options, references);
  const wanted = options.schema === undefined ? undefined : await typeOf(options.schema, options);
  const resolver = wanted?.createResolver(writer);
  const type = wanted ?? writer;
  return (bytes, start, end) => {
    const { value, offset } = type.decode(bytes.subarray(start, end), 0, resolver);
    if (offset === end - start) return plainValue(value) as T; // as the program says
    throw new Error(offset < 0 ? "it ends within a value" : `${end - start - offset} bytes follow the value`);
  };
}

async function typeOf(
  schema: object | string,
  { longs }: AvroOptions,
  references: RegisteredSchema["references"] = [],
): Promise<Type> {
  const { default: avsc } = await import("avsc");
  const registry = { long: avsc.types.LongType.__with(longs === "bigint" ? bigints : exactNumbers) };
  const parse = (each: object | string): Type =>
    avsc.Type.forSchema((typeof each === "string" ? JSON.parse(each) : each) as Schema, { registry });
  // Names are known to all that are parsed with the same registry.
  for (const { text } of references) parse(text);
  return parse(schema);
}

/**
 * The library's own longs are sums of doubles: from 2^52 on they come out rounded, or with the other sign, and nobody hears
 * of it. These are put together from two halves, and refuse what is beyond 2^53.
 */
const exactNumbers = {
  fromBuffer(bytes: Buffer): number {
    const value = bytes.readInt32LE(4) * 2 ** 32 + bytes.readUInt32LE(0);
    if (Number.isSafeInteger(value)) return value;
    throw new Error(
      `a long is ${bytes.readBigInt64LE()}, beyond what a number holds exactly; read it with longs: "bigint"`,
    );
  },
  toBuffer(value: number): Buffer {
    const bytes = Buffer.allocUnsafe(8);
    bytes.writeInt32LE(Math.floor(value / 2 ** 32), 4);
    bytes.writeInt32LE(value | 0, 0);
    return bytes;
  },
  fromJSON: Number,
  toJSON: Number,
  isValid: Number.isSafeInteger,
  compare: (a: number, b: number) => a - b,
};

const bigints = {
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer(value: bigint): Buffer {
    const bytes = Buffer.allocUnsafe(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  },
  fromJSON: BigInt,
  toJSON: String,
  isValid: (value: unknown) => typeof value === "bigint" && BigInt.asIntN(64, value) === value,
  compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
};

class AvroEncoder<T> implements Encoder<T> {
  readonly #registry: SchemaRegistry;
  readonly #options: AvroOptions;
  #type: Type | undefined;
  #id = 0;

  constructor(registry: SchemaRegistry, options: AvroOptions) {
    this.#registry = registry;
    this.#options = options;
  }

  async open(): Promise<void> {
    const { schema, subject } = this.#options;
    if (schema === undefined || subject === undefined) throw missing("avro");
    const text = typeof schema === "string" ? schema : JSON.stringify(schema);
    this.#type = await typeOf(schema, this.#options);
    this.#id = await this.#registry.register(subject, "AVRO", text);
  }

  encode(value: T): Uint8Array {
    return framed(this.#id, (this.#type as Type).toBuffer(value)); // opened before
  }
}

function missing(format: string): MillraceError {
  return new MillraceError("BAD_OPTION", `${format} needs "schema" and "subject" where values are written`);
}
