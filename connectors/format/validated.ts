/** A format whose values a schema of a validating library has looked at: zod, Valibot, ArkType and others. */

import type { Decoder, Format } from "./format.ts";

/** What is used of Standard Schema, version 1. */
export interface Validator<T> {
  readonly "~standard": {
    readonly version: 1;
    readonly types?: { readonly input: unknown; readonly output: T } | undefined;
    readonly validate: (value: unknown) => Validation<T> | Promise<Validation<T>>;
  };
}

type Validation<T> = { readonly value: T; readonly issues?: undefined } | { readonly issues: readonly Issue[] };

interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

const ISSUES_NAMED = 3;

/**
 * What the format reads, as the schema gives it out. What the schema refuses is a bad record, with its first faults as the
 * cause. What is written is not looked at: its type is known. The schema must not be an asynchronous one.
 */
export function validated<T>(format: Format<unknown>, schema: Validator<T>): Format<T> {
  return Object.freeze<Format<T>>({
    name: format.name,
    decoder: () => new ValidatingDecoder(format.decoder(), schema),
    encoder: () => format.encoder(),
  });
}

class ValidatingDecoder<T> implements Decoder<T> {
  readonly prepare?: (bytes: Buffer, start: number, end: number) => Promise<void> | undefined;
  readonly #decoder: Decoder<unknown>;
  readonly #schema: Validator<T>;

  constructor(decoder: Decoder<unknown>, schema: Validator<T>) {
    this.#decoder = decoder;
    this.#schema = schema;
    if (decoder.prepare !== undefined) this.prepare = (bytes, start, end) => decoder.prepare?.(bytes, start, end);
  }

  decode(bytes: Buffer, start: number, end: number): T | undefined {
    const value = this.#decoder.decode(bytes, start, end);
    if (value === undefined) return undefined;
    const result = this.#schema["~standard"].validate(value);
    if (result instanceof Promise) throw new Error("its schema is an asynchronous one, which no source can wait for");
    if (result.issues === undefined) return result.value;
    throw new Error(result.issues.slice(0, ISSUES_NAMED).map(described).join("; "));
  }
}

function described({ message, path = [] }: Issue): string {
  const names = path.map((part) => String(typeof part === "object" ? part.key : part));
  return names.length === 0 ? message : `${names.join(".")}: ${message}`;
}
