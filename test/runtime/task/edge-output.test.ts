import { expect, test } from "vitest";
import { CHANNEL_CREDIT, LOCAL_BATCH_ROWS, WATERMARKS_SENT_AT_ONCE } from "../../../core/limits.ts";
import { LocalChannel } from "../../../runtime/exchange/local-channel.ts";
import { EdgeOutput } from "../../../runtime/task/edge-output.ts";
import { SubtaskGate } from "../../../runtime/task/subtask-gate.ts";

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
