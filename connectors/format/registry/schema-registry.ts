/**
 * A client of schema registries that speak Confluent's protocol (Confluent, Karapace, Apicurio in its compatible mode,
 * Redpanda): what schema an id in a message means, and which id a schema has.
 *
 * What an id means never changes, so it is asked once in a process, also when many readers want it at the same time. A
 * request that gets no answer, or 429 or 5xx, is tried again with growing pauses; what is refused is not.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { MillraceError } from "../../../core/errors.ts";
import { readSecret, type Secret } from "../../kafka/client/secret.ts";
import {
  REGISTRY_ANSWER_BYTES_MAX,
  REGISTRY_ANSWER_MS,
  REGISTRY_REFERENCES_MAX,
  REGISTRY_RETRY_MS_MAX,
  REGISTRY_RETRY_MS_MIN,
  REGISTRY_WITHIN_MS,
} from "../limits.ts";

export interface SchemaRegistryOptions {
  /** As "http://localhost:8081"; several are asked in turns. */
  readonly url: string | readonly string[];
  /** User and password, or a token; where they lie, as with Kafka's own. */
  readonly auth?: { readonly username: Secret; readonly password: Secret } | { readonly token: Secret };
  /** How long a request is tried again. Default 45 s. */
  readonly withinMs?: number;
}

export type SchemaKind = "AVRO" | "PROTOBUF" | "JSON";

export interface RegisteredSchema {
  readonly kind: SchemaKind;
  /** The schema as it was registered: JSON, or the text of a .proto file. */
  readonly text: string;
  /** The schemas that it imports, before those that import them. */
  readonly references: readonly { readonly name: string; readonly text: string }[];
}

interface Answer {
  readonly id?: unknown;
  readonly schema?: unknown;
  readonly schemaType?: unknown;
  readonly references?: readonly { readonly name: string; readonly subject: string; readonly version: number }[];
}

/** The registry has no such schema: a message that names it cannot be read. */
export class UnknownSchema extends Error {}

const NOT_FOUND = 404;
const TOO_MANY_REQUESTS = 429;
const CONTENT_TYPE = "application/vnd.schemaregistry.v1+json";

export class SchemaRegistry {
  readonly #urls: readonly string[];
  readonly #options: SchemaRegistryOptions;
  readonly #schemas = new Map<number, Promise<RegisteredSchema>>();
  readonly #ids = new Map<string, Promise<number>>();
  #turn = 0;

  /** @throws MillraceError BAD_OPTION */
  constructor(options: SchemaRegistryOptions) {
    this.#options = options;
    this.#urls = [options.url].flat().map((url) => checkedUrl(url));
    if (this.#urls.length === 0) throw new MillraceError("BAD_OPTION", "url of a schema registry is empty");
  }

  /** What the id in a message means. @throws UnknownSchema; MillraceError SCHEMA_REGISTRY */
  schema(id: number): Promise<RegisteredSchema> {
    return remembered(this.#schemas, id, () => this.#schema(id));
  }

  /** The id of a schema, which is registered under the subject if it is not. @throws MillraceError SCHEMA_REGISTRY */
  register(subject: string, kind: SchemaKind, text: string): Promise<number> {
    return remembered(this.#ids, `${subject}\n${kind}\n${text}`, () => this.#register(subject, kind, text));
  }

  async #schema(id: number): Promise<RegisteredSchema> {
    const answer = await this.#ask(`/schemas/ids/${id}`);
    const found = new Map<string, string>();
    await this.#follow(answer, found);
    const references = Array.from(found, ([name, text]) => ({ name, text }));
    return { kind: kindOf(answer, id), text: textOf(answer), references };
  }

  async #follow({ references = [] }: Answer, found: Map<string, string>): Promise<void> {
    for (const { name, subject, version } of references) {
      if (found.has(name)) continue;
      if (found.size === REGISTRY_REFERENCES_MAX)
        throw failure(`a schema of the registry imports more than ${REGISTRY_REFERENCES_MAX} others`);
      const answer = await this.#ask(`/subjects/${encodeURIComponent(subject)}/versions/${version}`);
      await this.#follow(answer, found);
      found.set(name, textOf(answer));
    }
  }

  async #register(subject: string, kind: SchemaKind, text: string): Promise<number> {
    // A registry that knows of Avro only refuses a kind.
    const body = JSON.stringify(kind === "AVRO" ? { schema: text } : { schema: text, schemaType: kind });
    const { id } = await this.#ask(`/subjects/${encodeURIComponent(subject)}/versions`, body).catch((error) => {
      throw error instanceof UnknownSchema ? failure(error.message) : error;
    });
    if (typeof id !== "number") throw failure(`the registry gave no id to the schema of "${subject}"`);
    return id;
  }

  async #ask(path: string, body?: string): Promise<Answer> {
    const end = performance.now() + (this.#options.withinMs ?? REGISTRY_WITHIN_MS);
    for (let pause = REGISTRY_RETRY_MS_MIN; ; pause = Math.min(2 * pause, REGISTRY_RETRY_MS_MAX)) {
      const url = this.#urls[this.#turn++ % this.#urls.length] as string; // below their number
      const answer = await this.#askOnce(url, path, body).catch((cause: unknown) => {
        if (cause instanceof MillraceError || cause instanceof UnknownSchema) throw cause;
        if (performance.now() + pause > end) throw failure(`${url}${path}: ${messageOf(cause)}`, cause);
        return undefined;
      });
      if (answer !== undefined) return answer;
      await sleep(pause * (0.75 + Math.random() / 2));
    }
  }

  /** @throws what passes as it comes, and MillraceError or UnknownSchema for what does not */
  async #askOnce(url: string, path: string, body: string | undefined): Promise<Answer> {
    const response = await fetch(`${url}${path}`, {
      ...(body !== undefined && { method: "POST", body }),
      headers: { accept: CONTENT_TYPE, "content-type": CONTENT_TYPE, ...this.#authorization() },
      redirect: "error",
      signal: AbortSignal.timeout(REGISTRY_ANSWER_MS),
    });
    const text = await bounded(response);
    if (response.ok) return parsed(text, url, path);
    const said = `the schema registry ${url} answered ${response.status} to ${path}: ${text.slice(0, 300)}`;
    if (response.status === TOO_MANY_REQUESTS || response.status >= 500) throw new Error(said);
    if (response.status === NOT_FOUND) throw new UnknownSchema(said);
    throw failure(said);
  }

  #authorization(): { readonly authorization?: string } {
    const { auth } = this.#options;
    if (auth === undefined) return {};
    if ("token" in auth) return { authorization: `Bearer ${readSecret(auth.token, "auth.token")}` };
    const pair = `${readSecret(auth.username, "auth.username")}:${readSecret(auth.password, "auth.password")}`;
    return { authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
  }
}

/** One promise for all who ask; what failed is asked again. */
function remembered<K, V>(known: Map<K, Promise<V>>, key: K, ask: () => Promise<V>): Promise<V> {
  let answer = known.get(key);
  if (answer === undefined) {
    answer = ask();
    known.set(key, answer);
    answer.catch(() => known.delete(key));
  }
  return answer;
}

async function bounded(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.length;
    if (size > REGISTRY_ANSWER_BYTES_MAX) throw failure(`an answer of more than ${REGISTRY_ANSWER_BYTES_MAX} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

function parsed(text: string, url: string, path: string): Answer {
  try {
    const answer: unknown = JSON.parse(text);
    if (typeof answer === "object" && answer !== null) return answer; // each field is looked at before it is used
  } catch {} // said below
  throw failure(`${url}${path} is no schema registry: it answered ${text.slice(0, 100)}`);
}

function kindOf({ schemaType = "AVRO" }: Answer, id: number): SchemaKind {
  if (schemaType === "AVRO" || schemaType === "PROTOBUF" || schemaType === "JSON") return schemaType;
  throw failure(`schema ${id} is of the kind ${String(schemaType)}, which is not known here`);
}

function textOf({ schema }: Answer): string {
  if (typeof schema === "string") return schema;
  throw failure("the registry answered without a schema");
}

function checkedUrl(url: string): string {
  if (URL.canParse(url) && /^https?:/.test(url)) return url.replace(/\/+$/, "");
  throw new MillraceError(
    "BAD_OPTION",
    `url of a schema registry expects http:// or https://, got ${JSON.stringify(url)}`,
  );
}

function messageOf(cause: unknown): string {
  const { message, cause: deeper } = cause as Error;
  return deeper instanceof Error ? `${message}: ${deeper.message}` : message;
}

function failure(message: string, cause?: unknown): MillraceError {
  return new MillraceError("SCHEMA_REGISTRY", message, cause === undefined ? {} : { cause });
}
