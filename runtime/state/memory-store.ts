/**
 * Checkpoints in memory, on a disk that can be made to fail: for simulations and tests. What is written is visible at
 * once; what is synced, which is everything unless a fault says otherwise, survives `crash`.
 *
 * Faults hit the next write: "full" keeps a part of it and refuses, "torn" keeps a part, cut in the middle of a block,
 * and never answers but by the crash, "unsynced" answers and loses it at the next crash.
 */

import {
  type BlockBatch,
  type BlockPlace,
  type CheckpointName,
  type CheckpointStore,
  checkBatch,
  storeFailed,
} from "./checkpoint-store.ts";

export type StoreFault = "full" | "torn" | "unsynced";

export class MemoryStore implements CheckpointStore {
  #synced = new Map<string, Uint8Array>();
  #visible = new Map<string, Uint8Array>();
  #fault: StoreFault | undefined;

  /** Another one with what is visible now. */
  copy(): MemoryStore {
    const copied = new MemoryStore();
    copied.#visible = new Map(this.#visible);
    copied.#synced = new Map(this.#visible);
    return copied;
  }

  /** The next write fails in that way. */
  failNext(fault: StoreFault): void {
    this.#fault = fault;
  }

  /** Power is lost: what was not synced is gone. */
  crash(): void {
    this.#visible = new Map(this.#synced);
    this.#fault = undefined;
  }

  /** Changes what the disk holds, as decay would. Bytes of a block or manifest; undefined removes it. */
  damage(change: (bytes: Uint8Array, key: string) => Uint8Array | undefined): void {
    for (const [key, value] of [...this.#synced]) {
      const changed = change(value, key);
      if (changed === undefined) this.#synced.delete(key);
      else this.#synced.set(key, changed);
    }
    this.crash();
  }

  async writeBlocks(batch: BlockBatch): Promise<void> {
    checkBatch(batch);
    const { checkpoint, worker, first, blocks } = batch;
    const entries = blocks.map((block, i) => {
      return [blockKey({ checkpoint, worker, number: first + i }), block.slice()] as const;
    });
    this.#write("write blocks", entries);
  }

  async writeManifest(name: CheckpointName, manifest: Uint8Array): Promise<void> {
    this.#write("write a manifest", [[manifestKey(name), manifest.slice()]]);
  }

  async readManifest(name: CheckpointName): Promise<Uint8Array | undefined> {
    return this.#visible.get(manifestKey(name))?.slice();
  }

  async manifests(): Promise<readonly CheckpointName[]> {
    return this.#names("m");
  }

  async *readBlocks(places: readonly BlockPlace[]): AsyncGenerator<Uint8Array | undefined> {
    for (const place of places) yield this.#visible.get(blockKey(place))?.slice();
  }

  async checkpointsWithBlocks(): Promise<readonly CheckpointName[]> {
    return this.#names("b");
  }

  async deleteManifest(name: CheckpointName): Promise<void> {
    this.#delete(manifestKey(name));
  }

  async deleteBlocks(name: CheckpointName): Promise<void> {
    for (const key of [...this.#visible.keys()]) if (key.startsWith(`b/${name}/`)) this.#delete(key);
  }

  async close(): Promise<void> {}

  #write(what: string, entries: readonly (readonly [string, Uint8Array])[]): void {
    const fault = this.#fault;
    this.#fault = undefined;
    const kept = fault === "full" || fault === "torn" ? entries.slice(0, entries.length >> 1) : entries;
    for (const [key, value] of kept) this.#put(key, value, fault !== "unsynced");
    if (fault === "full") throw storeFailed(what, "in memory", new Error("ENOSPC: no space left on device"));
    if (fault !== "torn") return;
    const cut = entries[kept.length];
    // A manifest is put in one piece: it is there or not.
    if (cut?.[0].startsWith("b/") === true) this.#put(cut[0], cut[1].subarray(0, cut[1].length >> 1), true);
    this.crash();
    throw storeFailed(what, "in memory", new Error("the power went off"));
  }

  #put(key: string, value: Uint8Array, synced: boolean): void {
    this.#visible.set(key, value);
    if (synced) this.#synced.set(key, value);
  }

  #delete(key: string): void {
    this.#visible.delete(key);
    this.#synced.delete(key);
  }

  #names(kind: string): CheckpointName[] {
    const own = [...this.#visible.keys()].filter((key) => key.startsWith(`${kind}/`));
    return [...new Set(own.map((key) => key.split("/")[1] as CheckpointName))].sort();
  }
}

function manifestKey(name: CheckpointName): string {
  return `m/${name}`;
}

function blockKey({ checkpoint, worker, number }: BlockPlace): string {
  return `b/${checkpoint}/${worker}/${String(number).padStart(9, "0")}`;
}
