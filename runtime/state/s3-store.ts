/**
 * Checkpoints in an S3-compatible object store.
 *
 *   <prefix>/blocks/<checkpoint>/<worker>/<first number>   what a worker wrote at once (`block-file.ts`)
 *   <prefix>/manifests/<checkpoint>                        a manifest
 *   <prefix>/notes/<name>                                  a note
 *
 * An object is there whole or not at all, and who reads or lists after it was written sees it: that is all this needs.
 * Blocks that lie beside each other are read together.
 */

import { headBytes, headOf, startsIn } from "./block-file.ts";
import {
  type BlockBatch,
  type BlockPlace,
  type CheckpointName,
  type CheckpointNotes,
  type CheckpointStore,
  checkBatch,
  storeFailed,
} from "./checkpoint-store.ts";
import { parseS3Location, S3Client, s3Settings } from "./s3-client.ts";

/** Blocks read by one request: so much that its delay disappears, so little that a few are no burden. */
const READ_BYTES = 8 * 1024 * 1024;

/** As much of an object as its head mostly is: some thousand blocks. */
const HEAD_BYTES = 16 * 1024;

/** Requests that delete, at a time. */
const DELETES = 16;

type Store = CheckpointStore & CheckpointNotes;

/** @throws BAD_OPTION; CHECKPOINT_STORE when the bucket cannot be listed. */
export async function openS3Store(location: string, env: NodeJS.ProcessEnv = process.env): Promise<Store> {
  const client = await S3Client.create(parseS3Location(location), await s3Settings(env));
  const store = new S3Store(client, location);
  await store.manifests();
  return store;
}

/** All objects of a location. @throws as above */
export async function removeFromS3(location: string, env: NodeJS.ProcessEnv = process.env): Promise<void> {
  const client = await S3Client.create(parseS3Location(location), await s3Settings(env));
  await new S3Store(client, location).deleteAll("");
}

/** An object with blocks: where each starts, by number. */
interface BlockObject {
  readonly key: string;
  readonly first: number;
  readonly starts: readonly number[];
}

/** Blocks that lie beside each other in an object, and where they are wanted. */
interface Run {
  readonly object: BlockObject | undefined;
  readonly numbers: number[];
}

class S3Store implements CheckpointStore, CheckpointNotes {
  readonly #client: S3Client;
  readonly #location: string;

  constructor(client: S3Client, location: string) {
    this.#client = client;
    this.#location = location;
  }

  async writeBlocks(batch: BlockBatch): Promise<void> {
    checkBatch(batch);
    const { checkpoint, worker, first, blocks } = batch;
    const object = Buffer.concat([headOf(blocks), ...blocks]);
    await this.#do("write blocks", () => this.#client.put(`blocks/${checkpoint}/${worker}/${first}`, object));
  }

  async writeManifest(name: CheckpointName, manifest: Uint8Array): Promise<void> {
    await this.#do("write a manifest", () => this.#client.put(`manifests/${name}`, manifest));
  }

  readManifest(name: CheckpointName): Promise<Uint8Array | undefined> {
    return this.#do("read a manifest", () => this.#client.get(`manifests/${name}`));
  }

  manifests(): Promise<readonly CheckpointName[]> {
    return this.#do("list manifests", async () => {
      const { keys } = await this.#client.list("manifests/");
      return keys.map((key) => key.slice("manifests/".length) as CheckpointName).sort();
    });
  }

  async *readBlocks(places: readonly BlockPlace[]): AsyncGenerator<Uint8Array | undefined> {
    const runs = runsOf(await this.#do("read blocks", () => this.#objectsOf(places)));
    let next = runs[0] && this.#readRun(runs[0]);
    for (let i = 0; next !== undefined; i++) {
      const found: readonly (Uint8Array | undefined)[] = await next;
      const following = runs[i + 1];
      // The next ones are read while these are used; a failure shows when it is their turn.
      next = following && this.#readRun(following);
      next?.catch(() => {});
      yield* found;
    }
  }

  checkpointsWithBlocks(): Promise<readonly CheckpointName[]> {
    return this.#do("list blocks", async () => {
      const { folders } = await this.#client.list("blocks/", "/");
      return folders.map((name) => name.slice("blocks/".length, -1) as CheckpointName).sort();
    });
  }

  async deleteManifest(name: CheckpointName): Promise<void> {
    await this.#do("delete a manifest", () => this.#client.delete(`manifests/${name}`));
  }

  async deleteBlocks(name: CheckpointName): Promise<void> {
    await this.deleteAll(`blocks/${name}/`);
  }

  readNote(name: string): Promise<Uint8Array | undefined> {
    return this.#do("read a note", () => this.#client.get(`notes/${name}`));
  }

  async writeNote(name: string, note: Uint8Array): Promise<void> {
    await this.#do("write a note", () => this.#client.put(`notes/${name}`, note));
  }

  async close(): Promise<void> {}

  /** Everything whose name begins so. */
  async deleteAll(beginning: string): Promise<void> {
    await this.#do("delete", async () => {
      const { keys } = await this.#client.list(beginning);
      for (let at = 0; at < keys.length; at += DELETES)
        await Promise.all(keys.slice(at, at + DELETES).map((key) => this.#client.delete(key)));
    });
  }

  /** For each place the object that has it. */
  async #objectsOf(places: readonly BlockPlace[]): Promise<readonly (readonly [BlockObject | undefined, number])[]> {
    const known = new Map<string, Promise<readonly BlockObject[]>>();
    const found: (readonly [BlockObject | undefined, number])[] = [];
    for (const { checkpoint, worker, number } of places) {
      const of = `blocks/${checkpoint}/${worker}/`;
      const objects = known.get(of) ?? this.#objects(of);
      known.set(of, objects);
      const holds = ({ first, starts }: BlockObject) => number >= first && number < first + starts.length - 1;
      found.push([(await objects).find(holds), number]);
    }
    return found;
  }

  async #objects(beginning: string): Promise<readonly BlockObject[]> {
    const { keys } = await this.#client.list(beginning);
    return Promise.all(
      keys.map(async (key) => ({ key, first: Number(key.slice(beginning.length)), starts: await this.#starts(key) })),
    );
  }

  /** An object whose head is damaged has no blocks: whoever looks for them finds them missing. */
  async #starts(key: string): Promise<readonly number[]> {
    const start = (await this.#client.get(key, { from: 0, bytes: HEAD_BYTES })) ?? new Uint8Array(0);
    const bytes = headBytes(start);
    if (bytes === undefined || bytes <= start.length) return startsIn(start);
    const rest = await this.#client.get(key, { from: start.length, bytes: bytes - start.length });
    return startsIn(Buffer.concat([start, rest ?? new Uint8Array(0)]));
  }

  async #readRun({ object, numbers }: Run): Promise<readonly (Uint8Array | undefined)[]> {
    if (object === undefined) return numbers.map(() => undefined);
    const { key, first, starts } = object;
    const startOf = (number: number) => starts[number - first] as number;
    const from = startOf(numbers[0] as number);
    const end = startOf((numbers.at(-1) as number) + 1);
    const bytes = from === end ? new Uint8Array(0) : await this.#read(key, from, end - from);
    return numbers.map((number) => bytes?.slice(startOf(number) - from, startOf(number + 1) - from));
  }

  #read(key: string, from: number, bytes: number): Promise<Uint8Array | undefined> {
    return this.#do("read blocks", () => this.#client.get(key, { from, bytes }));
  }

  async #do<T>(what: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (cause) {
      throw storeFailed(what, this.#location, cause);
    }
  }
}

/** Consecutive blocks of one object, as many as one request reads. */
function runsOf(found: readonly (readonly [BlockObject | undefined, number])[]): readonly Run[] {
  const runs: Run[] = [];
  for (const [object, number] of found) {
    const run = runs.at(-1);
    const [from] = run?.numbers ?? [];
    const beside = run !== undefined && run.object === object && run.numbers.at(-1) === number - 1;
    const size = object === undefined || from === undefined ? 0 : bytesBetween(object, from, number + 1);
    if (beside && size <= READ_BYTES) run.numbers.push(number);
    else runs.push({ object, numbers: [number] });
  }
  return runs;
}

function bytesBetween({ first, starts }: BlockObject, from: number, to: number): number {
  return (starts[to - first] as number) - (starts[from - first] as number);
}
