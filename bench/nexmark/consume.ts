/**
 * The sink of the benchmark: takes rows, reads each of their fields, what the query made to its end, and keeps nothing.
 *
 * A text that was put together or cut out lazily is complete once its last character has been read. Texts are read some at a
 * time, as a sink does that writes: their letters lie anywhere in megabytes, and so the waits for them overlap. The reading
 * code is made for the fields of the first row, as it would otherwise be what is measured; rows of other fields are refused.
 */

import type { Sink, SinkWriter } from "millrace";

/**
 * Fields whose texts are those of the generator's tables, or letters that an exchange has written down: whole before the row
 * was made. To look into them is to wait for memory for nothing that the query has done; Flink's sinks look into no text.
 */
const WHOLE = new Set(["type", "channel", "url"]);

/** So many that waits overlap, and few enough that what they are of is still in the nearest cache. */
const TEXTS_AT_A_TIME = 64;

interface Reader {
  read(row: unknown): void;
  /** Reads the texts that are left, and adds up everything so far. */
  sum(): number;
}

export function consume(): Sink<unknown> {
  return Object.freeze<Sink<unknown>>({
    name: "consume",
    writer: ({ metrics }): SinkWriter<unknown> => {
      const rows = metrics.counter("rows");
      let reader: Reader | undefined;
      let written = 0;
      return {
        write: (row) => {
          reader ??= readerOf(row as object);
          reader.read(row);
          written++;
        },
        flush: () => {
          if (Number.isNaN(reader?.sum())) throw new Error(`a row had other fields than the first one`);
          rows.add(written);
          written = 0;
        },
      };
    },
  });
}

function readerOf(row: object): Reader {
  const texts: string[] = [];
  const numbers = sumOf("row", row, texts);
  const keep = texts.map((text) => `texts[count++] = ${text};`).join(" ");
  const code = `"use strict";
    const sums = new Float64Array(1); // a variable would be a new number each time
    let texts = new Array(${TEXTS_AT_A_TIME}), count = 0;
    const readTexts = () => {
      let sum = 0;
      for (let i = 0; i < count; i++) {
        const text = texts[i];
        sum += text.length + (text.charCodeAt(text.length - 1) | 0);
      }
      sums[0] += sum;
      // A new one, as an old one would have to be remembered for what it refers to.
      if (count > 0) texts = new Array(${TEXTS_AT_A_TIME});
      count = 0;
    };
    return {
      read(row) {
        sums[0] += ${numbers};
        ${keep}
        if (count > ${TEXTS_AT_A_TIME - texts.length}) readTexts();
      },
      sum() {
        readTexts();
        return sums[0];
      },
    };`;
  return new Function(code)() as Reader;
}

/** An expression that adds up what is at `path`, but for the texts that are to be read: their paths are added to `texts`. */
function sumOf(path: string, value: unknown, texts: string[]): string {
  if (typeof value === "number") return path;
  if (typeof value === "object") {
    const fields = Object.entries(value ?? {}).map(([name, field]) => `(${sumOf(`${path}.${name}`, field, texts)})`);
    return `(${["0", ...fields].join(" + ")})`;
  }
  if (typeof value === "string" && !WHOLE.has(path.slice(path.lastIndexOf(".") + 1))) texts.push(path);
  return `Number(${path} !== undefined)`;
}
