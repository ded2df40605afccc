/**
 * The events of an Arrow batch, read one at a time from the columns' own memory: a cursor that stands on one row and is
 * both the event and its context for the shards. It is valid as long as the batch is; nothing is copied per row but the
 * numbers of the row itself.
 *
 * REQUIRES the columns of `recommenderSchema`, without nulls.
 */

import type { Data, RecordBatch } from "apache-arrow";
import type { ArrowBatch } from "../../../core/schema.ts";
import type { Context, Purchase } from "./user-context.ts";

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

export class EventColumns implements Purchase, Context {
  readonly rows: number;
  // The row at which the cursor stands.
  position = 0;
  user = 0;
  item = 0;
  time = 0;
  timeSec = 0;
  inBasket = 0;
  opensBasket = false;
  repeat = false;
  wantsList = false;
  length = 0;
  #row = 0;
  #firstItem = 0;

  readonly #positions: Float64Array;
  readonly #users: Float64Array;
  readonly #items: Float64Array;
  readonly #times: Float64Array;
  readonly #inBaskets: Float64Array;
  readonly #repeats: Data;
  readonly #wantLists: Data;
  readonly #contextOffsets: Int32Array;
  readonly #contexts: Float64Array;
  readonly #textOffsets: Int32Array;
  readonly #textBytes: Uint8Array;
  /** The text of all rows when each byte of it is a character; null otherwise. */
  #text: string | null | undefined;

  constructor(batch: ArrowBatch) {
    const column = (name: string): Data => (batch as RecordBatch).getChild(name)?.data[0] as Data;
    const numbers = (name: string): Float64Array => column(name).values as Float64Array;
    this.rows = batch.numRows;
    this.#positions = numbers("position");
    this.#users = numbers("user");
    this.#items = numbers("item");
    this.#times = numbers("time");
    this.#inBaskets = numbers("inBasket");
    this.#repeats = column("repeat");
    this.#wantLists = column("wantsList");
    const contexts = column("items");
    this.#contextOffsets = contexts.valueOffsets as Int32Array;
    this.#contexts = (contexts.children[0] as Data).values as Float64Array;
    const texts = column("description");
    this.#textOffsets = texts.valueOffsets as Int32Array;
    this.#textBytes = texts.values as Uint8Array;
  }

  moveTo(row: number): void {
    this.#row = row;
    this.position = this.#positions[row] as number;
    this.user = this.#users[row] as number;
    this.item = this.#items[row] as number;
    this.time = this.#times[row] as number;
    this.timeSec = this.time / 1000;
    this.inBasket = this.#inBaskets[row] as number;
    this.opensBasket = this.inBasket === 0;
    this.repeat = bit(this.#repeats, row);
    this.wantsList = bit(this.#wantLists, row);
    this.#firstItem = this.#contextOffsets[row] as number;
    this.length = (this.#contextOffsets[row + 1] as number) - this.#firstItem;
  }

  itemAt(rank: number): number {
    return this.#contexts[this.#firstItem + rank] as number;
  }

  get description(): string {
    const from = this.#textOffsets[this.#row] as number;
    const to = this.#textOffsets[this.#row + 1] as number;
    if (this.#text === undefined) this.#text = this.#plainText();
    if (this.#text === null) return utf8.decode(this.#textBytes.subarray(from, to));
    const start = this.#textOffsets[0] as number;
    return this.#text.slice(from - start, to - start);
  }

  /** One decoding a batch instead of one a row. */
  #plainText(): string | null {
    const from = this.#textOffsets[0] as number;
    const to = this.#textOffsets[this.rows] as number;
    const text = utf8.decode(this.#textBytes.subarray(from, to));
    return text.length === to - from ? text : null;
  }
}

function bit({ values, offset }: Data, row: number): boolean {
  const at = row + offset;
  return (((values as Uint8Array)[at >> 3] as number) & (1 << (at & 7))) !== 0;
}
