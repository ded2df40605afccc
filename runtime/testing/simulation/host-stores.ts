/**
 * The stores of simulated workers: what `worker/stores/store-folders.ts` does with databases, with folders of a host's own
 * disk. Who has one is known by its process, and a lock ends with it, as LevelDB's does.
 *
 *   /hosts/<host>/<store>/<job>/<region>/    one region's checkpoints, as in any folder
 */

import type { StoreId, WorkerId } from "../../cluster-ids.ts";
import type { CheckpointReads, CheckpointStore } from "../../state/checkpoint-store.ts";
import { openDirectoryStore } from "../../state/directory-store.ts";
import { type Files, makeFolder, unlessAbsent } from "../../state/files.ts";
import type { OpenStore, StoreDatabase, WorkerFolders } from "../../worker/stores/store-folders.ts";
import type { Disk } from "./disk.ts";
import { filesOf } from "./disk-files.ts";
import type { Host, SimulatedProcess } from "./process.ts";
import { quietFiles } from "./quiet-files.ts";

const ROOT = "/hosts";
/** As a worker waits before it takes over what nobody has. */
const ADOPT_AFTER_MS = 10_000;

export function folderOfHost({ name }: Host): string {
  return `${ROOT}/${name}`;
}

/** Of all hosts: who has which one. */
export class HostStores {
  readonly #disk: Disk;
  readonly #owners = new Map<StoreId, SimulatedProcess>();
  #made = 0;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** As a worker's process has them. `fence` ends a process that was fenced and still lives. */
  of(process: SimulatedProcess, changed: () => void, fence: (worker: WorkerId) => boolean): WorkerFolders {
    return new ProcessStores(process, filesOf(process, this.#disk), this, changed, fence);
  }

  take(id: StoreId, process: SimulatedProcess): boolean {
    const owner = this.#owners.get(id);
    if (owner?.alive === true && owner !== process) return false;
    this.#owners.set(id, process);
    return true;
  }

  release(id: StoreId): void {
    this.#owners.delete(id);
  }

  newId(): StoreId {
    return `store-${++this.#made}` as StoreId;
  }

  /** What all hosts hold of a place, as nobody's process sees it. */
  async left(place: string, manifests: CheckpointStore): Promise<CheckpointStore> {
    const files = quietFiles(this.#disk);
    const hosts = this.#disk.find(ROOT) === undefined ? [] : [...this.#disk.folder(ROOT).names.keys()];
    const folders = hosts.flatMap((host) =>
      [...this.#disk.folder(`${ROOT}/${host}`).names.keys()].map((store) => `${ROOT}/${host}/${store}/${place}`),
    );
    const stores = await Promise.all(
      folders
        .filter((folder) => this.#disk.find(folder) !== undefined)
        .map((folder) => openDirectoryStore(folder, files)),
    );
    return Object.assign(Object.create(manifests) as CheckpointStore, {
      manifests: () => manifests.manifests(),
      readManifest: (name: Parameters<CheckpointReads["readManifest"]>[0]) => manifests.readManifest(name),
      readBlocks: (places: Parameters<CheckpointReads["readBlocks"]>[0]) => firstOf(stores, places),
    });
  }
}

async function* firstOf(
  stores: readonly CheckpointReads[],
  places: Parameters<CheckpointReads["readBlocks"]>[0],
): AsyncGenerator<Uint8Array | undefined> {
  for (const place of places) {
    let found: Uint8Array | undefined;
    for (const store of stores) for await (const block of store.readBlocks([place])) found ??= block;
    yield found;
  }
}

class ProcessStores implements WorkerFolders {
  readonly #process: SimulatedProcess;
  readonly #files: Files;
  readonly #hosts: HostStores;
  readonly #changed: () => void;
  readonly #fence: (worker: WorkerId) => boolean;
  readonly #folder: string;
  readonly #open = new Map<StoreId, OpenStore>();
  #own: Promise<OpenStore> | undefined;

  constructor(
    process: SimulatedProcess,
    files: Files,
    hosts: HostStores,
    changed: () => void,
    fence: (worker: WorkerId) => boolean,
  ) {
    this.#process = process;
    this.#files = files;
    this.#hosts = hosts;
    this.#changed = changed;
    this.#fence = fence;
    this.#folder = folderOfHost(process.host);
  }

  get all(): readonly OpenStore[] {
    return [...this.#open.values()];
  }

  own(): Promise<OpenStore> {
    this.#own ??= this.#takeOwn();
    this.#own.catch(() => {
      this.#own = undefined;
    });
    return this.#own;
  }

  async adopt(id: StoreId, fenced?: WorkerId): Promise<boolean> {
    if (!(await this.#ids()).includes(id)) return false;
    if (fenced !== undefined) this.#fence(fenced);
    return this.#take(id) !== undefined;
  }

  async deleteEmpty(): Promise<void> {
    const own = await this.#own;
    for (const { id, database } of this.all) {
      if (id === own?.id || (await database.places()).length > 0) continue;
      this.#open.delete(id);
      await this.#files.rm(`${this.#folder}/${id}`, { recursive: true, force: true });
      this.#hosts.release(id);
      this.#changed();
    }
  }

  async close(): Promise<void> {
    for (const id of this.#open.keys()) this.#hosts.release(id);
    this.#open.clear();
  }

  async #takeOwn(): Promise<OpenStore> {
    await makeFolder(this.#files, this.#folder);
    this.#process.callAfter(ADOPT_AFTER_MS, () => void this.#adoptOthers().catch(() => {}));
    for (const id of await this.#ids()) {
      const store = this.#open.get(id) ?? this.#take(id);
      if (store !== undefined) return store;
    }
    const id = this.#hosts.newId();
    await makeFolder(this.#files, `${this.#folder}/${id}`);
    return this.#take(id) as OpenStore; // nobody else knows of it
  }

  async #adoptOthers(): Promise<void> {
    for (const id of await this.#ids()) if (!this.#open.has(id)) this.#take(id);
    await this.deleteEmpty();
  }

  #take(id: StoreId): OpenStore | undefined {
    const known = this.#open.get(id);
    if (known !== undefined || !this.#hosts.take(id, this.#process)) return known;
    const store = { id, database: new FolderDatabase(`${this.#folder}/${id}`, this.#files) };
    this.#open.set(id, store);
    this.#changed();
    return store;
  }

  async #ids(): Promise<readonly StoreId[]> {
    return ((await unlessAbsent(this.#files.readdir(this.#folder))) ?? []).toSorted() as StoreId[];
  }
}

class FolderDatabase implements StoreDatabase {
  readonly #folder: string;
  readonly #files: Files;
  readonly #places = new Map<string, Promise<CheckpointStore>>();

  constructor(folder: string, files: Files) {
    this.#folder = folder;
    this.#files = files;
  }

  store(place: string): CheckpointStore {
    const opened = this.#places.get(place) ?? openDirectoryStore(`${this.#folder}/${place}`, this.#files);
    this.#places.set(place, opened);
    // Whoever uses it gets the failure, and the next one tries again.
    opened.catch(() => this.#places.delete(place));
    return {
      writeBlocks: async (batch) => (await opened).writeBlocks(batch),
      writeManifest: async (name, manifest) => (await opened).writeManifest(name, manifest),
      readManifest: async (name) => (await opened).readManifest(name),
      manifests: async () => (await opened).manifests(),
      async *readBlocks(places) {
        yield* (await opened).readBlocks(places);
      },
      checkpointsWithBlocks: async () => (await opened).checkpointsWithBlocks(),
      deleteManifest: async (name) => (await opened).deleteManifest(name),
      deleteBlocks: async (name) => (await opened).deleteBlocks(name),
      close: async () => {},
    };
  }

  async places(): Promise<readonly string[]> {
    const jobs = (await unlessAbsent(this.#files.readdir(this.#folder))) ?? [];
    const places = jobs.map(async (job) =>
      ((await unlessAbsent(this.#files.readdir(`${this.#folder}/${job}`))) ?? []).map((region) => `${job}/${region}`),
    );
    return (await Promise.all(places)).flat();
  }

  async remove(place: string): Promise<void> {
    this.#places.clear();
    await this.#files.rm(`${this.#folder}/${place}`, { recursive: true, force: true });
  }

  async close(): Promise<void> {}
}
