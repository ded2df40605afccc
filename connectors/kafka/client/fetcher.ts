/**
 * Keeps records of several partitions coming: asks each leader for those of its partitions of which not enough waits here, one
 * request to a leader at a time, and hands out what came, a partition's fetch at a time.
 *
 * Where records come one by one, every request asks for all partitions, and whichever gets a record ends it: one that was left
 * out until its last fetch was taken would wait for the others'. Where they come fast, one fetch is enough, and the next is
 * asked for when it is taken, so it comes while that is being read. A partition that nobody takes from is asked for until
 * enough waits: that is the backpressure. `pause` does the same on purpose. A request that leaves out partitions of which
 * enough waits is a short one, so that these are not held up by quiet ones when they were taken.
 *
 *   idle ──asked──► asked ──an answer, its records wait to be taken──► idle
 *                     ├──a failure that passes──► idle, after a pause
 *                     └──the offset is lost──► replaced ──`placeOf` has said where it goes on──► idle
 */

import { offsetBehind } from "../codec/batch-header.ts";
import { RecordSet } from "../codec/record-set.ts";
import {
  FETCH_AHEAD_BYTES,
  FETCH_BYTES,
  FETCH_PARTITION_BYTES,
  FETCH_SHORT_WAIT_MS,
  FETCH_WAIT_MS,
  FETCHES_AHEAD_MAX,
  RETRY_MS_MAX,
  RETRY_MS_MIN,
  RETRY_WITHIN_MS,
} from "../limits.ts";
import type { TopicPartition } from "../protocol/api.ts";
import { type FetchedPartition, type FetchOptions, fetchRecords } from "../protocol/fetch.ts";
import type { KafkaClient, Leader } from "./kafka-client.ts";
import { accepted, KafkaFailure, refusal } from "./kafka-failure.ts";

export interface FetcherOptions extends Partial<FetchOptions> {
  /** How long a partition may fail in ways that pass; default 2 min. */
  readonly withinMs?: number;
  /** Where a partition goes on that does not have the offset any more that is next. Absent: that is a failure. */
  readonly placeOf?: (partition: TopicPartition, lost: number) => Promise<number>;
}

export interface FetchedRecords extends TopicPartition {
  readonly records: RecordSet;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  /**
   * Says that nobody reads its records any more and nobody keeps bytes of them: their memory is used again. When it is not
   * called, the memory is left to the collector. REQUIRES: it is called once at most.
   */
  readonly release: () => void;
}

interface Followed extends TopicPartition {
  /** Where its next fetch begins. */
  offset: number;
  state: "idle" | "asked" | "replaced";
  /** Fetches that have come and were not taken, and their bytes. */
  waiting: number;
  waitingBytes: number;
  paused: boolean;
  /** When it may be asked for again, after a failure. */
  notBefore: number;
  failures: number;
  failingSince: number;
}

const OFFSET_OUT_OF_RANGE = 1;

/** A fetch of a partition that waits to be taken. */
interface Waiting {
  readonly of: Followed;
  readonly fetched: FetchedPartition;
  readonly from: number;
  readonly release: () => void;
}

export class Fetcher {
  readonly #client: KafkaClient;
  readonly #options: FetchOptions;
  readonly #withinMs: number;
  readonly #placeOf: FetcherOptions["placeOf"];
  readonly #followed = new Map<string, Followed>();
  readonly #asked = new Set<number>();
  readonly #ready: Waiting[] = [];
  #waiting: PromiseWithResolvers<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failure: { readonly cause: unknown } | undefined;
  #pumping = false;
  #closed = false;
  /** Requests that failed in a way that passes, and partitions that were refused so. */
  retries = 0;

  constructor(client: KafkaClient, options: FetcherOptions) {
    this.#client = client;
    this.#withinMs = options.withinMs ?? RETRY_WITHIN_MS;
    this.#placeOf = options.placeOf;
    this.#options = {
      committedOnly: options.committedOnly ?? true,
      waitMs: options.waitMs ?? FETCH_WAIT_MS,
      bytesMin: options.bytesMin ?? 1,
      bytesMax: options.bytesMax ?? FETCH_BYTES,
      partitionBytesMax: options.partitionBytesMax ?? FETCH_PARTITION_BYTES,
    };
  }

  /** Begins to follow a partition at an offset. */
  follow({ topic, partition }: TopicPartition, offset: number): void {
    const fresh = { topic, partition, offset, waiting: 0, waitingBytes: 0, paused: false, notBefore: 0 };
    this.#followed.set(keyOf(fresh), { ...fresh, state: "idle", failures: 0, failingSince: 0 });
    this.#pump();
  }

  /** What waits of it is dropped. */
  unfollow(partition: TopicPartition): void {
    this.#followed.delete(keyOf(partition));
  }

  /** While it is paused a partition is not asked for; what has come already is still given out. */
  pause(partition: TopicPartition, paused: boolean): void {
    const followed = this.#followed.get(keyOf(partition));
    if (followed === undefined) return;
    followed.paused = paused;
    this.#pump();
  }

  /**
   * The next fetch with records, if one is there; of a partition, in the order of their offsets.
   * @throws KafkaFailure of a partition or broker that failed for good
   */
  take(): FetchedRecords | undefined {
    if (this.#failure !== undefined) throw this.#failure.cause;
    for (let next = this.#ready.shift(); next !== undefined; next = this.#ready.shift()) {
      const { of, fetched, from, release } = next;
      if (this.#followed.get(keyOf(of)) !== of) continue;
      const wasFull = isFull(of);
      of.waiting--;
      of.waitingBytes -= sizeOf(fetched);
      if (wasFull && !isFull(of)) this.#pump();
      return { ...given(fetched), records: this.#recordSet(fetched, from), release };
    }
    return undefined;
  }

  /** Resolves when `take` has something to give or to throw. */
  async wait(): Promise<void> {
    if (this.#ready.length > 0 || this.#failure !== undefined || this.#closed) return;
    this.#waiting ??= Promise.withResolvers();
    await this.#waiting.promise;
  }

  close(): void {
    this.#closed = true;
    this.#followed.clear();
    clearTimeout(this.#timer);
    this.#wake();
  }

  #recordSet({ buffer, records, aborted }: FetchedPartition, from: number): RecordSet {
    return new RecordSet(buffer, records.start, records.end, { from, ...(this.#options.committedOnly && { aborted }) });
  }

  /** Asks for all that may be asked for, soon: what else changes in this turn is taken along. */
  #pump(): void {
    if (this.#pumping || this.#closed) return;
    this.#pumping = true;
    queueMicrotask(() => {
      this.#pumping = false;
      this.#ask().catch((cause: unknown) => this.#fail(cause));
    });
  }

  async #ask(): Promise<void> {
    const now = performance.now();
    const idle = [...this.#followed.values()].filter((each) => each.state === "idle" && !each.paused && !isFull(each));
    const due = idle.filter(({ notBefore }) => notBefore <= now);
    this.#askLater(Math.min(...idle.filter((each) => !due.includes(each)).map(({ notBefore }) => notBefore)) - now);
    for (const each of due) each.state = "asked";
    const waitMs = this.#waitMs();
    const led = await Promise.all(due.map((each) => this.#leaderOf(each)));
    const byNode = Map.groupBy(
      led.flatMap((each) => each ?? []),
      ({ leader }) => leader.node,
    );
    for (const [node, partitions] of byNode) {
      if (!this.#asked.has(node)) this.#fetch(node, partitions, waitMs).catch((cause: unknown) => this.#fail(cause));
      else for (const { of } of partitions) of.state = "idle"; // taken along when that leader has answered
    }
  }

  #waitMs(): number {
    for (const { state, paused } of this.#followed.values())
      if (state !== "asked" && !paused) return Math.min(FETCH_SHORT_WAIT_MS, this.#options.waitMs);
    return this.#options.waitMs;
  }

  async #leaderOf(of: Followed): Promise<{ of: Followed; leader: Leader } | undefined> {
    try {
      return { of, leader: await this.#client.leader(of) };
    } catch (cause) {
      this.#failed(of, cause);
      return undefined;
    }
  }

  async #fetch(node: number, partitions: readonly { of: Followed; leader: Leader }[], waitMs: number): Promise<void> {
    this.#asked.add(node);
    try {
      const positions = partitions.map(({ of, leader }) => ({ ...of, leaderEpoch: leader.epoch }));
      const request = fetchRecords(positions, { ...this.#options, waitMs });
      const answer = accepted(await this.#client.toNode(node, request), request);
      const share = this.#shared();
      for (const fetched of answer.partitions) this.#take(fetched, partitions, share);
      for (const { of } of partitions) if (of.state === "asked") of.state = "idle"; // not in the answer
    } catch (cause) {
      for (const { of } of partitions) this.#failed(of, cause);
    } finally {
      this.#asked.delete(node);
      this.#pump();
    }
  }

  /** An answer's memory holds several partitions' records: it is free when all that were given out are released. */
  #shared(): (buffer: Buffer) => () => void {
    let readers = 0;
    return (buffer) => {
      readers++;
      return () => {
        if (--readers === 0) this.#client.reuse(buffer);
      };
    };
  }

  #take(
    fetched: FetchedPartition,
    partitions: readonly { of: Followed }[],
    share: (buffer: Buffer) => () => void,
  ): void {
    const { topic, partition, error, buffer, records } = fetched;
    const of = partitions.find((each) => each.of.topic === topic && each.of.partition === partition)?.of;
    if (of === undefined || this.#followed.get(keyOf(of)) !== of) return;
    if (error === OFFSET_OUT_OF_RANGE && this.#placeOf !== undefined) {
      this.#replace(of, this.#placeOf({ topic, partition }, of.offset));
      return;
    }
    if (error !== 0) {
      this.#failed(of, refusal(error, `reading partition ${partition} of "${topic}" at offset ${of.offset}`));
      return;
    }
    of.failures = 0;
    of.state = "idle";
    if (records.end === records.start) return;
    of.waiting++;
    of.waitingBytes += sizeOf(fetched);
    this.#ready.push({ of, fetched, from: of.offset, release: share(buffer) });
    of.offset = offsetBehind(buffer, records.start, records.end, of.offset);
    this.#wake();
  }

  /** It goes on where the promise says, and is not asked for before. */
  #replace(of: Followed, place: Promise<number>): void {
    of.state = "replaced";
    place.then(
      (offset) => {
        of.offset = offset;
        of.state = "idle";
        this.#pump();
      },
      (cause: unknown) => this.#failed(of, cause),
    );
  }

  /** A failure that passes is waited for, longer each time; another one, or one that does not pass, ends all. */
  #failed(of: Followed, cause: unknown): void {
    if (this.#closed || this.#followed.get(keyOf(of)) !== of) return;
    const now = performance.now();
    of.failingSince = of.failures === 0 ? now : of.failingSince;
    if (!(cause instanceof KafkaFailure) || cause.remedy === "none" || now - of.failingSince > this.#withinMs) {
      this.#fail(cause);
      return;
    }
    this.retries++;
    this.#client.forget(of.topic);
    of.notBefore = now + Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** of.failures++);
    of.state = "idle";
    this.#pump();
  }

  #fail(cause: unknown): void {
    if (this.#closed) return;
    this.#failure ??= { cause };
    this.#wake();
  }

  #askLater(inMs: number): void {
    clearTimeout(this.#timer);
    if (Number.isFinite(inMs)) this.#timer = setTimeout(() => this.#pump(), inMs);
  }

  #wake(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }
}

function given({
  topic,
  partition,
  highWatermark,
  lastStableOffset,
}: FetchedPartition): Omit<FetchedRecords, "records" | "release"> {
  return { topic, partition, highWatermark, lastStableOffset };
}

/** Whether enough of it waits here. */
function isFull({ waiting, waitingBytes }: Followed): boolean {
  return waitingBytes >= FETCH_AHEAD_BYTES || waiting >= FETCHES_AHEAD_MAX;
}

function sizeOf({ records }: FetchedPartition): number {
  return records.end - records.start;
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
