/** The sink of the benchmark: takes rows, reads each of their fields to the end, and keeps nothing. */

import type { Sink, SinkWriter } from "millrace";

type Read = (row: unknown) => number;

/**
 * A text that was put together or cut out lazily is complete once its last character has been read. The reading code is made
 * for the fields of the first row, as it would otherwise be what is measured; rows of other fields are refused.
 */
export function consume(): Sink<unknown> {
  return Object.freeze<Sink<unknown>>({
    name: "consume",
    writer: ({ metrics }): SinkWriter<unknown> => {
      const rows = metrics.counter("rows");
      let read: Read | undefined;
      let sum = 0;
      let written = 0;
      const report = (): void => {
        if (Number.isNaN(sum)) throw new Error(`a row had other fields than the first one`);
        rows.add(written);
        written = 0;
      };
      return {
        write: (row) => {
          read ??= readerOf(row as object);
          sum += read(row);
          written++;
        },
        flush: report,
      };
    },
  });
}

function readerOf(row: object): Read {
  return new Function("row", `"use strict"; return ${sumOf("row", row)};`) as Read;
}

/** An expression that adds up what is at `path`: numbers as they are, of texts the length and the last character. */
function sumOf(path: string, value: unknown): string {
  switch (typeof value) {
    case "number":
      return path;
    case "string":
      return `${path}.length + ${path}.charCodeAt(${path}.length - 1) || 0`;
    case "object":
      return `(${["0", ...Object.entries(value ?? {}).map(([name, field]) => `(${sumOf(`${path}.${name}`, field)})`)].join(" + ")})`;
    default:
      return `Number(${path} !== undefined)`;
  }
}
