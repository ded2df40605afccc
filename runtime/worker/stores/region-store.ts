/**
 * One region's checkpoints as a worker that runs a share of it has them: what it writes goes into its own store and to the
 * workers that keep copies; what it restores is read from its own stores first, then from others'.
 *
 * The law: a write is through when all that shall have it have synced it. A block that is missing or damaged in one store
 * is looked for in the next that has it.
 */

import type { StoreId } from "../../cluster-ids.ts";
import { decodeManifest } from "../../state/checkpoint-manifest.ts";
import {
  BLOCKS_READ_AHEAD,
  type BlockBatch,
  type BlockPlace,
  type CheckpointName,
  type CheckpointReads,
  type CheckpointWrites,
} from "../../state/checkpoint-store.ts";
import { readHeader } from "../../state/state-block.ts";
import type { CheckpointSources, StoreAddress } from "../../store-protocol.ts";
import type { StoreClients } from "./store-clients.ts";
import type { StoreFolders } from "./store-folders.ts";

export interface RegionStoreOptions {
  readonly place: string;
  readonly folders: Pick<StoreFolders, "own" | "all">;
  readonly clients: Pick<StoreClients, "ask">;
  readonly copyTo?: readonly StoreAddress[];
  readonly sources?: CheckpointSources | undefined;
}

export class RegionStore implements CheckpointReads, CheckpointWrites {
  readonly #options: RegionStoreOptions;
  readonly #holders = new Set<StoreId>();
  readonly #manifests: ReadonlyMap<CheckpointName, Uint8Array>;
  /** By checkpoint and writer: the stores that have its blocks. */
  readonly #held = new Map<string, readonly StoreId[]>();

  constructor(options: RegionStoreOptions) {
    this.#options = options;
    this.#manifests = new Map(options.sources?.manifests);
    for (const [name, manifest] of this.#manifests) {
      const { holders = {} } = decodeManifest(manifest, name);
      for (const [writer, stores] of Object.entries(holders))
        this.#held.set(`${name}/${writer}`, stores as readonly StoreId[]);
    }
  }

  get holders(): readonly string[] {
    return [...this.#holders];
  }

  async writeBlocks(batch: BlockBatch): Promise<void> {
    const { place, folders, clients, copyTo = [] } = this.#options;
    const copies = copyTo.map((address) => clients.ask(address, { kind: "writeBlocks", place, ...batch }));
    const own = folders.own().then(async ({ id, database }) => {
      await database.store(place).writeBlocks(batch);
      return id;
    });
    const written = await Promise.all([own, ...copies.map(async (copy) => (await copy).store)]);
    for (const store of written) this.#holders.add(store);
  }

  async readManifest(name: CheckpointName): Promise<Uint8Array | undefined> {
    return this.#manifests.get(name);
  }

  async *readBlocks(places: readonly BlockPlace[]): AsyncGenerator<Uint8Array | undefined> {
    const chunks: BlockPlace[][] = [];
    for (let at = 0; at < places.length; at += BLOCKS_READ_AHEAD) chunks.push(places.slice(at, at + BLOCKS_READ_AHEAD));
    let next = chunks[0] && this.#readChunk(chunks[0]);
    for (let i = 0; next !== undefined; i++) {
      const found: readonly (Uint8Array | undefined)[] = await next;
      const following = chunks[i + 1];
      // The next ones are read while these are used; a failure shows when it is their turn.
      next = following && this.#readChunk(following);
      next?.catch(() => {});
      yield* found;
    }
  }

  async #readChunk(places: readonly BlockPlace[]): Promise<readonly (Uint8Array | undefined)[]> {
    const { place, folders } = this.#options;
    const chunk = new Chunk(places);
    for (const { database } of folders.all)
      await chunk.take(chunk.missing, (wanted) => database.store(place).readBlocks(wanted));
    await this.#readElsewhere(chunk);
    return chunk.blocks;
  }

  async #readElsewhere(chunk: Chunk): Promise<void> {
    const tried = new Set(this.#options.folders.all.map(({ id }) => id));
    let failure: Error | undefined;
    while (chunk.missing.length > 0) {
      const holdersAt = (at: number) => this.#holdersOf(chunk.places[at] as BlockPlace);
      const store = chunk.missing.flatMap(holdersAt).find((id) => !tried.has(id));
      if (store === undefined) break;
      tried.add(store);
      const held = chunk.missing.filter((at) => holdersAt(at).includes(store));
      try {
        await chunk.take(held, (wanted) => this.#readFrom(store, wanted));
      } catch (error) {
        failure = error as Error;
      }
    }
    // What cannot be reached is not lost.
    if (failure !== undefined && chunk.missing.length > 0) throw failure;
  }

  async *#readFrom(store: StoreId, places: readonly BlockPlace[]): AsyncGenerator<Uint8Array | undefined> {
    const { place, clients, sources } = this.#options;
    const address = sources?.stores[store];
    if (address === undefined) return;
    for (let at = 0; at < places.length; ) {
      const { blocks } = await clients.ask(address, { kind: "readBlocks", place, store, places: places.slice(at) });
      at += blocks.length;
      // Each of its own: they are handed to slots one by one.
      for (const block of blocks) yield block?.slice();
    }
  }

  #holdersOf({ checkpoint, worker }: BlockPlace): readonly StoreId[] {
    return this.#held.get(`${checkpoint}/${worker}`) ?? [];
  }
}

/** Blocks that are read together, from one store after the other. */
class Chunk {
  readonly places: readonly BlockPlace[];
  readonly blocks: (Uint8Array | undefined)[];

  constructor(places: readonly BlockPlace[]) {
    this.places = places;
    this.blocks = new Array<Uint8Array | undefined>(places.length).fill(undefined);
  }

  /** Numbers of the places whose blocks have not been found. */
  get missing(): readonly number[] {
    return [...this.places.keys()].filter((at) => this.blocks[at] === undefined);
  }

  /** Takes what is whole of what a store has. */
  async take(
    numbers: readonly number[],
    read: (places: readonly BlockPlace[]) => AsyncIterable<Uint8Array | undefined>,
  ): Promise<void> {
    let next = 0;
    for await (const block of read(numbers.map((at) => this.places[at] as BlockPlace))) {
      const at = numbers[next++] as number;
      if (block !== undefined && isWhole(block)) this.blocks[at] = block;
    }
  }
}

function isWhole(block: Uint8Array): boolean {
  try {
    readHeader(block, "a block", "a store");
    return true;
  } catch {
    return false;
  }
}
