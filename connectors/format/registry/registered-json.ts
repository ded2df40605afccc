/** JSON with a schema registry: text behind the id of a JSON Schema. */

import { MillraceError } from "../../../core/errors.ts";
import { jsonText } from "../../json-text.ts";
import type { Decoder, Encoder, Format } from "../format.ts";
import { JsonDecoder } from "../json/json-decoder.ts";
import { FRAME_BYTES, framed, schemaIdOf } from "./framing.ts";
import { SchemaRegistry, type SchemaRegistryOptions } from "./schema-registry.ts";

export interface RegisteredJsonOptions {
  readonly registry: SchemaRegistryOptions;
  /** The JSON Schema that a sink registers. */
  readonly schema?: object | string;
  /** Under which a sink registers it: by convention the topic's name and "-value". */
  readonly subject?: string;
}

/**
 * Values in JSON, each with the id of its JSON Schema in a registry, as Confluent's serialisers write them. Read as `json()`
 * reads them, without asking the registry: what a schema demands is looked at by `validated`.
 *
 * @throws MillraceError BAD_OPTION; where values are written, SCHEMA_REGISTRY
 */
export function registeredJson<T>(options: RegisteredJsonOptions): Format<T> {
  const registry = new SchemaRegistry(options.registry);
  return Object.freeze<Format<T>>({
    name: "json with a schema",
    decoder: () => new UnframingDecoder() as Decoder<T>, // as the program says
    encoder: () => new RegisteredJsonEncoder<T>(registry, options),
  });
}

class UnframingDecoder implements Decoder<unknown> {
  readonly #json = new JsonDecoder();

  decode(bytes: Buffer, start: number, end: number): unknown {
    schemaIdOf(bytes, start, end);
    return this.#json.decode(bytes, start + FRAME_BYTES, end);
  }
}

class RegisteredJsonEncoder<T> implements Encoder<T> {
  readonly #registry: SchemaRegistry;
  readonly #options: RegisteredJsonOptions;
  #id = 0;

  constructor(registry: SchemaRegistry, options: RegisteredJsonOptions) {
    this.#registry = registry;
    this.#options = options;
  }

  async open(): Promise<void> {
    const { schema, subject } = this.#options;
    if (schema === undefined || subject === undefined)
      throw new MillraceError("BAD_OPTION", 'registeredJson needs "schema" and "subject" where values are written');
    const text = typeof schema === "string" ? schema : JSON.stringify(schema);
    this.#id = await this.#registry.register(subject, "JSON", text);
  }

  encode(value: T): Uint8Array {
    return framed(this.#id, Buffer.from(jsonText(value)));
  }
}
