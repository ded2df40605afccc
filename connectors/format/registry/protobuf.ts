/** Protobuf with a schema registry. The library, protobufjs, is loaded with the first schema. */

import type { Field, Message, Namespace, ReflectionObject, Root, Type } from "protobufjs";
import { MillraceError } from "../../../core/errors.ts";
import type { Encoder, Format } from "../format.ts";
import { FramedDecoder, framed, type ReadValue } from "./framing.ts";
import { type RegisteredSchema, SchemaRegistry, type SchemaRegistryOptions } from "./schema-registry.ts";

export interface ProtobufOptions {
  readonly registry: SchemaRegistryOptions;
  /** The text of the .proto file that values are written with. */
  readonly schema?: string;
  /** The message that is written, by its full name as "shop.Order". Default: the file's first one. */
  readonly message?: string;
  /** Under which a sink registers the schema: by convention the topic's name and "-value". */
  readonly subject?: string;
  /** What 64-bit integers are read as: "number" refuses those beyond 2^53. Default "number". */
  readonly longs?: "number" | "bigint";
}

/**
 * Values in Protobuf, each with the id of its file in a registry and the place of its message there, as Confluent's
 * serialisers write them.
 *
 * Messages are plain objects with the names of the .proto file. Fields that are not there are left out where the language
 * tells that from a default, otherwise they have it. Bytes are `Uint8Array`, enums the names of their values, maps objects.
 *
 * @throws MillraceError BAD_OPTION; when the job runs, SCHEMA_REGISTRY
 */
export function protobuf<T>(options: ProtobufOptions): Format<T> {
  const registry = new SchemaRegistry(options.registry);
  return Object.freeze<Format<T>>({
    name: "protobuf",
    decoder: () => new FramedDecoder<T>(registry, (schema) => readerOf<T>(schema, options.longs ?? "number")),
    encoder: () => new ProtobufEncoder<T>(registry, options),
  });
}

type Library = typeof import("protobufjs");
type Longs = "number" | "bigint";

async function load(): Promise<Library> {
  const { default: library } = await import("protobufjs");
  return library;
}

/** The file with all that it imports, and its messages in their order. */
interface ParsedFile {
  readonly root: Root;
  readonly messages: readonly Type[];
}

function parse(library: Library, { text, references }: Pick<RegisteredSchema, "text" | "references">): ParsedFile {
  const root = new library.Root();
  for (const { text: imported } of references) parseInto(library, imported, root);
  const alone = library.parse(text, new library.Root(), { keepCase: true });
  parseInto(library, text, root);
  root.resolveAll();
  const namespace = alone.package === undefined ? alone.root : (alone.root.lookup(alone.package) as Namespace);
  const names = messagesIn(library, namespace).map(({ fullName }) => fullName);
  return { root, messages: names.map((name) => root.lookupType(name)) };
}

function parseInto(library: Library, text: string, root: Root): void {
  const { imports = [] } = library.parse(text, root, { keepCase: true });
  for (const name of imports) {
    // Files of Google's that the library brings; the others are references of the registry.
    const { nested } = library.common.get(name) ?? {};
    if (nested !== undefined && nested !== null) root.addJSON(nested);
  }
}

function messagesIn(library: Library, namespace: Namespace): Type[] {
  return namespace.nestedArray.filter((each: ReflectionObject): each is Type => each instanceof library.Type);
}

async function readerOf<T>(schema: RegisteredSchema, longs: Longs): Promise<ReadValue<T>> {
  if (schema.kind !== "PROTOBUF") throw new Error(`it is no Protobuf but ${schema.kind}`);
  const library = await load();
  const { messages } = parse(library, schema);
  return (bytes, start, end) => {
    const place = new library.Reader(bytes.subarray(start, end));
    const type = messageAt(library, messages, place);
    const message = type.decode(bytes.subarray(start + place.pos, end));
    return plainMessage(type, message, longs, library) as T; // as the program says
  };
}

/** The way to the message: how many steps, and in each the number of the message; no steps stand for the first message. */
function messageAt(library: Library, messages: readonly Type[], from: { sint32(): number }): Type {
  const steps = from.sint32();
  let type: Type | undefined;
  for (let step = 0; step < Math.max(1, steps); step++) {
    const at = steps === 0 ? 0 : from.sint32();
    type = type === undefined ? messages[at] : messagesIn(library, type)[at];
    if (type === undefined) throw new Error("its schema has no message at the place that it names");
  }
  return type as Type; // after a step at least
}

type Values = Readonly<Record<string, unknown>>;

function plainMessage(type: Type, message: Message, longs: Longs, library: Library): Record<string, unknown> {
  const plain: Record<string, unknown> = {};
  for (const field of type.fieldsArray) {
    const value = (message as unknown as Values)[field.name];
    if (value === null || value === undefined) continue;
    if ((field.partOf ?? undefined) !== undefined && !Object.hasOwn(message, field.name)) continue;
    if (field.map) {
      const parts = Object.entries(value as Values).map(([key, part]) => [
        key,
        plainField(field, part, longs, library),
      ]);
      plain[field.name] = Object.fromEntries(parts);
    } else if (field.repeated)
      plain[field.name] = (value as unknown[]).map((part) => plainField(field, part, longs, library));
    else plain[field.name] = plainField(field, value, longs, library);
  }
  return plain;
}

function plainField({ name, type, resolvedType }: Field, value: unknown, longs: Longs, library: Library): unknown {
  if (resolvedType instanceof library.Enum) return resolvedType.valuesById[value as number] ?? value;
  if (resolvedType instanceof library.Type) return plainMessage(resolvedType, value as Message, longs, library);
  if (type === "bytes") return new Uint8Array(value as Uint8Array); // or an empty array, where it is not there
  if (typeof value !== "object" || value === null) return value;
  const integer = BigInt(String(value)); // a Long of the library's
  if (longs === "bigint") return integer;
  if (Number.isSafeInteger(Number(integer))) return Number(integer);
  throw new Error(
    `the field "${name}" is ${integer}, beyond what a number holds exactly; read it with longs: "bigint"`,
  );
}

/** What the library checks strictly, with what it would refuse or misread: names of enum values, and large integers. */
function messageInput(type: Type, value: Values, library: Library): Record<string, unknown> {
  const input: Record<string, unknown> = { ...value };
  for (const field of type.fieldsArray) {
    const given = input[field.name];
    if (given === null || given === undefined) delete input[field.name];
    else if (field.repeated && Array.isArray(given)) {
      input[field.name] = given.map((part) => fieldInput(field, part, library));
    } else if (field.map && typeof given === "object") {
      const parts = Object.entries(given).map(([key, part]) => [key, fieldInput(field, part, library)]);
      input[field.name] = Object.fromEntries(parts);
    } else input[field.name] = fieldInput(field, given, library);
  }
  return input;
}

function fieldInput({ type, resolvedType }: Field, value: unknown, library: Library): unknown {
  if (resolvedType instanceof library.Enum) return resolvedType.values[value as string] ?? value;
  if (resolvedType instanceof library.Type)
    return typeof value === "object" && value !== null ? messageInput(resolvedType, value as Values, library) : value;
  const large = typeof value === "bigint" || (typeof value === "string" && /^-?\d{1,20}$/.test(value));
  if (!large || !LONGS.test(type)) return value;
  const { Long } = library.util as unknown as { readonly Long: LongClass }; // its types lack what it makes them of
  return Long.fromString(String(value), type === "uint64" || type === "fixed64");
}

interface LongClass {
  fromString(digits: string, unsigned: boolean): unknown;
}

/** The integers of 64 bits; unsigned are uint64 and fixed64. */
const LONGS = /^(s|u)?(int|fixed)64$/;

class ProtobufEncoder<T> implements Encoder<T> {
  readonly #registry: SchemaRegistry;
  readonly #options: ProtobufOptions;
  #library: Library | undefined;
  #type: Type | undefined;
  #path: Uint8Array = new Uint8Array(0);
  #id = 0;

  constructor(registry: SchemaRegistry, options: ProtobufOptions) {
    this.#registry = registry;
    this.#options = options;
  }

  async open(): Promise<void> {
    const { schema, subject, message } = this.#options;
    if (schema === undefined || subject === undefined) {
      throw new MillraceError("BAD_OPTION", 'protobuf needs "schema" and "subject" where values are written');
    }
    const library = await load();
    this.#library = library;
    const { messages } = parse(library, { text: schema, references: [] });
    const at = message === undefined ? 0 : messages.findIndex(({ fullName }) => fullName === `.${message}`);
    this.#type = messages[at];
    if (this.#type === undefined) {
      const known = messages.map(({ fullName }) => fullName.slice(1)).join(", ");
      throw new MillraceError("BAD_OPTION", `message of protobuf is one of ${known}, got ${String(message)}`);
    }
    this.#path = at === 0 ? Uint8Array.of(0) : new library.Writer().sint32(1).sint32(at).finish();
    this.#id = await this.#registry.register(subject, "PROTOBUF", schema);
  }

  encode(value: T): Uint8Array {
    const [type, library] = [this.#type as Type, this.#library as Library]; // opened before
    const input = messageInput(type, value as Values, library);
    const wrong = type.verify(input);
    if (wrong !== null) throw new MillraceError("BAD_RECORD", `a record is no ${type.fullName.slice(1)}: ${wrong}`);
    return framed(this.#id, type.encode(type.fromObject(input)).finish(), this.#path);
  }
}
