/**
 * The shared-memory protocol of channels and doorbells, in every interleaving of its atomic steps, and in real threads.
 *
 * The model writes down what `ring-producer.ts`, `ring-consumer.ts` and `doorbell.ts` do, a step for each access to
 * shared memory. That it can fail is shown by variants that leave out what the protocol rests on.
 */

import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { createDoorbells, Doorbell } from "../../../runtime/exchange/doorbell.ts";
import { createPoolBuffer } from "../../../runtime/exchange/segment-pool.ts";
import { SharedInputChannel } from "../../../runtime/exchange/shared-channel.ts";
import { CONTROL_BLOCK_BYTES } from "../../../runtime/exchange/shared-ring.ts";
import { explore, type Program } from "./explore.ts";
import { newDigest, type ProducerSetup } from "./fixtures/stress-records.ts";

const credit = 2;
/** Enough to use each descriptor again. */
const itemsToSend = 3;
/** Just before the counters of 32 bits wrap around. */
const firstCount = 2 ** 31 - 2;

interface Bell {
  count: number;
  sleepsAt: number;
  /** Whether its slot sleeps, to be woken by a notification alone. */
  waiting: boolean;
}

interface Model {
  head: number;
  tail: number;
  /** Two words a descriptor, as real ones are not written in one step. */
  ring: [number, number][];
  bells: { producer: Bell; consumer: Bell };
  /** What each thread keeps for itself. */
  produced: number;
  consumed: number;
  producerCount: number;
  consumerCount: number;
  raisedBy: Record<string, number>;
  read: number;
  /** Descriptors in use when one was released. */
  used: number;
}

type Side = "producer" | "consumer";

interface Variant {
  readonly ring?: (who: string, side: Side) => Program<Model>;
  readonly looksAgain?: boolean;
  readonly publishesFirst?: boolean;
  readonly releasesFirst?: boolean;
  readonly countsFirst?: boolean;
  readonly credit?: number;
  /** The segments that the channel owns, when others hold all that is shared; absent: it always gets one. */
  readonly floor?: number;
  /** Whether a release rings for the floor too. */
  readonly ringsAtFloor?: boolean;
  readonly items?: number;
  /** Whether another channel rings too. */
  readonly alone?: boolean;
}

/** Every third item is a control element. */
function needsSegment(item: number): boolean {
  return item % 3 !== 1;
}

/** The segments of the descriptors that the producer cannot have back yet. */
function segmentsHeld(s: Model): number {
  let held = 0;
  for (let at = s.tail; at !== s.head; at = (at + 1) | 0) if (needsSegment((at - firstCount) | 0)) held++;
  return held;
}

function initial(): Model {
  const bell = (): Bell => ({ count: 0, sleepsAt: 0, waiting: false });
  return {
    head: firstCount | 0,
    tail: firstCount | 0,
    ring: Array.from({ length: credit }, () => [-1, -1]),
    bells: { producer: bell(), consumer: bell() },
    produced: 0,
    consumed: 0,
    producerCount: 0,
    consumerCount: 0,
    raisedBy: {},
    read: -1,
    used: 0,
  };
}

/** As in `Doorbell.ring`. */
function ring(who: string, side: Side): Program<Model> {
  return [
    [
      `raise the count of the ${side}`,
      (s) => {
        s.raisedBy[who] = s.bells[side].count++;
      },
    ],
    [
      `notify the ${side} if it sleeps at that count`,
      (s) => {
        if (s.bells[side].sleepsAt === s.raisedBy[who]) s.bells[side].waiting = false;
      },
    ],
  ];
}

/** A flag that the first ring takes away: another ring's flag may be taken by one that came before the sleep. */
function ringByFlag(who: string, side: Side): Program<Model> {
  return [
    [
      `raise the count of the ${side}`,
      (s) => {
        s.bells[side].count++;
      },
    ],
    [
      `take the flag of the ${side}`,
      (s) => {
        s.raisedBy[who] = s.bells[side].sleepsAt;
        s.bells[side].sleepsAt = -1;
      },
    ],
    [
      `notify the ${side} if the flag was up`,
      (s) => {
        if (s.raisedBy[who] !== -1) s.bells[side].waiting = false;
      },
    ],
  ];
}

/** From `prepareSleep` to the end of `sleep`; `hasWork` is the look in between. */
function sleep(side: Side, hasWork: (s: Model) => boolean, again: string, looksAgain: boolean): Program<Model> {
  const own = side === "producer" ? "producerCount" : "consumerCount";
  return [
    [
      "read the count",
      (s) => {
        s[own] = s.bells[side].count;
      },
    ],
    [
      "write it down",
      (s) => {
        s.bells[side].sleepsAt = s[own];
      },
    ],
    ["look again", (s) => (looksAgain && hasWork(s) ? again : undefined)],
    [
      "wait on the count",
      (s) => {
        s.bells[side].waiting = s.bells[side].count === s[own];
      },
    ],
    ["asleep", (s) => (s.bells[side].waiting ? "blocked" : again)],
  ];
}

function producer(variant: Variant): Program<Model> {
  const { items = itemsToSend, floor = Number.POSITIVE_INFINITY } = variant;
  const allowed = variant.credit ?? credit;
  const canSend = (s: Model): boolean =>
    ((s.head - s.tail) | 0) < allowed && (!needsSegment(s.produced) || segmentsHeld(s) < floor);
  const slot = (s: Model): [number, number] => s.ring[s.head & (credit - 1)] as [number, number];
  const write: Program<Model> = [
    [
      "write the first word",
      (s) => {
        if (((s.head - s.tail) | 0) >= credit) throw new Error("a descriptor that was not released is overwritten");
        slot(s)[0] = s.produced;
      },
    ],
    [
      "write the second word",
      (s) => {
        slot(s)[1] = s.produced;
      },
    ],
  ];
  const publish: Program<Model> = [
    [
      "publish the head",
      (s) => {
        s.head = (s.head + 1) | 0;
      },
    ],
  ];
  return [
    ["look for credit", (s) => (s.produced === items ? "end" : canSend(s) ? "go on" : undefined)],
    ...sleep("producer", canSend, "look for credit", variant.looksAgain ?? true),
    ["go on", () => {}],
    ...(variant.publishesFirst === true ? [...publish, ...write] : [...write, ...publish]),
    ...(variant.ring ?? ring)("producer", "consumer"),
    [
      "next item",
      (s) => {
        s.produced++;
        return "look for credit";
      },
    ],
  ];
}

function consumer(variant: Variant): Program<Model> {
  const { items = itemsToSend, ringsAtFloor = true } = variant;
  const hasElement = (s: Model): boolean => s.head !== s.tail;
  const read: Program<Model> = [
    [
      "read the first word",
      (s) => {
        s.read = (s.ring[(s.consumed + firstCount) & (credit - 1)] as [number, number])[0];
      },
    ],
    [
      "read the second word",
      (s) => {
        const second = (s.ring[(s.consumed + firstCount) & (credit - 1)] as [number, number])[1];
        if (s.read !== s.consumed || second !== s.consumed) throw new Error("read what is not published");
      },
    ],
  ];
  const count: Program<Model> = [
    [
      "count what was used before the release",
      (s) => {
        s.used = (s.head - ((s.consumed + firstCount) | 0)) | 0;
      },
    ],
  ];
  const release: Program<Model> = [
    [
      "release",
      (s) => {
        s.tail = (s.tail + 1) | 0;
      },
    ],
  ];
  const releaseAndCount = variant.countsFirst === true ? [...count, ...release] : [...release, ...count];
  return [
    ["look for an element", (s) => (s.consumed === items ? "end" : hasElement(s) ? "take" : undefined)],
    ...sleep("consumer", hasElement, "look for an element", variant.looksAgain ?? true),
    ["take", () => {}],
    ...(variant.releasesFirst === true ? [...releaseAndCount, ...read] : [...read, ...releaseAndCount]),
    // The producer may wait for credit only if all of it was used, for a segment only if it held its floor.
    [
      "ring only then",
      (s) => (s.used === credit || (s.used === variant.floor && ringsAtFloor) ? undefined : "next element"),
    ],
    ...(variant.ring ?? ring)("consumer", "producer"),
    [
      "next element",
      (s) => {
        s.consumed++;
        return "look for an element";
      },
    ],
  ];
}

/** Another channel's thread: rings both slots without having anything for them. */
function stranger(variant: Variant): Program<Model> {
  const rung = variant.ring ?? ring;
  return [...rung("stranger", "consumer"), ...rung("stranger", "producer")];
}

function check(variant: Variant = {}): ReturnType<typeof explore> {
  return explore(initial(), {
    producer: producer(variant),
    consumer: consumer(variant),
    ...(variant.alone === true ? {} : { stranger: stranger(variant) }),
  });
}

test("in every interleaving no wake-up is lost, no descriptor overwritten and none read before it is published", () => {
  const { states, failure } = check();
  expect(failure).toBe(undefined);
  expect(states).toBeGreaterThan(1000);
});

test("when others hold all shared segments, no wake-up for one of the floor is lost, with control elements in between", () => {
  expect(check({ floor: 1, items: 6, alone: true }).failure).toBe(undefined);
});

test.each<[string, Variant, string]>([
  ["rings share one flag", { ring: ringByFlag }, "stuck"],
  ["nobody looks again before sleeping", { looksAgain: false }, "stuck"],
  ["the head is published before its descriptor", { publishesFirst: true }, "read what is not published"],
  ["a descriptor is released before it is read", { releasesFirst: true }, "read what is not published"],
  ["what is used is counted before the release", { countsFirst: true }, "stuck"],
  ["a release rings for credit alone", { floor: 1, ringsAtFloor: false, items: 4, alone: true }, "stuck"],
  ["there is one credit too many", { credit: credit + 1 }, "a descriptor that was not released is overwritten"],
])("the protocol breaks when %s", (_, variant, why) => {
  expect(check(variant).failure?.why).toBe(why);
});

test("two threads hand over records of random sizes, each once, in order, waking each other by the doorbells alone", async () => {
  const setup: ProducerSetup = {
    seed: 20_240_229,
    records: 60_000,
    control: new SharedArrayBuffer(CONTROL_BLOCK_BYTES),
    segments: createPoolBuffer(1),
    doorbells: createDoorbells(2),
  };
  const worker = new Worker(new URL("./fixtures/stress-producer.ts", import.meta.url), { workerData: setup });
  const doorbell = new Doorbell(setup.doorbells, 1);
  const input = new SharedInputChannel({
    operator: "consumer",
    control: setup.control,
    segments: setup.segments,
    doorbell: new Doorbell(setup.doorbells, 0),
  });
  const produced = new Promise<string>((resolve, reject) => {
    worker.once("error", reject);
    worker.on("message", (message: { serial: number; frame: SharedArrayBuffer } | { digest: string }) => {
      if ("digest" in message) return resolve(message.digest);
      input.receiveOversize(message.serial, message.frame);
      doorbell.ring();
    });
  });
  const consumed = consume(input, doorbell);
  expect(await Promise.race([consumed, produced.then(() => consumed)])).toEqual({
    records: setup.records,
    digest: await produced,
    watermark: setup.records - 1,
  });
  await worker.terminate();
});

async function consume(input: SharedInputChannel, doorbell: Doorbell): Promise<object> {
  const digest = newDigest();
  const gate = { blocked: false };
  let delivered = 0;
  const push = (value: unknown, timestamp: number): void => {
    digest.add(value, timestamp);
    gate.blocked = ++delivered % 700 === 0;
  };
  let announced: number | undefined;
  for (;;) {
    const element = input.poll();
    if (element === undefined && announced === undefined) announced = doorbell.prepareSleep();
    else if (element === undefined) {
      await doorbell.sleep(announced as number, Number.POSITIVE_INFINITY);
      announced = undefined;
    } else {
      announced = undefined;
      if (element === "end") return { records: delivered, digest: digest.hex(), watermark: input.watermarkRead };
      if (element !== "batch") continue;
      while (!input.batch.deliver(push, gate)) gate.blocked = false;
      input.release();
    }
  }
}
