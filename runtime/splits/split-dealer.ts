/**
 * Runs enumerators of a job's sources and deals out their splits to the readers that ask: in the process that runs a job
 * embedded, and in a slot's thread on a cluster.
 *
 * Splits are numbered as they are dealt out. A checkpoint's cut comes after those of the readers, so every split that one
 * of them had is before it; one that its reader got behind its barrier will be dealt out again, as those that were being
 * read are, from where their readers were. They come first, to whoever asks.
 *
 * A source deals out nothing until all of its subtasks have asked, when it begins and when it goes on. One whose thread is
 * ready earlier would read far ahead of the others, and what it read would wait in the operators behind it for the others'
 * first watermark, to be released at once: the first results came later than if it had waited. And it would finish short
 * splits and take over those that the others were reading: records of one behind the end of another are late.
 */

import { MillraceError } from "../../core/errors.ts";
import type { OperatorId, VertexId } from "../../core/ids.ts";
import type { EnumeratorContext, Source, SourceCut, SplitEnumerator } from "../../core/source.ts";
import type { StreamGraph } from "../../core/stream-graph.ts";
import type { SourcePosition } from "../checkpoints/manifest-parts.ts";
import type { JobGraph } from "../graph/job-graph.ts";
import type { DealtSplit } from "../protocol.ts";
import { plainBytes, plainValue } from "../state/plain-bytes.ts";

/** What every enumerator of a job gets alike. */
export type EnumeratorSurroundings = Omit<EnumeratorContext, "parallelism" | "restored">;

export interface DealerOptions {
  /** Whether cuts will be taken: a source that cannot go on from one fails the job at once. */
  readonly checkpointing?: boolean;
  /** What each source goes on from; undefined: it begins. */
  readonly restored?: (source: VertexId) => SourcePosition | undefined;
}

/** A split without number. */
type Unread = Omit<DealtSplit, "serial">;

/** What a cut consists of: written by `cut`, read by the dealer that goes on. */
interface DealerCut {
  readonly enumerator: unknown;
  readonly again: readonly Unread[];
}

export class SplitDealer {
  readonly #enumerators = new Map<VertexId, Promise<SplitEnumerator<unknown>>>();
  readonly #operators = new Map<VertexId, OperatorId>();
  readonly #books = new Map<VertexId, DealtBook>();
  readonly #begins = new Map<VertexId, Beginning>();
  /** Those that have been made and not closed. */
  readonly #open = new Map<OperatorId, SplitEnumerator<unknown>>();
  /** The subtasks that have not been told yet that there is no more for them. */
  readonly #reading = new Set<string>();
  #closed = false;

  /** Runs the enumerators of the `wanted` vertices; absent: of all sources. */
  constructor(
    graph: StreamGraph,
    jobGraph: JobGraph,
    surroundings: EnumeratorSurroundings,
    wanted?: readonly VertexId[],
    options: DealerOptions = {},
  ) {
    for (const vertex of jobGraph.vertices) {
      if (wanted?.includes(vertex.id) === false) continue;
      const head = graph.nodes.find((node) => node.id === vertex.operators[0]?.id);
      if (head?.spec.kind !== "source") continue;
      const { parallelism } = vertex;
      const position = options.restored?.(vertex.id);
      const cut = position === undefined ? undefined : redistributed(head.spec.source, position, parallelism);
      const context = { ...surroundings, parallelism, ...(cut === undefined ? {} : { restored: cut.enumerator }) };
      const started = this.#start(head.spec.source, head.id, context);
      const enumerator = options.checkpointing === true ? started.then((made) => savable(made, head.id)) : started;
      this.#books.set(vertex.id, new DealtBook(cut?.reading ?? [], options.checkpointing === true));
      this.#begins.set(vertex.id, new Beginning(parallelism));
      // Whoever asks for a split gets the failure; nobody may ask if the job fails earlier.
      enumerator.catch(() => {});
      this.#enumerators.set(vertex.id, enumerator);
      this.#operators.set(vertex.id, head.id);
      for (let subtask = 0; subtask < vertex.parallelism; subtask++) this.#reading.add(readerOf(vertex.id, subtask));
    }
  }

  /** Whether every subtask of every source has been told that there is no more for it: nobody will ask again. */
  get exhausted(): boolean {
    return this.#reading.size === 0;
  }

  /** Resolves when every source's input has been looked at. @throws the first enumerator's failure. */
  async ready(): Promise<void> {
    await Promise.all(this.#enumerators.values());
  }

  /** The next split for a subtask, undefined at the end. @throws the enumerator's failure. */
  async next(vertex: VertexId, subtask: number): Promise<DealtSplit | undefined> {
    const enumerator = await (this.#enumerators.get(vertex) as Promise<SplitEnumerator<unknown>>);
    await (this.#begins.get(vertex) as Beginning).asked(subtask);
    const book = this.#books.get(vertex) as DealtBook;
    const again = book.takeAgain();
    if (again !== undefined) return book.dealt(subtask, again);
    try {
      const split = await enumerator.next(subtask);
      checkPlain(split);
      if (split !== undefined) return book.dealt(subtask, { split });
      this.#reading.delete(readerOf(vertex, subtask));
      return undefined;
    } catch (cause) {
      throw failure(this.#operators.get(vertex) as OperatorId, "could not deal out what to read", cause);
    }
  }

  /**
   * What the source goes on from, together with what its readers say. REQUIRES: all of them were cut; `lastSerials` are what
   * they said, by subtask. @throws the enumerator's failure.
   */
  async cut(vertex: VertexId, lastSerials: readonly number[]): Promise<Uint8Array> {
    const enumerator = await (this.#enumerators.get(vertex) as Promise<SplitEnumerator<unknown>>);
    try {
      const again = (this.#books.get(vertex) as DealtBook).unread(lastSerials);
      return plainBytes({ enumerator: enumerator.snapshot?.(), again } satisfies DealerCut);
    } catch (cause) {
      throw failure(this.#operators.get(vertex) as OperatorId, "could not be saved", cause);
    }
  }

  /**
   * Closes every enumerator, even if some fail. One that is still looking at its input was told to stop and is closed
   * when it comes back; nobody waits for that. @throws the first failure.
   */
  async close(): Promise<void> {
    this.#closed = true;
    const closings = await Promise.allSettled(
      [...this.#open].map(([operator, enumerator]) => closeEnumerator(operator, enumerator)),
    );
    this.#open.clear();
    const failed = closings.find((closing) => closing.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  async #start(
    source: Source<unknown>,
    operator: OperatorId,
    context: EnumeratorContext,
  ): Promise<SplitEnumerator<unknown>> {
    let enumerator: SplitEnumerator<unknown>;
    try {
      enumerator = await source.enumerate(context);
    } catch (cause) {
      throw failure(operator, "could not list what to read", cause);
    }
    if (this.#closed) await closeEnumerator(operator, enumerator);
    else this.#open.set(operator, enumerator);
    return enumerator;
  }
}

/** Holds the first requests of a source back until the last of its subtasks has asked. */
class Beginning {
  readonly #subtasks: number;
  readonly #asked = new Set<number>();
  readonly #all = Promise.withResolvers<void>();

  /** `subtasks`: how many are waited for. */
  constructor(subtasks: number) {
    this.#subtasks = subtasks;
  }

  async asked(subtask: number): Promise<void> {
    if (this.#asked.size >= this.#subtasks) return;
    this.#asked.add(subtask);
    if (this.#asked.size === this.#subtasks) this.#all.resolve();
    await this.#all.promise;
  }
}

/** The splits of one source that have been dealt out, as far as a cut may have to know them. */
class DealtBook {
  #serial = 0;
  readonly #again: Unread[];
  readonly #keeps: boolean;
  /** What each subtask was given since the last cut of which it has said how far it is, oldest first. */
  #given: readonly { readonly subtask: number; readonly dealt: DealtSplit }[] = [];

  constructor(again: readonly Unread[], keeps: boolean) {
    this.#again = [...again];
    this.#keeps = keeps;
  }

  takeAgain(): Unread | undefined {
    return this.#again.shift();
  }

  dealt(subtask: number, unread: Unread): DealtSplit {
    const dealt = { serial: ++this.#serial, ...unread };
    if (this.#keeps) this.#given = [...this.#given, { subtask, dealt }];
    return dealt;
  }

  /** Those that readers have not begun at their barriers, and those that wait to be dealt out again. */
  unread(lastSerials: readonly number[]): readonly Unread[] {
    this.#given = this.#given.filter(({ subtask, dealt }) => dealt.serial > (lastSerials[subtask] ?? 0));
    const unread = this.#given.map(({ dealt: { split, position } }) => ({ split, position }));
    return [...unread, ...this.#again];
  }
}

/** What a source goes on from: as it was cut, or as it wants to be divided among its subtasks now. */
function redistributed(source: Source<unknown>, position: SourcePosition, parallelism: number): SourceCut<unknown> {
  const { enumerator, again } = plainValue(position.enumerator) as DealerCut; // of `cut`
  const current = position.current.map((bytes) => plainValue(bytes) as Unread);
  const cut = { reading: [...current, ...again], enumerator };
  return source.redistribute?.(cut, parallelism) ?? cut;
}

function savable(enumerator: SplitEnumerator<unknown>, operator: OperatorId): SplitEnumerator<unknown> {
  if (enumerator.snapshot !== undefined) return enumerator;
  throw new MillraceError(
    "CHECKPOINT_UNSUPPORTED",
    `the source of "${operator}" cannot say where it goes on: its enumerator has no snapshot. Give it one, or run the job without checkpoints`,
    { operator },
  );
}

function readerOf(vertex: VertexId, subtask: number): string {
  return `${vertex} ${subtask}`;
}

async function closeEnumerator(operator: OperatorId, enumerator: SplitEnumerator<unknown>): Promise<void> {
  try {
    await enumerator.close?.();
  } catch (cause) {
    throw failure(operator, "could not be closed", cause);
  }
}

/** Splits travel to slots, so they must be plain data. */
function checkPlain(split: unknown): void {
  try {
    structuredClone(split);
  } catch (cause) {
    throw new MillraceError(
      "WRONG_SHAPE",
      `a split must be plain data, as it travels to another thread: ${(cause as Error).message}`,
      { cause },
    );
  }
}

function failure(operator: OperatorId, what: string, cause: unknown): MillraceError {
  if (cause instanceof MillraceError && cause.operator !== undefined) return cause;
  const code = cause instanceof MillraceError ? cause.code : "USER_FUNCTION";
  return new MillraceError(
    code,
    `the source of "${operator}" ${what}: ${cause instanceof Error ? cause.message : String(cause)}`,
    { operator, cause },
  );
}
