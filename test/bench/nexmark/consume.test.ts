/** The benchmark's sink: counts its rows, reads each of their fields, and what a text is made of to its last letter. */
import { describe, expect, test } from "vitest";
import { consume } from "../../../bench/nexmark/consume.ts";
import type { SinkWriter } from "../../../core/sink.ts";
import { fakeContext } from "../../connectors/fake-context.ts";

const row = { auction: 1, extra: "text", url: "https://x", of: { name: "", price: 2.5 } };

async function written(rows: readonly unknown[]): Promise<number | undefined> {
  const context = fakeContext();
  const writer = (await consume().writer(context)) as SinkWriter<unknown>;
  for (const each of rows) await writer.write(each, 0);
  await writer.flush?.();
  return context.reported.counters.get("rows");
}

/** In the place of a text: notes each letter that is asked for. */
function watched(letters: number[]): unknown {
  return { length: 7, charCodeAt: (at: number) => letters.push(at) };
}

describe("the sink of the benchmark", () => {
  test.each([1, 63, 64, 65, 1000])("counts %i rows", async (count) => {
    expect(await written(Array.from({ length: count }, () => row))).toBe(count);
  });

  test.each([1, 31, 32, 33, 200])("reads the last letter of each text of %i rows", async (count) => {
    const letters: number[] = [];
    const more = { ...row, extra: watched(letters), of: { name: watched(letters), price: 1 } };
    await written([row, ...Array.from({ length: count }, () => more)]);
    expect(letters).toEqual(new Array(2 * count).fill(6));
  });

  test("does not look into texts that were whole before the row was made", async () => {
    const letters: number[] = [];
    await written([row, { ...row, url: watched(letters) }]);
    expect(letters).toEqual([]);
  });

  test.each([
    ["a number", { ...row, auction: undefined }],
    ["a nested number", { ...row, of: { name: "" } }],
    ["a text", { auction: 1, url: "https://x", of: { name: "", price: 1 } }],
    ["what it is nested in", { auction: 1, extra: "", url: "" }],
  ])("refuses a row that lacks %s", async (_, other) => {
    await expect(written([row, other])).rejects.toThrow();
  });
});
