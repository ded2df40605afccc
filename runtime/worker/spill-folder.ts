/**
 * Where a process's slots put state that exceeds their memory: scratch, which goes with its slot, and at the latest when
 * another process comes to the same folder.
 *
 *   <root>/<process>/owner.json      whose it is (`folder-owner.ts`)
 *   <root>/<process>/<region>/<slot>/   one slot's database
 */

import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { MillraceError } from "../../core/errors.ts";
import { noteOwner, ownerIsGone } from "./folder-owner.ts";

export class SpillFolder {
  readonly #root: string;
  readonly #name: string;
  #made: Promise<string> | undefined;

  /** @param name the process's own among those that share the root: letters, digits and dashes. */
  constructor(root: string, name: string) {
    this.#root = root;
    this.#name = name;
  }

  /** A region's folder, which its slots make. @throws STATE_SPILL */
  async of(region: string): Promise<string> {
    this.#made ??= this.#make();
    this.#made.catch(() => {
      this.#made = undefined;
    });
    return join(await this.#made, region.replaceAll("/", "-"));
  }

  /** REQUIRES: its slots have ended, in whatever way. */
  async remove(region: string): Promise<void> {
    if (this.#made === undefined) return;
    await rm(await this.of(region), { recursive: true, force: true });
  }

  async close(): Promise<void> {
    if (this.#made !== undefined) await rm(join(this.#root, this.#name), { recursive: true, force: true });
  }

  async #make(): Promise<string> {
    const folder = join(this.#root, this.#name);
    // It is there with its owner or not at all, so that nobody takes it for one that was left.
    const fresh = join(this.#root, `.${this.#name}`);
    try {
      await mkdir(fresh, { recursive: true, mode: 0o700 });
      await noteOwner(fresh, this.#name);
      await rename(fresh, folder);
      await this.#removeLeft();
      return folder;
    } catch (cause) {
      throw new MillraceError(
        "STATE_SPILL",
        `the folder ${folder} for state beyond its memory budget cannot be made: ${(cause as Error).message}`,
        { cause },
      );
    }
  }

  /** What processes that are gone have left. */
  async #removeLeft(): Promise<void> {
    for (const name of await readdir(this.#root)) {
      const folder = join(this.#root, name);
      if (name !== this.#name && (await ownerIsGone(folder))) await rm(folder, { recursive: true, force: true });
    }
  }
}
