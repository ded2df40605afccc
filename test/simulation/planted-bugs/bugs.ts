/**
 * Bugs that are planted in the product when it is loaded (`plant.ts`), each a real one that somebody could write: the
 * simulation has to find each of them (`teeth.ts`). The sources on the disk stay as they are.
 */

export interface PlantedBug {
  /** What is wrong. */
  readonly name: string;
  readonly edits: readonly Edit[];
  /** The only job that can show it; absent: any. */
  readonly job?: string;
}

interface Edit {
  /** In the checkout. */
  readonly file: string;
  /** Stands there once. */
  readonly from: string;
  readonly to: string;
}

function bug(name: string, file: string, from: string, to: string, job?: string): PlantedBug {
  return { name, edits: [{ file, from, to }], ...(job === undefined ? {} : { job }) };
}

export const plantedBugs: readonly PlantedBug[] = [
  bug(
    "a barrier too early: the cut is taken when all inputs but one have delivered it",
    "runtime/task/barrier-aligner.ts",
    "if (this.#missing > 0) return 0;",
    "if (this.#missing > 1) return 0;",
  ),
  bug(
    "what comes behind a barrier is not held",
    "runtime/task/barrier-aligner.ts",
    "return this.#aligning !== 0 && this.#arrived[input] === 1;",
    "return false && this.#arrived[input] === 1;",
  ),
  bug(
    "an acknowledgement before the blocks are written",
    "runtime/checkpoints/slot-snapshots.ts",
    "await flush(writer);",
    "void flush(writer).catch(() => {});",
  ),
  bug(
    "an acknowledgement before the sync: files are renamed without",
    "runtime/state/directory-store.ts",
    "await handle.sync();",
    "",
  ),
  bug(
    "the manifest first: it is written with the first acknowledgement, and again with the last",
    "runtime/coordinator/region-checkpoints.ts",
    "this.#gathered.acknowledgements.push(acknowledgement);",
    `this.#gathered.acknowledgements.push(acknowledgement);
    const early = encodeManifest(this.#manifest(checkpoint, false));
    void this.#options.store().then((store) => store.writeManifest(checkpointName(checkpoint), early)).catch(() => {});`,
  ),
  bug(
    "a commit before the manifest is there",
    "runtime/coordinator/region-checkpoints.ts",
    "await (await store()).writeManifest(name, bytes);",
    "void (await store()).writeManifest(name, bytes).catch(() => {});",
  ),
  bug(
    "a zombie's commit: a sink publishes what it has prepared when it is closed",
    "operators/sink.ts",
    "return this.#committing === undefined ? this.#writer.close?.() : this.#closeCommitted(this.#committing);",
    "return this.#commitUpTo(Number.POSITIVE_INFINITY).then(() => this.#writer.close?.());",
  ),
  bug(
    "a commit of a checkpoint that came to nothing",
    "runtime/task/subtask.ts",
    "if (complete) host.completed(checkpoint, full);",
    "if (complete || checkpoint > 1) host.completed(checkpoint, full);",
  ),
  bug(
    "the dirty set is cleared by a checkpoint that was declined",
    "runtime/state/epochs.ts",
    "this.#inFlight.delete(checkpoint);",
    "this.confirm(checkpoint);",
  ),
  bug(
    "a split is dealt out twice: the one that its reader has begun counts as unread",
    "runtime/splits/split-dealer.ts",
    "dealt.serial > (lastSerials[subtask] ?? 0)",
    "dealt.serial >= (lastSerials[subtask] ?? 0)",
  ),
  bug(
    "a split is lost: what was dealt out and not begun is forgotten",
    "runtime/splits/split-dealer.ts",
    "return [...unread, ...this.#again];",
    "return unread.slice(0, 0).concat(this.#again);",
  ),
  bug(
    "a sink's commit is forgotten when it is restored",
    "operators/sink.ts",
    "for (const { checkpoint, prepared, retained } of parts) {",
    "for (const { checkpoint, prepared, retained } of parts.slice(1)) {",
  ),
  bug("timers are lost at a restart", "runtime/task/restore-slot.ts", "timers.restoreBlock(block, where);", ""),
  bug(
    "the watermark from before the restart is forgotten: late records are taken for early ones",
    "runtime/task/restore-slot.ts",
    "watermark: rests.length === 0 ? Number.NEGATIVE_INFINITY : rest.watermark,",
    "watermark: Number.NEGATIVE_INFINITY,",
    "late",
  ),
  bug(
    "an accepted job is not stored when its submission is answered",
    "runtime/coordinator/stored-jobs.ts",
    "return done;",
    "done.catch(() => {});\n    return Promise.resolve();",
  ),
  bug(
    "an attempt is deployed before its number is stored",
    "runtime/coordinator/attempt-preparation.ts",
    "await saved();",
    "void saved().catch(() => {});",
  ),
  bug(
    "collected rows that come again are not taken back",
    "runtime/coordinator/job-checkpoints.ts",
    "await this.#keepRows(index, store, chosen);",
    "",
    "collected",
  ),
  bug(
    "collected rows that a checkpoint counts on are not synced",
    "runtime/coordinator/region-checkpoints.ts",
    "await keepOutput();",
    "",
    "collected",
  ),
  bug(
    "the folders of a store are not synced",
    "runtime/state/directory-store.ts",
    'await makeFolder(files, join(root, "manifests"));',
    'await files.mkdir(join(root, "manifests"), { recursive: true });',
  ),
  bug(
    "a checkpoint is discarded on which a retained one builds",
    "runtime/state/checkpoint-keeper.ts",
    "for (const link of manifest.chain) kept.add(link.name);",
    "",
  ),
  bug(
    "a link that breaks goes on with the next connection, as if nothing had been under way",
    "runtime/exchange/link/link.ts",
    'return used ? "lost" : "untouched";',
    'return used ? "untouched" : "untouched";',
  ),
  bug(
    "a segment is dealt out again while its frame waits",
    "runtime/exchange/ring-producer.ts",
    "given back first.\n    this.#reclaim();",
    "given back first.",
  ),
  bug(
    "a worker that was fenced does not end its slots",
    "runtime/worker/worker.ts",
    'region.end("kill");',
    "region.sharedBytes;",
  ),
  bug(
    "a stale epoch counts: what a worker had before it connected anew is not taken for lost",
    "runtime/coordinator/membership.ts",
    'effects: [{ kind: "lost", epoch: state.epoch, reason: "it connected anew" }]',
    "effects: []",
  ),
  bug(
    "a lost batch in flight: what barriers have overtaken is not restored",
    "runtime/task/restore-slot.ts",
    "inFlight: await restoreInFlightOf(share, opened, store),",
    "inFlight: [],",
    "unaligned",
  ),
];
