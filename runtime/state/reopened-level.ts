/**
 * A LevelDB behind which nothing is lost when a write fails.
 *
 * The law: a write that failed, as on a full disk, may have left a part of itself at the end of LevelDB's log, and what is
 * written behind that is lost at the next start, synced or not. So nothing is: the database is opened anew first.
 *
 *   open ──a write fails──► suspect ──next use: closed, opened──► open
 *                              ▲                      │ cannot be opened
 *                              └──────────────────────┘
 */

import type { Level } from "level";

export class ReopenedLevel<Value> {
  readonly #db: Level<string, Value>;
  #suspect = false;
  #reopening: Promise<void> | undefined;

  /** REQUIRES that it is open. */
  constructor(db: Level<string, Value>) {
    this.#db = db;
  }

  async read<T>(act: (db: Level<string, Value>) => Promise<T>): Promise<T> {
    if (this.#suspect) await this.#reopened();
    return await act(this.#db);
  }

  write<T>(act: (db: Level<string, Value>) => Promise<T>): Promise<T> {
    return this.read(async (db) => {
      try {
        return await act(db);
      } catch (cause) {
        this.#suspect = true;
        throw cause;
      }
    });
  }

  close(): Promise<void> {
    return this.#db.close();
  }

  /** Once, whoever waits for it. */
  #reopened(): Promise<void> {
    this.#reopening ??= this.#reopen().finally(() => {
      this.#reopening = undefined;
    });
    return this.#reopening;
  }

  async #reopen(): Promise<void> {
    if (this.#db.status === "open") await this.#db.close();
    await this.#db.open();
    this.#suspect = false;
  }
}
