import { describe, expect, test } from "vitest";
import { Fetcher, type FetcherOptions } from "../../../../connectors/kafka/client/fetcher.ts";
import { KafkaClient } from "../../../../connectors/kafka/client/kafka-client.ts";
import { KafkaFailure } from "../../../../connectors/kafka/client/kafka-failure.ts";
import { RecordColumns } from "../../../../connectors/kafka/codec/record-columns.ts";
import { FETCH_AHEAD_BYTES } from "../../../../connectors/kafka/limits.ts";
import type { Reader } from "../../../../connectors/kafka/protocol/reader.ts";
import { atOffset, batchOf, rowsOf } from "../codec/records.ts";
import { FakeBroker, fetched, type Reaction } from "./fake-broker.ts";

const NOT_LEADER = 6;
const OUT_OF_RANGE = 1;
const DENIED = 29;

/** Two records from `offset` on. */
function two(offset: number): Buffer {
  const record = { key: null, timestamp: 0, headers: [] };
  const values = [offset, offset + 1].map((each) => ({ ...record, value: String(each) }));
  return atOffset(batchOf(values), offset);
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
const always = (asked: Asked[]): Reaction =>
  fetched(...asked.map(({ partition, offset }) => ({ partition, records: two(offset) })));

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

  test("does not ask for a partition of which something waits", async () => {
    await using bench = await onBroker(always);
    bench.fetcher.follow(first, 0);
    await bench.fetcher.wait();
    await expect.poll(() => bench.asked.length).toBe(1);
    bench.fetcher.follow(second, 0);
    await expect.poll(() => bench.asked).toEqual([[{ partition: 0, offset: 0 }], [{ partition: 1, offset: 0 }]]);
    await take(bench.fetcher);
    await take(bench.fetcher);
    await expect.poll(() => bench.asked.slice(2)).toHaveLength(1);
    expect(bench.asked[2]).toEqual([0, 1].map((partition) => ({ partition, offset: 2 })));
  });

  test("asks at once for a partition of which much has come, though another one waits", async () => {
    const much = atOffset(batchOf([{ key: null, timestamp: 0, headers: [], value: "x".repeat(FETCH_AHEAD_BYTES) }]), 0);
    await using bench = await onBroker((asked) =>
      fetched(...asked.map(({ partition, offset }) => ({ partition, ...(offset === 0 && { records: much }) }))),
    );
    bench.fetcher.follow(first, 0);
    bench.fetcher.follow(second, 0);
    await bench.fetcher.wait();
    await take(bench.fetcher);
    await expect.poll(() => bench.asked[1]).toEqual([{ partition: 0, offset: 1 }]);
  });

  test("has the broker wait long only if nothing else waits to be asked for", async () => {
    await using bench = await onBroker((asked) =>
      fetched(...asked.map(({ partition, offset }) => ({ partition, ...(offset < 2 && { records: two(offset) }) }))),
    );
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
    await expect.poll(() => bench.asked.flat().filter(({ partition }) => partition === 0)).toHaveLength(1);
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
