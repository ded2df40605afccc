import { expect, test } from "vitest";
import { counting } from "../../../core/aggregate.ts";
import { hashKey } from "../../../core/key.ts";
import { keyGroupOf, subtaskOfKeyGroup } from "../../../core/key-group.ts";
import { CHANNEL_CREDIT, LOCAL_BATCH_ROWS, WATERMARKS_SENT_AT_ONCE } from "../../../core/limits.ts";
import type { StreamNode } from "../../../core/node.ts";
import type { Partitioning } from "../../../core/partitioning.ts";
import { tumbling } from "../../../core/window.ts";
import { takingPartials, type WindowSpec } from "../../../operators/window/partials.ts";
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

/** An edge by key to two consumers, with windows behind it; and a key of each of them. */
function edgeToWindows(preAggregate: boolean) {
  const channels = [new LocalChannel(), new LocalChannel()] as const;
  const gate = new SubtaskGate(() => {});
  const key = { select: (value: unknown) => (value as { key: string }).key, fields: ["key"] };
  const spec = {
    ...{ kind: "window", key, window: tumbling("1h"), aggregate: counting() },
    ...{ allowedLatenessMs: 0, late: undefined },
  } as unknown as WindowSpec;
  const node = { id: "consumer", spec, inputs: [{ partitioning: { kind: "hash", key } }] } as unknown as StreamNode;
  const edge = new EdgeOutput({
    kind: "hash",
    partitioning: takingPartials(node).inputs[0]?.partitioning as Partitioning,
    channels,
    keyGroups: 128,
    gate,
    toOperator: "consumer",
    failure: (cause) => cause as Error,
    ...(preAggregate ? { preAggregate: { spec, keys: "hot", clock: new VirtualClock() } } : {}),
  });
  const consumerOf = (each: string): number => subtaskOfKeyGroup(keyGroupOf(hashKey(each, "consumer"), 128), 128, 2);
  const keys = Array.from({ length: 100 }, (_, i) => `key ${i}`);
  const hot = keys.find((each) => consumerOf(each) === 0) as string;
  const cold = keys.find((each) => consumerOf(each) === 1) as string;
  return { edge, channels, gate, hot, cold };
}

/** Pushes the hot key and another in turn, of which the other's consumer alone takes what comes; so many go on. */
function pushedBesideStuckConsumer(preAggregate: boolean, records: number): number {
  const { edge, channels, gate, hot, cold } = edgeToWindows(preAggregate);
  let pushed = 0;
  for (; pushed < records && !gate.blocked; pushed++) {
    edge.push({ key: pushed % 2 === 0 ? hot : cold }, 0);
    if (pushed % LOCAL_BATCH_ROWS === 0) edge.flush();
    taken(channels[1]);
  }
  return pushed;
}

test("a consumer that is stuck with a hot key does not stop the records of other keys", () => {
  const records = 20 * CHANNEL_CREDIT * LOCAL_BATCH_ROWS;
  expect(pushedBesideStuckConsumer(false, records)).toBeLessThan(records / 2);
  expect(pushedBesideStuckConsumer(true, records)).toBe(records);
});
