/**
 * The coordinator's documents on the simulated disk, with what LevelDB promises: a change is there wholly or not at all, and
 * survives a loss of power when its promise has resolved. A log of changes, one a line, each behind its checksum; a line
 * that was torn does not count.
 */

import { posix } from "node:path";
import { crc32 } from "node:zlib";
import type { Documents } from "../../coordinator/stored-jobs.ts";
import { type DocumentChange, documentText, documentValue } from "../../state/document-store.ts";
import { type Files, type OpenFile, syncFolder, unlessAbsent } from "../../state/files.ts";

type Line = readonly (readonly [name: string, text: string | null])[];

export async function openDocuments(files: Files, path: string): Promise<Documents> {
  await files.mkdir(posix.dirname(path), { recursive: true });
  const log = await unlessAbsent(files.readFile(path));
  const texts = new Map<string, string>();
  for (const line of Buffer.from(log ?? [])
    .toString("utf8")
    .split("\n"))
    apply(texts, lineIn(line));
  const handle = await files.open(path, "a");
  await syncUp(files, posix.dirname(path));
  return new LoggedDocuments(handle, texts);
}

/** The names of all folders above. */
async function syncUp(files: Files, folder: string): Promise<void> {
  await syncFolder(files, folder);
  if (folder !== "/") await syncUp(files, posix.dirname(folder));
}

class LoggedDocuments implements Documents {
  readonly #log: OpenFile;
  readonly #texts: Map<string, string>;
  /** One change after the other. */
  #last: Promise<void> = Promise.resolve();

  constructor(log: OpenFile, texts: Map<string, string>) {
    this.#log = log;
    this.#texts = texts;
  }

  async get(name: string): Promise<unknown> {
    const text = this.#texts.get(name);
    return text === undefined ? undefined : documentValue(text);
  }

  change(changes: readonly DocumentChange[]): Promise<void> {
    const line = changes.map((each) => [each.name, each.kind === "put" ? documentText(each.value) : null] as const);
    const written = this.#last.then(() => this.#write(line));
    this.#last = written.catch(() => {});
    return written;
  }

  async close(): Promise<void> {}

  async #write(line: Line): Promise<void> {
    const text = JSON.stringify(line);
    // What was torn before it ends with this line's beginning.
    await this.#log.writeFile(`\n${crc32(text)} ${text}\n`);
    await this.#log.sync();
    apply(this.#texts, line);
  }
}

function lineIn(stored: string): Line {
  const at = stored.indexOf(" ");
  const text = stored.slice(at + 1);
  return at > 0 && crc32(text) === Number(stored.slice(0, at)) ? (JSON.parse(text) as Line) : [];
}

function apply(texts: Map<string, string>, line: Line): void {
  for (const [name, text] of line) {
    if (text === null) texts.delete(name);
    else texts.set(name, text);
  }
}
