/**
 * Reads JSON by generated parsers where records are laid out as earlier ones were, and by JSON.parse otherwise; the results
 * are the same. A record that no parser reads teaches a new layout, up to some. Where records have no layout in common,
 * nothing is tried for a while, so that they cost little more than JSON.parse.
 */

import type { Decoder } from "../format.ts";
import { JSON_LAYOUTS_MAX, JSON_MISSES_MAX, JSON_MISSES_PAUSE } from "../limits.ts";
import { generateParser, type ParseBytes } from "./generated.ts";
import { layoutOf } from "./layout.ts";

export class JsonDecoder implements Decoder<unknown> {
  readonly #parsers: ParseBytes[] = [];
  /** The one that read the record before. */
  #current: ParseBytes = nothing;
  /** Records that no parser has read, since one has; below 0: so many more go without them. */
  #misses = 0;

  /** @throws SyntaxError as JSON.parse does */
  decode(bytes: Buffer, start: number, end: number): unknown {
    if (this.#misses < 0) this.#misses++;
    else {
      const value = this.#current(bytes, start, end) ?? this.#other(bytes, start, end);
      if (value !== undefined) return value;
    }
    const text = bytes.toString("utf8", start, end);
    const value: unknown = JSON.parse(text);
    if (this.#misses > 0) this.#learn(text);
    return value;
  }

  /** Tries the others. Undefined, and a miss, when none reads it. */
  #other(bytes: Buffer, start: number, end: number): unknown {
    for (const parser of this.#parsers) {
      if (parser === this.#current) continue;
      const value = parser(bytes, start, end);
      if (value === undefined) continue;
      this.#current = parser;
      this.#misses = 0;
      return value;
    }
    this.#misses++;
    return undefined;
  }

  /** After too many misses all that was learned is given up: the stream may be another one now. */
  #learn(text: string): void {
    if (this.#misses > JSON_MISSES_MAX) {
      this.#misses = -JSON_MISSES_PAUSE;
      this.#parsers.length = 0;
      this.#current = nothing;
      return;
    }
    if (this.#parsers.length === JSON_LAYOUTS_MAX) return;
    const layout = layoutOf(text);
    if (layout === undefined) return;
    this.#current = generateParser(layout);
    this.#parsers.push(this.#current);
  }
}

function nothing(): undefined {}
