import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Fetcher, type FetcherOptions } from "../../../../connectors/kafka/client/fetcher.ts";
import { KafkaClient } from "../../../../connectors/kafka/client/kafka-client.ts";
import { KafkaFailure } from "../../../../connectors/kafka/client/kafka-failure.ts";
import { RecordColumns } from "../../../../connectors/kafka/codec/record-columns.ts";
import type { RecordSet } from "../../../../connectors/kafka/codec/record-set.ts";
import { FETCH_AHEAD_BYTES, FETCHES_AHEAD_MAX } from "../../../../connectors/kafka/limits.ts";
import type { Reader } from "../../../../connectors/kafka/protocol/reader.ts";
import { atOffset, batchOf, rowsOf } from "../codec/records.ts";
import { FakeBroker, fetched, type Given, type Reaction } from "./fake-broker.ts";

const NOT_LEADER = 6;
const OUT_OF_RANGE = 1;
const DENIED = 29;

/** Two records from `offset` on. */
function two(offset: number): Buffer {
  return some(offset, 2, false);
}

/** Of which one, if they are to be large, is enough to wait. */
function some(offset: number, count: number, large: boolean): Buffer {
  const record = { key: null, timestamp: 0, headers: [] };
  const values = Array.from({ length: count }, (_, at) => ({
    ...record,
    value: large ? "x".repeat(FETCH_AHEAD_BYTES) : String(offset + at),
  }));
  return atOffset(batchOf(values), offset);
}

/** Of an answer: how many records of each partition, and whether each is large. */
interface Size {
  readonly counts: readonly [number, number];
  readonly large: boolean;
}

const size: fc.Arbitrary<Size> = fc.record({ counts: fc.tuple(fc.nat(2), fc.nat(2)), large: fc.boolean() });
/** More or less comes meanwhile. */
const taking = fc.record({ afterMs: fc.nat(6), count: fc.nat(6) });
const SLOW = { timeout: 60_000 };
const few = { minLength: 1, maxLength: 20 };

function sizedBy({ partition, offset }: Asked, { counts, large }: Size): Given {
  const count = counts[partition] ?? 0;
  return { partition, ...(count > 0 && { records: some(offset, count, large) }) };
}

function offsetsOf(records: RecordSet): number[] {
  const columns = new RecordColumns();
  const offsets: number[] = [];
  while (records.next(columns)) offsets.push(...rowsOf(columns).map(({ offset }) => offset));
  return offsets;
}

interface Asked {
  readonly partition: number;
  readonly offset: number;
}

/** What a request to fetch asks for, and how long the broker may wait. */
function askedIn(from: Reader): { readonly waitMs: number; readonly partitions: Asked[] } {
  from.int32();
  const waitMs = from.int32();
  for (let field = 0; field < 2; field++) from.int32();
  from.int8();
  from.int32();
  from.int32();
  const topics = from.array(() => {
    from.text();
    const partitions = from.array(() => {
      const partition = from.int32();
      from.int32();
      const offset = from.int64();
      from.int32();
      from.int64();
      from.int32();
      from.end();
      return { partition, offset };
    });
    from.end();
    return partitions;
  });
  return { waitMs, partitions: topics.flat() };
}

async function take(fetcher: Fetcher): Promise<{ partition: number; values: string[]; next: number }> {
  for (;;) {
    const taken = fetcher.take();
    if (taken === undefined) {
      await fetcher.wait();
      continue;
    }
    const columns = new RecordColumns();
    const values: string[] = [];
    while (taken.records.next(columns)) {
      values.push(...rowsOf(columns).map(({ value }) => Buffer.from(value ?? "", "hex").toString()));
    }
    return { partition: taken.partition, values, next: taken.records.nextOffset };
  }
}

interface Bench extends AsyncDisposable {
  readonly fetcher: Fetcher;
  /** What each request asked for. */
  readonly asked: Asked[][];
  /** How long each may wait. */
  readonly waits: number[];
  readonly broker: FakeBroker;
  /** Answers whose memory was given back. */
  readonly released: Buffer[];
}

/** A fetcher on a broker that answers each request as `answer` says. */
async function onBroker(
  answer: (asked: Asked[], turn: number) => Reaction,
  options: FetcherOptions = {},
): Promise<Bench> {
  const asked: Asked[][] = [];
  const waits: number[] = [];
  const broker = await new FakeBroker(({ body }) => {
    const { waitMs, partitions } = askedIn(body);
    asked.push(partitions);
    waits.push(waitMs);
    return answer(partitions, asked.length - 1);
  }).listen();
  const released: Buffer[] = [];
  const client = new KafkaClient({ brokers: broker.address });
  client.reuse = (answer) => void released.push(answer);
  const fetcher = new Fetcher(client, options);
  return {
    fetcher,
    released,
    asked,
    waits,
    broker,
    async [Symbol.asyncDispose]() {
      fetcher.close();
      await client.close();
      await broker[Symbol.asyncDispose]();
    },
  };
}

const first = { topic: "t", partition: 0 };
const second = { topic: "t", partition: 1 };

/** Two records for each partition that is asked for. */
function given(asked: readonly Asked[]): Given[] {
  return asked.map(({ partition, offset }) => ({ partition, records: two(offset) }));
}

const always = (asked: Asked[]): Reaction => fetched(...given(asked));

/** A fetch that is enough to wait, at the beginning of a partition, and nothing behind it. */
function muchOnce(asked: readonly Asked[]): Given[] {
  return asked.map(({ partition, offset }) => ({ partition, ...(offset === 0 && { records: some(0, 1, true) }) }));
}

describe("a fetcher", () => {
  test("goes on behind what it fetched, of all partitions in one request", async () => {
    await using bench = await onBroker(always);
    bench.fetcher.follow(first, 10);
    bench.fetcher.follow(second, 20);
    const taken = [await take(bench.fetcher), await take(bench.fetcher), await take(bench.fetcher)];
    expect(bench.asked[0]).toEqual([
      { partition: 0, offset: 10 },
      { partition: 1, offset: 20 },
    ]);
    expect(taken.slice(0, 2)).toEqual([
      { partition: 0, values: ["10", "11"], next: 12 },
      { partition: 1, values: ["20", "21"], next: 22 },
    ]);
    expect(taken[2]).toMatchObject({ partition: 0, values: ["12", "13"] });
  });

  test("gives an answer's memory back when the records of all its partitions are released", async () => {
    await using bench = await onBroker(always);
    bench.fetcher.follow(first, 10);
    bench.fetcher.follow(second, 20);
    await bench.fetcher.wait();
    const taken = [bench.fetcher.take(), bench.fetcher.take()];
    taken[1]?.release();
    expect(bench.released).toEqual([]);
    taken[0]?.release();
    expect(bench.released).toHaveLength(1);
    bench.released[0]?.fill(0xee);
    expect(await take(bench.fetcher)).toMatchObject({ values: ["12", "13"] }); // of another answer
  });

  test("asks for all partitions while little waits, so that any of them ends a request", async () => {
    await using bench = await onBroker((asked, turn) => (turn === 0 ? fetched(...given(asked.slice(1))) : "silence"));
    bench.fetcher.follow(first, 0);
    bench.fetcher.follow(second, 0);
    await expect
      .poll(() => bench.asked[1])
      .toEqual([
        { partition: 0, offset: 0 },
        { partition: 1, offset: 2 },
      ]);
    expect(bench.waits[1]).toBe(500);
  });

  test("asks no more for a partition of which enough fetches wait, however small, until one is taken", async () => {
    await using bench = await onBroker(always);
    const askedFor = (partition: number) => bench.asked.flat().filter((each) => each.partition === partition);
    bench.fetcher.follow(first, 0);
    await expect.poll(() => askedFor(0).length).toBe(FETCHES_AHEAD_MAX);
    bench.fetcher.follow(second, 0);
    await expect.poll(() => askedFor(1).length).toBe(FETCHES_AHEAD_MAX);
    expect(askedFor(0).length).toBe(FETCHES_AHEAD_MAX);
    expect(await take(bench.fetcher)).toMatchObject({ values: ["0", "1"] });
    await expect.poll(() => askedFor(0).length).toBe(FETCHES_AHEAD_MAX + 1);
    expect(bench.asked.at(-1)).toEqual([{ partition: 0, offset: 2 * FETCHES_AHEAD_MAX }]);
  });

  test("asks for a partition of which much has come when that is taken, though another one waits", async () => {
    await using bench = await onBroker((asked) => fetched(...muchOnce(asked)));
    bench.fetcher.follow(first, 0);
    bench.fetcher.follow(second, 0);
    await bench.fetcher.wait();
    await take(bench.fetcher);
    await expect.poll(() => bench.asked[1]).toEqual([{ partition: 0, offset: 1 }]);
  });

  test("has the broker wait long only if nothing else waits to be asked for", async () => {
    await using bench = await onBroker((asked) => fetched(...muchOnce(asked)));
    bench.fetcher.follow(first, 0);
    await bench.fetcher.wait();
    bench.fetcher.follow(second, 5);
    await expect.poll(() => bench.asked.length).toBeGreaterThan(2);
    await take(bench.fetcher);
    await expect.poll(() => bench.asked.at(-1)).toHaveLength(2);
    const waits = bench.asked.map((asked, turn) => {
      const all = turn === 0 || asked.length === 2;
      return `${all ? "all" : "the second alone"}: ${bench.waits[turn]}`;
    });
    expect(new Set(waits)).toEqual(new Set(["all: 500", "the second alone: 20"]));
  });

  test("gives each record once and in order, however much comes at a time and whenever it is taken", SLOW, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(size, few), fc.array(taking, few), async (sizes, takes) => {
        const waiting = new Map<number, number>();
        let most = 0;
        await using bench = await onBroker((asked, turn) => {
          const sized = asked.map((each) => sizedBy(each, sizes[turn % sizes.length] as Size)); // there is one
          for (const { partition } of sized.filter(({ records }) => records !== undefined)) {
            waiting.set(partition, (waiting.get(partition) ?? 0) + 1);
            most = Math.max(most, waiting.get(partition) ?? 0);
          }
          return fetched(...sized);
        });
        for (const each of [first, second]) bench.fetcher.follow(each, 0);
        const read = new Map<number, number[]>([0, 1].map((partition) => [partition, []]));
        for (const { afterMs, count } of takes) {
          await sleep(afterMs);
          const taken = Array.from({ length: count }, () => bench.fetcher.take() ?? []).flat();
          for (const { partition, records } of taken) {
            waiting.set(partition, (waiting.get(partition) ?? 0) - 1);
            read.get(partition)?.push(...offsetsOf(records));
          }
        }
        for (const offsets of read.values()) expect(offsets).toEqual(offsets.map((_, at) => at));
        expect(most).toBeLessThanOrEqual(FETCHES_AHEAD_MAX);
      }),
      { numRuns: 30 },
    );
  });

  test("asks again for what was empty", async () => {
    await using bench = await onBroker((asked, turn) => (turn < 3 ? fetched({ partition: 0 }) : always(asked)));
    bench.fetcher.follow(first, 5);
    expect(await take(bench.fetcher)).toMatchObject({ values: ["5", "6"] });
    expect(bench.asked.length).toBeGreaterThanOrEqual(4);
  });

  test("asks again when the leader is another one or no answer comes", async () => {
    await using bench = await onBroker((asked, turn) => {
      if (turn === 0) return fetched({ partition: 0, error: NOT_LEADER });
      return turn === 1 ? "close" : always(asked);
    });
    bench.fetcher.follow(first, 5);
    expect(await take(bench.fetcher)).toMatchObject({ values: ["5", "6"] });
    expect(bench.fetcher.retries).toBe(2);
    expect(bench.broker.metadataAsked).toBe(3);
  });

  test.each([
    [OUT_OF_RANGE, "KAFKA_OFFSET", 'partition 1 of "t" at offset 7'],
    [DENIED, "KAFKA_DENIED", "TOPIC_AUTHORIZATION_FAILED"],
  ])("names error %i of a partition, which does not pass", async (error, code, text) => {
    await using bench = await onBroker(() => fetched({ partition: 1, error }));
    bench.fetcher.follow(second, 7);
    await bench.fetcher.wait();
    expect(() => bench.fetcher.take()).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(text) }),
    );
  });

  test("gives up when a failure that should pass does not", async () => {
    await using bench = await onBroker(() => fetched({ partition: 0, error: NOT_LEADER }), { withinMs: 50 });
    bench.fetcher.follow(first, 0);
    await bench.fetcher.wait();
    expect(() => bench.fetcher.take()).toThrow("NOT_LEADER_OR_FOLLOWER");
  });

  test("does not ask for a partition that is paused, until it is resumed", async () => {
    await using bench = await onBroker(always);
    bench.fetcher.follow(first, 0);
    bench.fetcher.pause(first, true);
    bench.fetcher.follow(second, 0);
    await take(bench.fetcher);
    await take(bench.fetcher);
    expect(bench.asked.flat().filter(({ partition }) => partition === 0)).toEqual([]);
    bench.fetcher.pause(first, false);
    await expect
      .poll(() => bench.asked.flat().find(({ partition }) => partition === 0))
      .toEqual({ partition: 0, offset: 0 });
  });

  test("drops what waits of a partition that it no longer follows, and begins it anew where it is told to", async () => {
    await using bench = await onBroker(always);
    bench.fetcher.follow(first, 0);
    await bench.fetcher.wait();
    bench.fetcher.unfollow(first);
    expect(bench.fetcher.take()).toBeUndefined();
    bench.fetcher.follow(first, 50);
    expect(await take(bench.fetcher)).toMatchObject({ values: ["50", "51"] });
  });

  test("asks where a partition goes on whose offset is lost, once, while others are read", async () => {
    const answer = (asked: Asked[]): Reaction =>
      fetched(
        ...asked.map(({ partition, offset }) =>
          partition === 1 && offset < 50 ? { partition, error: OUT_OF_RANGE } : { partition, records: two(offset) },
        ),
      );
    const place = Promise.withResolvers<number>();
    const lost: unknown[] = [];
    const placeOf = (where: unknown, offset: number): Promise<number> => {
      lost.push({ where, offset });
      return place.promise;
    };
    await using bench = await onBroker(answer, { placeOf });
    bench.fetcher.follow(first, 0);
    bench.fetcher.follow(second, 7);
    for (let turn = 0; turn < 5; turn++) expect(await take(bench.fetcher)).toMatchObject({ partition: 0 });
    expect(lost).toEqual([{ where: second, offset: 7 }]);
    place.resolve(50);
    const taken: unknown[] = [];
    while (taken.length < 2) {
      const { partition, values } = await take(bench.fetcher);
      if (partition === 1) taken.push(values);
    }
    expect(taken).toEqual([
      ["50", "51"],
      ["52", "53"],
    ]);
  });

  test("names why it cannot be found where a partition goes on", async () => {
    const placeOf = (): Promise<number> => Promise.reject(new KafkaFailure("KAFKA_DENIED", "no", "X", "none"));
    await using bench = await onBroker(() => fetched({ partition: 0, error: OUT_OF_RANGE }), { placeOf });
    bench.fetcher.follow(first, 7);
    await bench.fetcher.wait();
    expect(() => bench.fetcher.take()).toThrow(expect.objectContaining({ code: "KAFKA_DENIED" }));
  });

  test("names damaged records when they are read", async () => {
    const bad = two(0);
    bad[bad.length - 1] = (bad.at(-1) ?? 0) ^ 1;
    await using bench = await onBroker(() => fetched({ partition: 0, records: bad }));
    bench.fetcher.follow(first, 0);
    await bench.fetcher.wait();
    expect(() => bench.fetcher.take()).toThrow("checksum");
  });

  test("nobody waits for a closed one", async () => {
    await using bench = await onBroker(() => "silence");
    bench.fetcher.follow(first, 0);
    const waiting = bench.fetcher.wait();
    bench.fetcher.close();
    await waiting;
    expect(bench.fetcher.take()).toBeUndefined();
  });
});
