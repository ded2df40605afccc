/**
 * What was on its way to an operator at its cut, as state blocks: the section "inFlight", whose rows are the elements of the
 * channels in the order in which they came. Beside it stands in `docs/state-block.md` what its columns are.
 *
 * The block's name is `<subtask>/<generation>/<part>`: to whom it was on its way, how often it had been in flight before, and
 * which of several logs of that generation it is. Older generations are replayed first, the parts of one side by side.
 */

import type { KeyGroupRange } from "../../core/key-group.ts";
import type { Column } from "./column-codec.ts";
import { type ColumnPlan, corrupt, encodeBlock, openBlock, shapeOf } from "./state-block.ts";

export type InFlightKind = "batch" | "watermark" | "idle" | "active" | "end";

export interface InFlightElement {
  readonly kind: InFlightKind;
  /** The channel, counted within the log. */
  readonly channel: number;
  /** Which of the operator's inputs it belongs to. */
  readonly input: number;
  /** Of a watermark. */
  readonly time: number;
  /** Of a batch: an exchange frame. */
  readonly frame: Uint8Array | undefined;
}

/** Whose the elements are. */
export interface InFlightName {
  readonly subtask: number;
  readonly generation: number;
  readonly part: number;
}

const kinds: readonly InFlightKind[] = ["batch", "watermark", "idle", "active", "end"];

const shape = shapeOf("inFlight");

export function inFlightBlock(
  elements: readonly InFlightElement[],
  { subtask, generation, part }: InFlightName,
  about: KeyGroupRange,
  operator: string,
): Uint8Array<ArrayBuffer> {
  const columns: readonly Column[] = [
    elements.map(({ channel }) => channel),
    elements.map(({ input }) => input),
    elements.map(({ kind }) => kinds.indexOf(kind)),
    Float64Array.from(elements, ({ time }) => time),
    elements.map(({ frame }) => frame ?? null),
  ];
  const name = `${subtask}/${generation}/${part}`;
  return encodeBlock({ name, shape, groups: [], about, rows: elements.length, columns }, operator);
}

const plan: ColumnPlan = {
  keys: false,
  read: (next, { rows }) => Array.from({ length: 5 }, () => next(rows)),
};

/** @throws STATE_CORRUPT */
export function readInFlightBlock(block: Uint8Array, where: string, operator: string): readonly InFlightElement[] {
  const { columns, header } = openBlock(block, plan, where, operator);
  const [channels, inputs, codes, times, frames] = columns as readonly [Column, Column, Column, Column, Column];
  return Array.from({ length: header.rows }, (_, row) => {
    const kind = kinds[codes[row] as number];
    const frame = frames[row] ?? undefined;
    if (kind === undefined || (kind === "batch") !== frame instanceof Uint8Array)
      throw corrupt(operator, `${where} holds an element of an unknown kind`);
    const [channel, input, time] = [channels[row] as number, inputs[row] as number, times[row] as number];
    return { kind, channel, input, time, frame: frame as Uint8Array | undefined };
  });
}

/** @throws STATE_CORRUPT */
export function inFlightName(name: string, where: string, operator: string): InFlightName {
  const [subtask = 0, generation = 0, part = 0] = name.split("/").map(Number);
  if (/^\d+\/\d+\/\d+$/.test(name)) return { subtask, generation, part };
  throw corrupt(operator, `${where} says that it was on its way to "${name}"`);
}
