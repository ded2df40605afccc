/**
 * The transactional ids of a sink: `<prefix>-<subtask>-<slot>`.
 *
 * The law: an id belongs to the subtask whose number modulo the parallelism it has, so that after rescaling each id has
 * exactly one owner, also those of subtasks that are no more. Only the owner begins or aborts a transaction under it, except
 * under ids that a checkpoint names as prepared: these belong to whoever commits them, for as long as the attempt lasts.
 *
 * A subtask takes its slots in turn, and one again only when what was written under it is proven to be committed: the first
 * thing that beginning a transaction does is to abort the one before it.
 */

export interface SinkId {
  readonly subtask: number;
  readonly slot: number;
}

export function idOf(prefix: string, { subtask, slot }: SinkId): string {
  return `${prefix}-${subtask}-${slot}`;
}

/** Undefined: it is not one of this sink. */
export function parseId(prefix: string, transactionalId: string): SinkId | undefined {
  if (!transactionalId.startsWith(`${prefix}-`)) return undefined;
  const [, subtask, slot] = /^(\d+)-(\d+)$/.exec(transactionalId.slice(prefix.length + 1)) ?? [];
  return subtask === undefined ? undefined : { subtask: Number(subtask), slot: Number(slot) };
}

/** Of an id that `idOf` has made. */
export function prefixOf(transactionalId: string): string {
  return transactionalId.replace(/-\d+-\d+$/, "");
}

/** Slots that are in turn even if fewer would do: a transaction that was just committed may still be written down. */
const SLOTS_MIN = 3;

/** The slots of one subtask. */
export class IdSlots {
  readonly #prefix: string;
  readonly #subtask: number;
  /** Ids that are prepared, or being written under. */
  readonly #taken: Set<string>;
  /** In the order in which they became free. */
  readonly #free: string[] = [];
  #slots = 0;

  /** @param prepared ids that a checkpoint names */
  constructor(prefix: string, subtask: number, prepared: Iterable<string>) {
    this.#prefix = prefix;
    this.#subtask = subtask;
    this.#taken = new Set(prepared);
    while (this.#free.length < SLOTS_MIN) this.#add();
  }

  /** An id under which nothing is pending. */
  take(): string {
    if (this.#free.length === 0) this.#add();
    const id = this.#free.shift() as string; // one was added
    this.#taken.add(id);
    return id;
  }

  /** What was written under it is proven to be committed. Nothing happens if it is not one of these. */
  release(id: string): void {
    if (parseId(this.#prefix, id)?.subtask !== this.#subtask || !this.#taken.delete(id)) return;
    this.#free.push(id);
  }

  /** The next one that is not taken. */
  #add(): void {
    for (;;) {
      const id = idOf(this.#prefix, { subtask: this.#subtask, slot: this.#slots++ });
      if (this.#taken.has(id)) continue;
      this.#free.push(id);
      return;
    }
  }
}
