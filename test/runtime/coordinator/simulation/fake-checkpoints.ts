/** What a fake slot keeps of splits and rows, so that a checkpoint can be taken of it and another attempt goes on from it. */

import type { OperatorId, VertexId } from "../../../../core/ids.ts";
import { positionIn } from "../../../../runtime/checkpoints/manifest-parts.ts";
import type { RegionDeployment } from "../../../../runtime/cluster-protocol.ts";
import type { SubtaskSnapshot } from "../../../../runtime/protocol.ts";
import { decodeManifest } from "../../../../runtime/state/checkpoint-manifest.ts";
import type { CheckpointStore } from "../../../../runtime/state/checkpoint-store.ts";
import { plainBytes, plainValue } from "../../../../runtime/state/plain-bytes.ts";

/** Deals out numbered splits, and knows which of them a cut has to hold. */
export class FakeDealer {
  #next: number;
  #serial = 0;
  readonly #again: number[];
  readonly #given: { readonly subtask: number; readonly serial: number; readonly split: number }[] = [];
  readonly #splits: number;
  /** Whether the last cut was made when every reader had been told that there is no more. */
  final = false;

  constructor(splits: number, from?: Uint8Array) {
    const { next = 0, again = [] } = (from && (plainValue(from) as { next: number; again: number[] })) ?? {};
    this.#splits = splits;
    this.#next = next;
    this.#again = [...again];
  }

  deal(subtask: number): { readonly serial: number; readonly split: number } | undefined {
    const split = this.#again.shift() ?? (this.#next < this.#splits ? this.#next++ : undefined);
    if (split === undefined) return undefined;
    const given = { subtask, serial: ++this.#serial, split };
    this.#given.push(given);
    return given;
  }

  cut(lastSerials: readonly number[]): Uint8Array {
    this.final = lastSerials.every((serial) => serial === Number.POSITIVE_INFINITY);
    const unread = this.#given.filter(({ subtask, serial }) => serial > (lastSerials[subtask] ?? 0));
    return plainBytes({ next: this.#next, again: [...unread.map(({ split }) => split), ...this.#again] });
  }
}

/** What the readers of one slot have read, by `vertex/subtask`. */
export class FakeReaders {
  readonly #last = new Map<string, number>();
  readonly #rows = new Map<string, number>();

  constructor(subtasks: readonly string[]) {
    for (const subtask of subtasks) this.#last.set(subtask, 0);
  }

  read(subtask: string, serial: number): void {
    this.#last.set(subtask, serial);
    this.#rows.set(subtask, (this.#rows.get(subtask) ?? 0) + 1);
  }

  ended(subtask: string): void {
    this.#last.set(subtask, Number.POSITIVE_INFINITY);
  }

  snapshot(attempt: number): readonly SubtaskSnapshot[] {
    return [...this.#last].map(([name, lastSerial]): SubtaskSnapshot => {
      const [vertex, number] = name.split("/") as [VertexId, string];
      const subtask = Number(number);
      const prepared = { kind: "millrace.collected", subtask, attempt, rows: this.#rows.get(name) ?? 0 };
      return {
        ...{ vertex, subtask, finished: lastSerial === Number.POSITIVE_INFINITY, operators: [] },
        source: { lastSerial },
        commits: [
          {
            operator: `rows-of-${vertex}` as OperatorId,
            prepared: Uint8Array.from(plainBytes([{ checkpoint: 1, prepared }])),
          },
        ],
      };
    });
  }
}

/** From what a source's dealer goes on. */
export async function dealtIn(
  store: CheckpointStore,
  { restore }: RegionDeployment,
  source: VertexId,
): Promise<Uint8Array | undefined> {
  if (restore === undefined) return undefined;
  const bytes = await store.readManifest(restore.checkpoint);
  // It was deployed long ago, and hung: a later attempt has gone beyond.
  if (bytes === undefined) return undefined;
  return positionIn(decodeManifest(bytes, restore.checkpoint), source)?.enumerator;
}
