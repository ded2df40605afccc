/**
 * The stores of a worker process: LevelDBs in its data folder, which workers of one machine may share.
 *
 *   <data>/stores/<cluster>/<store>/db/          blocks and manifests (`state/level-store.ts`)
 *   <data>/stores/<cluster>/<store>/owner.json   whose it is (`folder-owner.ts`)
 *   <data>/stores/<cluster>/<store>.gone/        what is being deleted
 *
 *   free ──own, adopt──► open ──process ends──► free
 *                          └──adopted, and nothing is left in it──► deleted
 *
 * A worker writes into one, the first that is free when it needs it: so it goes on with what a worker of the same folder
 * has left. Others it takes over when it is asked to, or later when nobody else has.
 *
 * The law: LevelDB's lock says who has a store, and it ends with its process, however that ends. A process that stands
 * still keeps it: where the coordinator has fenced its worker, it is killed before its store is taken. A store loses its
 * name before its lock: whoever opened it while its files are deleted would lose what it writes.
 */

import { randomUUID } from "node:crypto";
import { access, mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { STORE_ADOPT_AFTER_MS } from "../../../core/limits.ts";
import type { LogLevel } from "../../../core/telemetry.ts";
import type { ClusterId, StoreId, WorkerId } from "../../cluster-ids.ts";
import { faultPoint } from "../../fault-point.ts";
import type { LevelDatabase } from "../../state/level-store.ts";
import { livingOwner, noteOwner } from "../folder-owner.ts";

/** What is in a store, by the places of regions. */
export type StoreDatabase = Pick<LevelDatabase, "store" | "places" | "remove" | "close">;

export interface OpenStore {
  readonly id: StoreId;
  readonly database: StoreDatabase;
}

/** The stores of a worker, wherever they are. */
export type WorkerFolders = Pick<StoreFolders, "all" | "own" | "adopt" | "deleteEmpty" | "close">;

export interface StoreFoldersOptions {
  /** `<data>/stores` */
  readonly folder: string;
  readonly cluster: ClusterId;
  readonly worker: WorkerId;
  readonly callAfter: (ms: number, callback: () => void) => () => void;
  /** Other stores are open now. */
  readonly changed: () => void;
  readonly log: (level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>) => void;
}

/** A killed process's lock is free within moments. */
const KILLED_TRIES = 100;
const KILLED_PAUSE_MS = 20;

/** Behind the name of a store that is being deleted: no store is called so. */
const GONE = ".gone";

export class StoreFolders {
  readonly #options: StoreFoldersOptions;
  readonly #folder: string;
  readonly #open = new Map<StoreId, OpenStore>();
  readonly #opening = new Map<StoreId, Promise<OpenStore | undefined>>();
  #own: Promise<OpenStore> | undefined;
  #cancelAdoption: () => void = () => {};
  #closed = false;

  constructor(options: StoreFoldersOptions) {
    this.#options = options;
    this.#folder = join(options.folder, options.cluster);
  }

  /** Those that are open: the one that is written to first, if it is. */
  get all(): readonly OpenStore[] {
    return [...this.#open.values()];
  }

  /** The one that is written to. @throws CHECKPOINT_STORE */
  own(): Promise<OpenStore> {
    this.#own ??= this.#takeOwn();
    // Whoever needs it gets the failure; the next one tries again.
    this.#own.catch(() => {
      this.#own = undefined;
    });
    return this.#own;
  }

  /** Whether it is open here now. `fenced`: the worker that had it does not count any more, whether it lives or not. */
  async adopt(id: StoreId, fenced?: WorkerId): Promise<boolean> {
    if (!isStoreId(id)) return false;
    const found = this.#open.get(id) ?? (await this.#take(id));
    if (found !== undefined) return true;
    if (fenced === undefined || !(await this.#killOwner(id, fenced))) return false;
    for (let tries = 0; tries < KILLED_TRIES; tries++) {
      if ((await this.#take(id)) !== undefined) return true;
      await sleep(KILLED_PAUSE_MS);
    }
    return false;
  }

  /** Deletes those that were taken over and hold nothing any more. */
  async deleteEmpty(): Promise<void> {
    const own = await this.#own;
    for (const store of this.all) {
      if (store.id === own?.id || (await store.database.places()).length > 0) continue;
      this.#open.delete(store.id);
      const gone = join(this.#folder, `${store.id}${GONE}`);
      await rename(join(this.#folder, store.id), gone);
      await store.database.close();
      await rm(gone, { recursive: true, force: true });
      this.#options.log("info", "a store that was taken over is empty and was deleted", { store: store.id });
      this.#options.changed();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelAdoption();
    await Promise.allSettled([this.#own, ...this.#opening.values()]);
    await Promise.allSettled(this.all.map(({ database }) => database.close()));
    this.#open.clear();
  }

  async #takeOwn(): Promise<OpenStore> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    for (const id of await this.#ids()) {
      const store = this.#open.get(id) ?? (await this.#take(id));
      if (store === undefined) continue;
      this.#adoptOthersLater();
      return store;
    }
    const id = randomUUID() as StoreId;
    const { LevelDatabase } = await import("../../state/level-store.ts");
    await mkdir(join(this.#folder, id), { mode: 0o700 });
    const store = await this.#opened(id, await LevelDatabase.open(join(this.#folder, id, "db")));
    this.#adoptOthersLater();
    return store;
  }

  /** Undefined: it is not there, or another process has it, or it is not readable. */
  #take(id: StoreId): Promise<OpenStore | undefined> {
    const opening = this.#opening.get(id) ?? this.#tryOpen(id).finally(() => this.#opening.delete(id));
    this.#opening.set(id, opening);
    return opening;
  }

  async #tryOpen(id: StoreId): Promise<OpenStore | undefined> {
    const { log } = this.#options;
    const location = join(this.#folder, id, "db");
    if (!(await isThere(location))) return undefined;
    const { LevelDatabase, isLocked } = await import("../../state/level-store.ts");
    try {
      return await this.#opened(id, await LevelDatabase.openExisting(location));
    } catch (cause) {
      const expected = isLocked(cause) || !(await isThere(location));
      if (!expected) log("warn", `a store cannot be opened: ${(cause as Error).message}`, { store: id });
      return undefined;
    }
  }

  async #opened(id: StoreId, database: LevelDatabase): Promise<OpenStore> {
    const { worker, log, changed } = this.#options;
    faultPoint("worker.store-locked");
    await noteOwner(join(this.#folder, id), worker);
    const store: OpenStore = { id, database };
    this.#open.set(id, store);
    log("info", "a store of checkpoints is open", { store: id });
    changed();
    faultPoint("worker.store-opened");
    return store;
  }

  async #killOwner(id: StoreId, fenced: WorkerId): Promise<boolean> {
    const owner = await livingOwner(join(this.#folder, id));
    if (owner === undefined || owner.worker !== fenced || owner.pid === process.pid) return false;
    const { pid } = owner;
    this.#options.log("warn", "a worker that was fenced is killed, as it keeps its store", { worker: fenced, pid });
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended meanwhile, or is another user's: then its lock says so.
    }
    return true;
  }

  #adoptOthersLater(): void {
    this.#cancelAdoption = this.#options.callAfter(STORE_ADOPT_AFTER_MS, () => {
      this.#adoptOthers().catch((cause: Error) =>
        this.#options.log("warn", `stores could not be taken over: ${cause.message}`, {}),
      );
    });
  }

  async #adoptOthers(): Promise<void> {
    for (const id of await this.#ids()) if (!this.#closed && !this.#open.has(id)) await this.#take(id);
    await this.deleteEmpty();
    await this.#deleteGone();
  }

  /** What processes were deleting when they died. */
  async #deleteGone(): Promise<void> {
    for (const name of await readdir(this.#folder))
      if (name.endsWith(GONE)) await rm(join(this.#folder, name), { recursive: true, force: true });
  }

  async #ids(): Promise<readonly StoreId[]> {
    return (await readdir(this.#folder)).filter(isStoreId).sort();
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}

function isStoreId(name: string): name is StoreId {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(name);
}
