import { expect, test } from "vitest";
import { type InFlightElement, inFlightName, readInFlightBlock } from "../../../runtime/state/in-flight-block.ts";
import { readHeader } from "../../../runtime/state/state-block.ts";
import { InFlightLog } from "../../../runtime/task/in-flight-log.ts";

const about = { first: 3, last: 9 };
const name = { subtask: 4, generation: 1, part: 2 };
const newLog = (): InFlightLog => new InFlightLog({ checkpoint: 7, operator: "count", name, about });

/** All blocks that there are by now. */
function blocksOf(log: InFlightLog): Uint8Array[] {
  const blocks: Uint8Array[] = [];
  while (!log.waits && !log.done) blocks.push(log.step() as Uint8Array);
  return blocks;
}

const elementsOf = (blocks: readonly Uint8Array[]): readonly InFlightElement[] =>
  blocks.flatMap((block) => readInFlightBlock(block, "a block", "count"));

test("it waits until all channels are done, and its blocks are then what came, in order", () => {
  const log = newLog();
  const [first, second] = [log.channel(0), log.channel(1)];
  first.add("watermark", 5, undefined);
  second.add("batch", Number.NaN, Uint8Array.of(1, 2, 3));
  first.done();
  expect([log.waits, log.done, log.step()]).toEqual([true, false, undefined]);
  second.add("end", Number.NaN, undefined);
  second.done();
  expect(log.waits).toBe(false);
  const blocks = blocksOf(log);
  expect(log.done).toBe(true);
  expect(elementsOf(blocks)).toEqual([
    { kind: "watermark", channel: 0, input: 0, time: 5, frame: undefined },
    { kind: "batch", channel: 1, input: 1, time: Number.NaN, frame: Uint8Array.of(1, 2, 3) },
    { kind: "end", channel: 1, input: 1, time: Number.NaN, frame: undefined },
  ]);
  const header = readHeader(blocks[0] as Uint8Array, "a block", "count");
  expect(header).toMatchObject({ rows: 3, keyGroups: about, shape: { section: "inFlight" } });
  expect(inFlightName(header.name, "a block", "count")).toEqual(name);
});

test("large logs leave block by block, though more is to come", () => {
  const log = newLog();
  const channel = log.channel(0);
  const frames = Array.from({ length: 10 }, (_, at) => new Uint8Array(100_000).fill(at));
  const blocks: Uint8Array[] = [];
  for (const frame of frames) {
    channel.add("batch", Number.NaN, frame);
    blocks.push(...blocksOf(log));
  }
  expect(blocks.length).toBe(5);
  expect([log.waits, log.done]).toEqual([true, false]);
  channel.done();
  blocks.push(...blocksOf(log));
  expect(elementsOf(blocks).map(({ frame }) => frame)).toEqual(frames);
});

test("what cannot be recorded fails the capture", () => {
  const log = newLog();
  log.channel(0).fail(new Error("a function"));
  expect(log.waits).toBe(false);
  expect(() => log.step()).toThrow("a function");
});

test("a name and elements that nobody writes are refused by name", () => {
  for (const wrong of ["", "1/2", "a/0/0", "1/2/3/4"])
    expect(() => inFlightName(wrong, "block 1", "count")).toThrow(expect.objectContaining({ code: "STATE_CORRUPT" }));
});
