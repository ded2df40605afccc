/**
 * What a store of checkpoints of embedded runs says of them beside its manifests, so that nothing is written into another
 * job's store, and nothing older is restored than what sinks have published:
 *
 *   note lineage.json   { format: 1, lineage, completed, committed }, replaced whole, synced
 */

import { MillraceError } from "../../core/errors.ts";
import type { CheckpointNotes } from "../state/checkpoint-store.ts";
import type { KnownCheckpoints } from "./choose-checkpoint.ts";
import { jobOf, newLineage } from "./lineage.ts";

const NAME = "lineage.json";

interface LineageDocument extends KnownCheckpoints {
  readonly format: 1;
  readonly lineage: string;
}

export class LineageFile {
  readonly lineage: string;
  readonly #notes: CheckpointNotes;
  #known: KnownCheckpoints;

  private constructor(notes: CheckpointNotes, { lineage, completed, committed }: Omit<LineageDocument, "format">) {
    this.#notes = notes;
    this.lineage = lineage;
    this.#known = { completed, committed };
  }

  /**
   * @param where names the store in errors.
   * @throws CHECKPOINT_FOREIGN when it is another job's, STATE_CORRUPT, CHECKPOINT_STORE
   */
  static async open(notes: CheckpointNotes, where: string, jobName: string, newId: () => string): Promise<LineageFile> {
    const found = await read(notes, where);
    if (found === undefined) {
      const file = new LineageFile(notes, { lineage: newLineage(jobName, newId()), completed: 0, committed: 0 });
      await file.save(file.known);
      return file;
    }
    if (jobOf(found.lineage) === jobName) return new LineageFile(notes, found);
    const message = `${where} holds checkpoints of job "${jobOf(found.lineage)}"; give job "${jobName}" a place of its own`;
    throw new MillraceError("CHECKPOINT_FOREIGN", message);
  }

  get known(): KnownCheckpoints {
    return this.#known;
  }

  /** Resolves when it survives a loss of power. @throws CHECKPOINT_STORE */
  async save(known: KnownCheckpoints): Promise<void> {
    const document: LineageDocument = { format: 1, lineage: this.lineage, ...known };
    await this.#notes.writeNote(NAME, Buffer.from(JSON.stringify(document)));
    this.#known = known;
  }
}

async function read(notes: CheckpointNotes, where: string): Promise<LineageDocument | undefined> {
  const note = await notes.readNote(NAME);
  if (note === undefined) return undefined;
  try {
    const document = JSON.parse(Buffer.from(note).toString("utf8")) as LineageDocument; // its format is looked at next
    if (document.format === 1) return document;
    throw new Error(`it has format ${String(document.format)}`);
  } catch (cause) {
    const what = `${NAME} in ${where}, which says whose checkpoints these are, is not readable: ${(cause as Error).message}`;
    throw new MillraceError("STATE_CORRUPT", `${what}. Restore it from a backup, or begin anew in an empty folder`, {
      cause,
    });
  }
}
