import fc from "fast-check";
import { expect, test } from "vitest";
import { readOutputBlock } from "../../../runtime/state/output-block.ts";
import { BLOCK_BYTES_TARGET, readHeader } from "../../../runtime/state/state-block.ts";
import { RetainedCapture } from "../../../runtime/task/retained-capture.ts";

/** Captures the pieces, and how many were read by the time of each block. */
async function captured(pieces: readonly Uint8Array[], failsAt = -1) {
  let read = 0;
  async function* all(): AsyncGenerator<Uint8Array> {
    for (const piece of pieces) {
      if (read === failsAt) throw new Error("gone");
      read++;
      yield piece;
    }
  }
  let awake = Promise.withResolvers<void>();
  const capture = new RetainedCapture(
    { name: "3/7", pieces: all() },
    { checkpoint: 7, operator: "out", keyGroupCount: 16, wake: () => awake.resolve() },
  );
  const blocks: { readonly block: Uint8Array; readonly read: number }[] = [];
  while (!capture.done) {
    await awake.promise;
    expect(capture.waits).toBe(false);
    awake = Promise.withResolvers();
    const block = capture.step();
    if (block !== undefined) blocks.push({ block, read });
  }
  return blocks;
}

const piecesOf = (blocks: readonly { readonly block: Uint8Array }[]): Uint8Array[] =>
  blocks.flatMap(({ block }) => readOutputBlock(block, "a block", "out"));

test("its blocks hold the pieces in order, whatever their number and size", async () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.nat(BLOCK_BYTES_TARGET).map((bytes) => new Uint8Array(bytes).fill(7)),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 30 }), async (pieces) => {
      const blocks = await captured(pieces);
      const found = piecesOf(blocks);
      expect(found.length).toBe(pieces.length);
      expect(found.every((each, at) => Buffer.from(each).equals(pieces[at] as Uint8Array))).toBe(true);
    }),
    { numRuns: 100 },
  );
});

test("a block is the part's, by its name, and about all key groups", async () => {
  const [first] = await captured([Uint8Array.of(1, 2, 3)]);
  const { name, shape, keyGroups, rows } = readHeader(first?.block as Uint8Array, "a block", "out");
  expect({ name, section: shape.section, keyGroups, rows }).toEqual({
    ...{ name: "3/7", section: "output", rows: 1 },
    keyGroups: { first: 0, last: 15 },
  });
});

test("no more is read than fills the next block", async () => {
  const half = new Uint8Array(BLOCK_BYTES_TARGET / 2);
  const blocks = await captured(Array.from({ length: 20 }, () => half));
  // A block is encoded when the one behind it is being read.
  expect(blocks.map(({ read }, at) => read <= 2 * (at + 2))).toEqual(blocks.map(() => true));
  expect(blocks.length).toBe(10);
});

test("what cannot be read fails the step, and so the checkpoint", async () => {
  await expect(captured([Uint8Array.of(1), Uint8Array.of(2)], 1)).rejects.toThrow("gone");
});
