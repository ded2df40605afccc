/**
 * A disk that hosts share, with what fsync means: what a process has written is seen by all at once, and survives the
 * process; a loss of power of its host takes what was not synced, in part or wholly.
 *
 *   file     its bytes survive from `sync` of a handle on; of what was written behind it some first part may
 *   folder   its names survive from `sync` of a handle on it on: what was made, renamed and removed in it since may be
 *            undone from some point on, in the order in which it was done
 *
 * All of it is as strict as POSIX allows: a folder whose own name was not synced goes with all that it holds.
 */

import { posix } from "node:path";
import type { Host } from "./process.ts";
import type { World } from "./world.ts";

export interface FileNode {
  readonly kind: "file";
  bytes: Uint8Array;
  synced: Uint8Array;
  /** Who has written what is not synced. */
  writer: Host | undefined;
}

export interface FolderNode {
  readonly kind: "folder";
  names: Map<string, DiskNode>;
  synced: ReadonlyMap<string, DiskNode>;
  changes: readonly Change[];
}

type DiskNode = FileNode | FolderNode;

/** What was done to a folder's names since it was synced: names that go, and what others become. */
interface Change {
  readonly host: Host;
  readonly removed: readonly string[];
  readonly put: readonly (readonly [string, DiskNode])[];
}

const EMPTY = new Uint8Array(0);

export class Disk {
  readonly #world: World;
  readonly #root: FolderNode = newFolder();
  /** Until when nothing more fits on it. */
  fullUntilMs = 0;
  /** Until when it is very slow. */
  slowUntilMs = 0;

  constructor(world: World) {
    this.#world = world;
  }

  get isFull(): boolean {
    return this.#world.nowMs < this.fullUntilMs;
  }

  get isSlow(): boolean {
    return this.#world.nowMs < this.slowUntilMs;
  }

  find(path: string): DiskNode | undefined {
    let node: DiskNode | undefined = this.#root;
    for (const name of partsOf(path)) node = node?.kind === "folder" ? node.names.get(name) : undefined;
    return node;
  }

  /** @throws ENOENT */
  get(path: string): DiskNode {
    return this.find(path) ?? fail("ENOENT", path);
  }

  /** @throws ENOENT, ENOTDIR */
  folder(path: string): FolderNode {
    const node = this.get(path);
    return node.kind === "folder" ? node : fail("ENOTDIR", path);
  }

  /** With all folders above it. @returns the first that was made. @throws ENOSPC */
  makeFolder(path: string, host: Host): string | undefined {
    let first: string | undefined;
    let folder = this.#root;
    let at = "";
    for (const name of partsOf(path)) {
      at = `${at}/${name}`;
      let below = folder.names.get(name);
      if (below === undefined) {
        if (this.isFull) fail("ENOSPC", at);
        below = newFolder();
        change(folder, { host, removed: [], put: [[name, below]] });
        first ??= at;
      }
      folder = below.kind === "folder" ? below : fail("ENOTDIR", at);
    }
    return first;
  }

  /** @throws ENOENT, EEXIST, ENOSPC */
  openFile(path: string, flags: "r" | "w" | "wx" | "a", host: Host): DiskNode {
    const found = this.find(path);
    if (flags === "r") return found ?? fail("ENOENT", path);
    if (found !== undefined && flags === "wx") fail("EEXIST", path);
    if (found?.kind === "folder") fail("EISDIR", path);
    if (found !== undefined) {
      if (flags === "w") write(found, EMPTY, host);
      return found;
    }
    if (this.isFull) fail("ENOSPC", path);
    const file: FileNode = { kind: "file", bytes: EMPTY, synced: EMPTY, writer: undefined };
    change(this.folder(posix.dirname(path)), { host, removed: [], put: [[posix.basename(path), file]] });
    return file;
  }

  /** Adds to a file's end. On a full disk only a part is written. @throws ENOSPC */
  append(file: FileNode, bytes: Uint8Array, host: Host): void {
    const fits = this.isFull ? bytes.subarray(0, this.#world.whole(0, bytes.length >> 1)) : bytes;
    write(file, Buffer.concat([file.bytes, fits]), host);
    if (this.isFull) fail("ENOSPC", "a file");
  }

  /** @throws ENOENT */
  rename(from: string, to: string, host: Host): void {
    const node = this.get(from);
    const folder = this.folder(posix.dirname(to));
    const [name, before] = [posix.basename(to), posix.basename(from)];
    if (posix.dirname(from) === posix.dirname(to)) change(folder, { host, removed: [before], put: [[name, node]] });
    else {
      change(folder, { host, removed: [], put: [[name, node]] });
      change(this.folder(posix.dirname(from)), { host, removed: [before], put: [] });
    }
  }

  /** With all that is in it; nothing to remove is no failure. */
  remove(path: string, host: Host): void {
    const folder = this.find(posix.dirname(path));
    if (folder?.kind !== "folder" || !folder.names.has(posix.basename(path))) return;
    change(folder, { host, removed: [posix.basename(path)], put: [] });
  }

  sync(node: DiskNode): void {
    if (node.kind === "file") {
      node.synced = node.bytes;
      node.writer = undefined;
    } else {
      node.synced = new Map(node.names);
      node.changes = [];
    }
  }

  /** A host loses its power: what its processes have not synced is lost from some point on. */
  losePower(host: Host): void {
    this.#forget(this.#root, host, new Set());
  }

  #forget(node: DiskNode, host: Host, seen: Set<DiskNode>): void {
    if (seen.has(node)) return;
    seen.add(node);
    if (node.kind === "file") {
      if (node.writer === host) this.#tear(node);
      return;
    }
    this.#undo(node, host);
    for (const below of [...node.names.values(), ...node.synced.values()]) this.#forget(below, host, seen);
  }

  #undo(folder: FolderNode, host: Host): void {
    const own = folder.changes.filter((each) => each.host === host);
    if (own.length === 0) return;
    const kept = new Set(own.slice(0, this.#world.whole(0, own.length)));
    const names = new Map(folder.synced);
    const changes = folder.changes.filter((each) => each.host !== host || kept.has(each));
    for (const each of changes) apply(names, each);
    folder.names = names;
    folder.changes = changes.filter((each) => each.host !== host);
    // What has survived is on the disk.
    const synced = new Map(folder.synced);
    for (const each of kept) apply(synced, each);
    folder.synced = synced;
  }

  #tear(file: FileNode): void {
    const { bytes, synced } = file;
    const grown = bytes.length >= synced.length && Buffer.compare(bytes.subarray(0, synced.length), synced) === 0;
    const least = grown ? synced.length : 0;
    const torn = bytes.subarray(0, this.#world.whole(least, bytes.length));
    const left = grown || this.#world.chance(0.5) ? torn : synced;
    file.bytes = left;
    file.synced = left;
    file.writer = undefined;
  }
}

function newFolder(): FolderNode {
  return { kind: "folder", names: new Map(), synced: new Map(), changes: [] };
}

function write(file: FileNode, bytes: Uint8Array, host: Host): void {
  file.bytes = bytes;
  file.writer = host;
}

function change(folder: FolderNode, changed: Change): void {
  apply(folder.names, changed);
  folder.changes = [...folder.changes, changed];
}

function apply(names: Map<string, DiskNode>, { removed, put }: Change): void {
  for (const name of removed) names.delete(name);
  for (const [name, node] of put) names.set(name, node);
}

function partsOf(path: string): string[] {
  return path.split("/").filter((part) => part !== "");
}

function fail(code: string, path: string): never {
  throw Object.assign(new Error(`${code}: ${path}`), { code });
}
