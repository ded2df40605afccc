import { describe, expect, test } from "vitest";
import { counting } from "../../../core/aggregate.ts";
import { hashKey } from "../../../core/key.ts";
import { keyGroupOf, subtaskOfKeyGroup } from "../../../core/key-group.ts";
import {
  CHANNEL_CREDIT,
  LOCAL_BATCH_ROWS,
  PRE_AGGREGATE_HOT_TRIAL_RECORDS,
  WATERMARKS_SENT_AT_ONCE,
} from "../../../core/limits.ts";
import { tumbling } from "../../../core/window.ts";
import { partialOf, recordsOf, type WindowSpec } from "../../../operators/window/partials.ts";
import { LocalChannel } from "../../../runtime/exchange/local-channel.ts";
import { EdgeOutput } from "../../../runtime/task/edge-output.ts";
import { SubtaskGate } from "../../../runtime/task/subtask-gate.ts";
import { VirtualClock } from "../../../runtime/testing/index.ts";

/** An edge to so many consumers, each of which gets every record. */
function edgeTo(consumers: number): { edge: EdgeOutput; channels: LocalChannel[]; gate: SubtaskGate } {
  const channels = Array.from({ length: consumers }, () => new LocalChannel());
  const gate = new SubtaskGate(() => {});
  const edge = new EdgeOutput({
    kind: "broadcast",
    partitioning: { kind: "broadcast" },
    channels,
    keyGroups: 128,
    gate,
    toOperator: "consumer",
    failure: (cause) => cause as Error,
  });
  return { edge, channels, gate };
}

/** What can be taken from the channel: records by value, watermarks by name. */
function taken(channel: LocalChannel): unknown[] {
  const all: unknown[] = [];
  for (let kind = channel.poll(); kind !== undefined; kind = channel.poll()) {
    if (kind === "watermark") all.push(`watermark ${channel.watermarkRead}`);
    if (kind !== "batch") continue;
    channel.batch.deliver((value) => all.push(value), { blocked: false });
    channel.release();
  }
  return all;
}

test("the first watermarks are sent at once, with the records before them, to every consumer", () => {
  const { edge, channels } = edgeTo(2);
  for (let time = 1; time <= WATERMARKS_SENT_AT_ONCE; time++) {
    edge.push({ time }, time);
    edge.watermark(time);
    for (const channel of channels) expect(taken(channel)).toEqual([{ time }, `watermark ${time}`]);
  }
});

test("later ones wait until a batch is full or flushed", () => {
  const { edge, channels } = edgeTo(1);
  const [channel] = channels as [LocalChannel];
  for (let time = 1; time <= WATERMARKS_SENT_AT_ONCE; time++) edge.watermark(time);
  taken(channel);
  edge.push("one", 0);
  edge.watermark(90);
  edge.watermark(100);
  expect(taken(channel)).toEqual([]);
  edge.flush();
  expect(taken(channel)).toEqual(["one", "watermark 100"]);
});

test("a first watermark without credit closes the gate and comes in its place", () => {
  const { edge, channels, gate } = edgeTo(1);
  const [channel] = channels as [LocalChannel];
  for (let row = 0; row < CHANNEL_CREDIT * LOCAL_BATCH_ROWS; row++) edge.push(row, 0);
  expect(gate.blocked).toBe(false);
  edge.push("behind", 0);
  edge.watermark(1);
  expect(gate.blocked).toBe(true);
  taken(channel);
  edge.drain();
  expect(taken(channel)).toEqual(["behind", "watermark 1"]);
});

/** An edge by key to two consumers, with windows behind it; a key of the first one, and others of both. */
function edgeToWindows(keys: "underPressure" | undefined) {
  const channels = [new LocalChannel(), new LocalChannel()] as const;
  const gate = new SubtaskGate(() => {});
  const key = { select: (value: unknown) => (value as { key: string }).key, fields: ["key"] };
  const spec = {
    ...{ kind: "window", key, window: tumbling("1h"), aggregate: counting() },
    ...{ allowedLatenessMs: 0, late: undefined },
  } as unknown as WindowSpec;
  const edge = new EdgeOutput({
    ...{ kind: "hash", partitioning: { kind: "hash", key }, channels, keyGroups: 128, gate, toOperator: "consumer" },
    failure: (cause) => cause as Error,
    ...(keys === undefined ? {} : { preAggregate: { spec, keys, clock: new VirtualClock() } }),
  });
  const consumerOf = (each: string): number => subtaskOfKeyGroup(keyGroupOf(hashKey(each, "consumer"), 128), 128, 2);
  const names = Array.from({ length: 100 }, (_, i) => `key ${i}`);
  const hot = names.find((each) => consumerOf(each) === 0) as string;
  const cold = names.filter((each) => each !== hot);
  return { edge, channels, gate, hot, cold, consumerOf };
}

/** Takes one batch. */
function takeOne(channel: LocalChannel): number {
  if (channel.poll() !== "batch") return 0;
  const { rows } = channel.batch;
  channel.batch.deliver(() => {}, { blocked: false });
  channel.release();
  return rows;
}

/**
 * So many turns: each pushes two batches' records if there is room, the hot key and others in turn. The others' consumer takes
 * all that comes, that of the hot key, which has three quarters, so many batches. Returns what was pushed in all, and what of it
 * the hot key's consumer was sent.
 */
function pushed(keys: "underPressure" | undefined, turns: number, batchesTaken: number) {
  const { edge, channels, gate, hot, cold } = edgeToWindows(keys);
  let records = 0;
  for (let turn = 0; turn < turns; turn++) {
    gate.blocked = !edge.drain();
    for (let row = 0; row < 2 * LOCAL_BATCH_ROWS && !gate.blocked; row++, records++)
      edge.push({ key: row % 2 === 0 ? hot : cold[(row >> 1) % cold.length] }, 0);
    taken(channels[1]);
    for (let batch = 0; batch < batchesTaken; batch++) takeOne(channels[0]);
  }
  return { records, hotSent: channels[0].records };
}

const turns = 1000;
const all = turns * 2 * LOCAL_BATCH_ROWS;

test("a consumer that cannot keep up with a hot key does not stop the records of other keys", () => {
  expect(pushed(undefined, turns, 1).records).toBeLessThan(all * 0.75);
  const { records, hotSent } = pushed("underPressure", turns, 1);
  expect(records).toBeGreaterThan(all * 0.9);
  expect(hotSent).toBeLessThan(records * 0.4);
});

test("the records of a hot key are sent one by one to a consumer that keeps up", () => {
  const { records, hotSent } = pushed("underPressure", turns, 2);
  expect(records).toBe(all);
  expect(hotSent).toBeGreaterThan(records * 0.7);
});

/** All that waits in a channel: how many records it stands for, and what else, in order. */
function takenRecords(channel: LocalChannel): { readonly records: number; readonly partials: number } {
  const all = taken(channel);
  return {
    records: all.reduce<number>((sum, each) => sum + (typeof each === "string" ? 0 : recordsOf(each)), 0),
    partials: all.filter((each) => partialOf(each) !== undefined).length,
  };
}

describe("while a hot key's records are held", () => {
  /** An edge to whose first consumer a hot key's records are held; how many it has been sent of how many records. */
  function holding() {
    const { edge, channels, gate, hot, consumerOf } = edgeToWindows("underPressure");
    let pushedToHot = 0;
    let received = 0;
    const push = (key: string, count: number): void => {
      for (let i = 0; i < count && !gate.blocked; i++, pushedToHot++) edge.push({ key }, 0);
    };
    for (let turn = 0; turn < 200; turn++) {
      gate.blocked = !edge.drain();
      push(hot, 2 * LOCAL_BATCH_ROWS);
      received += oneBatch(channels[0]);
    }
    const empty = (): number => {
      let partials = 0;
      do {
        const { records, partials: more } = takenRecords(channels[0]);
        received += records;
        partials += more;
      } while (!edge.drain());
      gate.blocked = false;
      return partials;
    };
    empty();
    const held = (): number => pushedToHot - received;
    return { edge, hot, consumerOf, push, empty, held };
  }

  /** The records that one batch stands for. */
  function oneBatch(channel: LocalChannel): number {
    if (channel.poll() !== "batch") return 0;
    let records = 0;
    channel.batch.deliver(
      (value) => {
        records += recordsOf(value);
      },
      { blocked: false },
    );
    channel.release();
    return records;
  }

  test.each([
    ["a barrier", (edge: EdgeOutput) => edge.barrier(1)],
    ["the end", (edge: EdgeOutput) => edge.end()],
    ["idleness", (edge: EdgeOutput) => edge.idle(true)],
    ["a watermark at which their window fires", (edge: EdgeOutput) => edge.watermark(3_600_000)],
  ])("all of them are sent before %s", (_, say) => {
    const { edge, hot, push, empty, held } = holding();
    push(hot, 1000);
    edge.flush();
    expect(empty()).toBe(0);
    expect(held()).toBeGreaterThanOrEqual(1000);
    say(edge);
    expect(empty()).toBe(1);
    expect(held()).toBe(0);
  });

  test("they stay where they are at a watermark before that", () => {
    const { edge, hot, push, empty, held } = holding();
    push(hot, 1000);
    edge.watermark(3_599_998);
    expect(empty()).toBe(0);
    expect(held()).toBeGreaterThanOrEqual(1000);
  });

  test("none is lost when the key is hot no more, and from then on all are sent as they are", () => {
    const { edge, hot, consumerOf, push, empty, held } = holding();
    push(hot, 10);
    // Keys that come once: holding them spares nothing.
    for (let i = 0; i < 8 * PRE_AGGREGATE_HOT_TRIAL_RECORDS; i++) {
      if (consumerOf(`once ${i}`) === 0) push(`once ${i}`, 1);
      empty();
    }
    edge.flush();
    empty();
    expect(held()).toBe(0);
    push(hot, 100);
    edge.flush();
    expect(empty()).toBe(0);
    expect(held()).toBe(0);
  });
});
