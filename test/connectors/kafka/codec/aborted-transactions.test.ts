/**
 * A log with several producers' transactions, which begin and end in any order, as a broker keeps it, and its index of
 * aborted transactions; whatever part of it is fetched from wherever, the records of committed transactions come out and no
 * others.
 */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AbortedTransaction } from "../../../../connectors/kafka/codec/aborted-transactions.ts";
import { crc32c } from "../../../../connectors/kafka/codec/crc32c.ts";
import { RecordColumns } from "../../../../connectors/kafka/codec/record-columns.ts";
import { RecordSet } from "../../../../connectors/kafka/codec/record-set.ts";
import { atOffset, batchOf } from "./records.ts";

interface Step {
  readonly producer: number;
  readonly does: "write" | "commit" | "abort" | "write outside";
  /** Of the batch that it writes. */
  readonly records: 1 | 2;
}

interface Log {
  readonly batches: readonly { readonly bytes: Buffer; readonly first: number; readonly last: number }[];
  readonly aborted: readonly (AbortedTransaction & { readonly lastOffset: number })[];
  /** Offsets of the records that a reader of committed records gets. */
  readonly committed: readonly number[];
}

const value = { key: null, timestamp: 0, headers: [] };

function marker(producerId: number, type: 0 | 1): Buffer {
  const key = Buffer.from([0, 0, 0, type]);
  const stamp = { producerId, producerEpoch: 0, baseSequence: -1, transactional: true };
  const batch = batchOf([{ ...value, key, value: Buffer.alloc(6) }], "none", stamp);
  batch.writeInt16BE(batch.readInt16BE(21) | 0b10_0000, 21);
  batch.writeUInt32BE(crc32c(batch, 21), 17);
  return batch;
}

function logOf(steps: readonly Step[]): Log {
  const batches: { bytes: Buffer; first: number; last: number }[] = [];
  const aborted: (AbortedTransaction & { lastOffset: number })[] = [];
  const committed: number[] = [];
  const open = new Map<number, number[]>();
  let offset = 0;
  const put = (bytes: Buffer, count: number): number => {
    batches.push({ bytes: atOffset(bytes, offset), first: offset, last: offset + count - 1 });
    offset += count;
    return offset - count;
  };
  for (const { producer, does, records } of steps) {
    const mine = open.get(producer) ?? [];
    if (does === "write" || does === "write outside") {
      const transactional = does === "write";
      if (!transactional && mine.length > 0) continue; // a producer writes either within transactions or without
      const stamp = { producerId: producer, producerEpoch: 0, baseSequence: 0, transactional };
      const written = ["a", "b"].slice(0, records).map((text) => ({ ...value, value: text }));
      const first = put(batchOf(written, "none", stamp), records);
      const offsets = [first, first + 1].slice(0, records);
      if (transactional) open.set(producer, [...mine, ...offsets]);
      else committed.push(...offsets);
    } else if (mine.length > 0) {
      const lastOffset = put(marker(producer, does === "commit" ? 1 : 0), 1);
      if (does === "commit") committed.push(...mine);
      else aborted.push({ producerId: producer, firstOffset: mine[0] ?? 0, lastOffset });
      open.delete(producer);
    }
  }
  // What is still open lies beyond the last stable offset, and brokers do not give it out.
  const stable = Math.min(offset, ...[...open.values()].map(([first = offset]) => first));
  return {
    batches: batches.filter(({ last }) => last < stable),
    aborted,
    committed: committed.filter((each) => each < stable).sort((a, b) => a - b),
  };
}

/** Batches `start` … `end`-1 and the aborted transactions that touch them, as a broker answers, in the markers' order. */
function fetched(log: Log, start: number, end: number, from: number): number[] {
  const part = log.batches.slice(start, end);
  const [first, last] = [part[0]?.first ?? 0, part.at(-1)?.last ?? -1];
  const aborted = log.aborted.filter(({ firstOffset, lastOffset }) => lastOffset >= first && firstOffset <= last);
  const bytes = Buffer.concat(part.map(({ bytes }) => bytes));
  const set = new RecordSet(bytes, 0, bytes.length, { from, aborted });
  const columns = new RecordColumns();
  const offsets: number[] = [];
  while (set.next(columns)) offsets.push(...columns.offsets.subarray(0, columns.count));
  expect(set.nextOffset).toBe(Math.max(from, last + 1));
  return offsets;
}

/** All of a log, so many batches a fetch. */
function readIn(log: Log, size: number): number[] {
  const starts = Array.from({ length: Math.ceil(log.batches.length / size) }, (_, index) => index * size);
  return starts.flatMap((start) => fetched(log, start, start + size, log.batches[start]?.first ?? 0));
}

const steps = (text: string): Step[] =>
  text.split(" ").map((word) => {
    const does = ({ w: "write", c: "commit", a: "abort", o: "write outside" } as const)[word[1] as "w"];
    return { producer: Number(word[0]), does, records: 1 };
  });

describe.each([
  ["two transactions that are aborted in the other order than they began", "1w 2w 2a 1a 3w 3c"],
  ["aborted, committed, aborted by one producer in one fetch", "1w 1a 1w 1c 1w 1a"],
  ["an aborted one longer than a fetch", "1w 1w 1w 1w 1w 1w 1w 1a 2w 2c"],
  ["a committed one around an aborted one", "1w 2w 2a 1w 1c"],
  ["an aborted one around a committed one of another and records without transaction", "1w 2w 3o 2c 1w 3o 1a"],
  ["a producer that aborts twice between another's records", "1w 2w 1a 2w 1w 1a 2w 2c"],
])("%s", (_name, text) => {
  const log = logOf(steps(text));

  test.each([1, 2, 3, 100])("in fetches of %i batches", (size) => {
    expect(readIn(log, size)).toEqual(log.committed);
  });
});

test("a fetch that begins with the marker before the offset that was asked for", () => {
  const log = logOf(steps("1w 1a 1w 1c"));
  expect(fetched(log, 1, 4, 2)).toEqual([2]);
});

test("any interleaving, fetched from anywhere in any portions", () => {
  const step = fc.record({
    producer: fc.integer({ min: 1, max: 4 }),
    does: fc.constantFrom<Step["does"]>("write", "write", "commit", "abort", "write outside"),
    records: fc.constantFrom<1 | 2>(1, 2),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 9 }), fc.nat(), (all, size, at) => {
      const log = logOf(all);
      expect(readIn(log, size)).toEqual(log.committed);
      if (log.batches.length === 0) return;
      const start = at % log.batches.length;
      const from = (log.batches[start]?.first ?? 0) + (at % 2); // also the middle of a batch
      expect(fetched(log, start, log.batches.length, from)).toEqual(log.committed.filter((each) => each >= from));
    }),
    { numRuns: 500 },
  );
});
