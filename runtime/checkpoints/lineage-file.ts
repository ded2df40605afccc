/**
 * What a folder of checkpoints of embedded runs says of them beside its manifests, so that nothing is written into another
 * job's folder, and nothing older is restored than what sinks have published:
 *
 *   <folder>/lineage.json   { format: 1, lineage, completed, committed }, replaced whole, synced
 */

import { open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { MillraceError } from "../../core/errors.ts";
import { storeFailed } from "../state/checkpoint-store.ts";
import type { KnownCheckpoints } from "./choose-checkpoint.ts";
import { jobOf, newLineage } from "./lineage.ts";

interface LineageDocument extends KnownCheckpoints {
  readonly format: 1;
  readonly lineage: string;
}

export class LineageFile {
  readonly lineage: string;
  readonly #path: string;
  #known: KnownCheckpoints;

  private constructor(path: string, { lineage, completed, committed }: Omit<LineageDocument, "format">) {
    this.#path = path;
    this.lineage = lineage;
    this.#known = { completed, committed };
  }

  /** REQUIRES: the folder is there. @throws CHECKPOINT_FOREIGN when it is another job's, STATE_CORRUPT, CHECKPOINT_STORE */
  static async open(folder: string, jobName: string, newId: () => string): Promise<LineageFile> {
    const path = join(folder, "lineage.json");
    const found = await read(path);
    if (found === undefined) {
      const file = new LineageFile(path, { lineage: newLineage(jobName, newId()), completed: 0, committed: 0 });
      await file.save(file.known);
      return file;
    }
    if (jobOf(found.lineage) === jobName) return new LineageFile(path, found);
    const message = `${folder} holds checkpoints of job "${jobOf(found.lineage)}"; give job "${jobName}" a folder of its own`;
    throw new MillraceError("CHECKPOINT_FOREIGN", message);
  }

  get known(): KnownCheckpoints {
    return this.#known;
  }

  /** Resolves when it survives a loss of power. @throws CHECKPOINT_STORE */
  async save(known: KnownCheckpoints): Promise<void> {
    const document: LineageDocument = { format: 1, lineage: this.lineage, ...known };
    const next = `${this.#path}.next`;
    try {
      await using file = await open(next, "w", 0o600);
      await file.writeFile(JSON.stringify(document));
      await file.sync();
      await rename(next, this.#path);
    } catch (cause) {
      throw storeFailed("note which checkpoint is complete", this.#path, cause);
    }
    this.#known = known;
  }
}

async function read(path: string): Promise<LineageDocument | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw storeFailed("read which checkpoint was complete", path, cause);
  }
  try {
    const document = JSON.parse(text) as LineageDocument; // its format is looked at next
    if (document.format === 1) return document;
    throw new Error(`it has format ${String(document.format)}`);
  } catch (cause) {
    throw new MillraceError("STATE_CORRUPT", `${path} is not readable: ${(cause as Error).message}`, { cause });
  }
}
