/** Texts of a column have numbers where they come again, and those that have one come back as they were. */

import { describe, expect, test } from "vitest";
import { PackedRows } from "../../../runtime/state/packed-rows.ts";
import { TextDictionary } from "../../../runtime/state/text-dictionary.ts";

const CHUNK = 512;

/** Chunk after chunk of the texts that `textOf` gives, of which each that has numbers is read again. @returns how many have. */
function numbered(dictionary: TextDictionary, chunks: number, textOf: (at: number) => string): number {
  let count = 0;
  for (let chunk = 0; chunk < chunks; chunk++) {
    const texts = Array.from({ length: CHUNK }, (_, i) => textOf(chunk * CHUNK + i));
    const numbers = dictionary.numbersOf(texts, texts.join("").length);
    if (numbers === undefined) continue;
    count++;
    expect(Array.from(numbers, (number) => dictionary.texts[number])).toStrictEqual(texts);
  }
  return count;
}

const numberedText = (number: number): string => `a text with the number ${number}`;

describe("a dictionary of texts", () => {
  test.each([2, 300, 10_000])("numbers %d of them that come again and again", (different) => {
    const scattered = (at: number) => (Math.imul(at, 2_654_435_761) >>> 8) % different;
    const again = (at: number) => numberedText(at % 2 === 0 ? at % 4 : scattered(at));
    expect(numbered(new TextDictionary(), 100, again)).toBeGreaterThan(80);
  });

  test("holds nothing of a column whose texts are all different", () => {
    const dictionary = new TextDictionary();
    expect(numbered(dictionary, 100, numberedText)).toBe(0);
    expect(dictionary.texts).toHaveLength(0);
  });

  test("leaves short texts as they are", () => {
    expect(numbered(new TextDictionary(), 100, (at) => `text ${at % 10}`)).toBe(0);
  });

  test("is given up when the texts change, and keeps those that have numbers", () => {
    const dictionary = new TextDictionary();
    expect(numbered(dictionary, 20, (at) => numberedText(at % 10))).toBeGreaterThan(0);
    const numbers = dictionary.numbersOf([numberedText(3)], 25);
    expect(numbered(dictionary, 200, (at) => numberedText(1000 + at))).toBeLessThanOrEqual(32);
    expect(numbered(dictionary, 20, (at) => numberedText(at % 10))).toBe(0);
    expect(dictionary.texts[numbers?.[0] ?? -1]).toBe(numberedText(3));
  });

  test("has room for so many texts and letters", () => {
    const dictionary = new TextDictionary();
    const long = (at: number) => `${at % 3000}`.repeat(200);
    numbered(dictionary, 50, long);
    expect(dictionary.texts.join("").length).toBeLessThanOrEqual(2 ** 20);
    expect(dictionary.texts.length).toBeGreaterThan(100);
  });
});

test("packed rows with texts that repeat in one field, and beside a hole in another, come back as they were", () => {
  const store = new PackedRows(false);
  const rowOf = (id: number) => ({
    id,
    url: `https://example.com/a/long/path/${id % 700}`,
    note: { title: id % 3 === 0 ? null : `a title that many have, ${id % 50}`, body: `only this one has ${id}` },
  });
  const handles = Array.from({ length: 20_000 }, (_, id) => store.add(rowOf(id)));
  for (const [id, handle] of handles.entries()) if (id % 5 !== 0) store.free(handle);
  for (let id = 0; id < handles.length; id += 5) expect(store.at(handles[id] as number)).toStrictEqual(rowOf(id));
});
