/**
 * JSON documents by name, in LevelDB. A write is on the disk when its promise resolves.
 *
 * A document is stored as the CRC-32 of its text in 8 hexadecimal digits, a blank, and the text: JSON in which a number
 * that JSON lacks is { "$number": "Infinity" }. LevelDB can lose data without a word when its log is damaged, so a
 * document that is there is known to be whole, and who needs to know that none is missing keeps a list of names.
 *
 * One process has a folder open at a time.
 */

import { crc32 } from "node:zlib";
import type { Level } from "level";
import { MillraceError } from "../../core/errors.ts";
import { ReopenedLevel } from "./reopened-level.ts";

export type DocumentChange =
  | { readonly kind: "put"; readonly name: string; readonly value: unknown }
  | { readonly kind: "delete"; readonly name: string };

export class DocumentStore {
  readonly #level: ReopenedLevel<string>;
  readonly #folder: string;

  private constructor(level: Level<string, string>, folder: string) {
    this.#level = new ReopenedLevel(level);
    this.#folder = folder;
  }

  /** @throws STORE_LOCKED when another process has it open, STORE_FAILED when it cannot be opened. */
  static async open(folder: string): Promise<DocumentStore> {
    // Loaded by those only who store something.
    const { Level } = await import("level");
    const level = new Level<string, string>(folder, { keyEncoding: "utf8", valueEncoding: "utf8" });
    try {
      await level.open();
    } catch (cause) {
      throw openFailure(folder, cause);
    }
    return new DocumentStore(level, folder);
  }

  /** @throws STATE_CORRUPT */
  async get(name: string): Promise<unknown> {
    const text = await this.#level.read((db) => db.get(name));
    return text === undefined ? undefined : this.#decode(name, text);
  }

  /** Documents whose names begin so, in the order of their names. @throws STATE_CORRUPT */
  async all(prefix: string): Promise<readonly (readonly [string, unknown])[]> {
    const found = await this.#level.read((db) => db.iterator({ gte: prefix, lt: `${prefix}\uffff` }).all());
    return found.map(([name, text]) => [name, this.#decode(name, text)]);
  }

  /** All of them or none. Resolves when they are on the disk. */
  async change(changes: readonly DocumentChange[]): Promise<void> {
    const batch = changes.map((change) =>
      change.kind === "put"
        ? ({ type: "put", key: change.name, value: encode(change.value) } as const)
        : ({ type: "del", key: change.name } as const),
    );
    await this.#level.write((db) => db.batch(batch, { sync: true }));
  }

  async close(): Promise<void> {
    await this.#level.close();
  }

  #decode(name: string, stored: string): unknown {
    const text = stored.slice(9);
    if (checksum(text) === stored.slice(0, 8)) return documentValue(text);
    throw new MillraceError("STATE_CORRUPT", `document "${name}" in ${this.#folder} is damaged: its checksum differs`);
  }
}

function encode(value: unknown): string {
  const text = documentText(value);
  return `${checksum(text)} ${text}`;
}

export function documentText(value: unknown): string {
  return JSON.stringify(value, replace);
}

export function documentValue(text: string): unknown {
  return JSON.parse(text, revive);
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, "0");
}

function replace(_: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isFinite(value) ? { $number: String(value) } : value;
}

function revive(_: string, value: unknown): unknown {
  const number = (value as { readonly $number?: string } | null)?.$number;
  return typeof number === "string" ? Number(number) : value;
}

function openFailure(folder: string, cause: unknown): MillraceError {
  const reason = (cause as { readonly cause?: { readonly code?: string; readonly message?: string } }).cause;
  if (reason?.code === "LEVEL_LOCKED") {
    return new MillraceError(
      "STORE_LOCKED",
      `${folder} is open in another coordinator; stop it, or use another folder`,
      {
        cause,
      },
    );
  }
  return new MillraceError("STORE_FAILED", `${folder} cannot be opened: ${reason?.message ?? String(cause)}`, {
    cause,
  });
}
