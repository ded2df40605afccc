/** MapReduce over files, at several parallelisms and with crashes. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { collectTo, fromArray, generate, type Job, mapReduce, type Source, textLines } from "../../index.ts";
import { runInThread, simulate } from "../../runtime/testing/index.ts";
import { tempFolder } from "../connectors/temp-folder.ts";
import { parallelisms } from "./run-everywhere.ts";

const folder = tempFolder();

interface Counted {
  readonly word: string;
  readonly count: number;
}

const functions = {
  map: (line: string) => (line.match(/\S+/g) ?? []).map((word) => [word, 1] as const),
  reduce: (word: string, counts: readonly number[]): Counted => ({ word, count: counts.reduce((a, b) => a + b, 0) }),
  output: collectTo<Counted>("counts"),
};

let jobs = 0;

function counting(input: Source<string>, combines: boolean): Job {
  const combine = (a: number, b: number): number => a + b;
  return mapReduce(import.meta, `words ${jobs++}`, { ...functions, input, combine: combines ? combine : undefined });
}

async function rowsOf(job: Job, parallelism: number): Promise<readonly Counted[]> {
  const handle = await runInThread(job, { parallelism, seed: 1 });
  await handle.result;
  return handle.collect<Counted>("counts");
}

function plainly(texts: readonly string[]): Counted[] {
  const counts = new Map<string, number>();
  for (const word of texts.flatMap((text) => text.match(/\S+/g) ?? [])) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].map(([word, count]) => ({ word, count })).sort((a, b) => (a.word < b.word ? -1 : 1));
}

test.each([true, false])("the words of a folder are counted, combined before: %s", async (combines) => {
  const texts = ["to be or not\r\nto be\n\nthat is", "the question\nto", "", "\uFEFFbe that\n"];
  const path = join(folder.path, `texts ${combines}`);
  mkdirSync(path);
  texts.forEach((text, i) => {
    writeFileSync(join(path, `${i}.txt`), text);
  });
  writeFileSync(join(path, "other.md"), "not this");
  const expected = plainly(texts.map((text) => text.replace("\uFEFF", "")));
  for (const splitBytes of [1, 7, 1000]) {
    for (const parallelism of parallelisms) {
      const rows = await rowsOf(counting(textLines(path, { splitBytes }), combines), parallelism);
      expect(rows.toSorted((a, b) => (a.word < b.word ? -1 : 1))).toEqual(expected);
      if (parallelism === 1) expect(rows, "in order of their keys").toEqual(expected);
    }
  }
});

test("every line of a file is read once, however it is divided", async () => {
  const line = fc.string({ unit: fc.constantFrom("a", "é", " ", "\u{1F600}"), maxLength: 6 });
  let files = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { minLength: 1, maxLength: 8 }),
      fc.constantFrom("\n", "\r\n"),
      fc.boolean(),
      fc.integer({ min: 1, max: 20 }),
      async (lines, end, endsWithEnd, splitBytes) => {
        const path = join(folder.path, `lines ${files++}.txt`);
        const last = lines.at(-1) === "" && !endsWithEnd;
        writeFileSync(path, lines.join(end) + (endsWithEnd ? end : ""));
        const job = mapReduce(import.meta, `lines ${jobs++}`, {
          input: textLines(path, { splitBytes }),
          map: (text) => [[text, 1] as const],
          reduce: (text, ones) => ({ text, times: ones.length }),
          output: collectTo("lines"),
        });
        const handle = await runInThread(job, { parallelism: 2, seed: 1 });
        await handle.result;
        const read = handle
          .collect<{ readonly text: string; readonly times: number }>("lines")
          .flatMap(({ text, times }) => new Array<string>(times).fill(text));
        // The last line is none when there is nothing in it and no end behind it.
        expect(read.sort()).toEqual((last ? lines.slice(0, -1) : lines).toSorted());
      },
    ),
    { numRuns: 60 },
  );
});

test("numbers as keys come in order of their size", async () => {
  const job = mapReduce(import.meta, `numbers ${jobs++}`, {
    input: fromArray([10, 9, 100, 9]),
    map: (n) => [[n, n] as const],
    reduce: (n, all) => ({ n, times: all.length }),
    output: collectTo("numbers"),
  });
  const handle = await runInThread(job, { parallelism: 1, seed: 1 });
  await handle.result;
  expect(handle.collect("numbers")).toEqual([
    { n: 9, times: 2 },
    { n: 10, times: 1 },
    { n: 100, times: 1 },
  ]);
});

test("crashes change nothing of what comes out", { timeout: 120_000 }, async () => {
  const input = generate({ count: 600, splits: 9, record: (i) => `w${i % 11} w${i % 7}` });
  for (const combines of [true, false]) await simulate(counting(input, combines), { seeds: 4 });
});

test("wrong calls are refused with a sentence", () => {
  expect(() => counting(generate({ record: () => "" }), false)).toThrow(/has no end, so reduce would never be called/);
  const asynchronous = { ...functions, input: fromArray([""]), reduce: (async () => ({})) as never };
  expect(() => mapReduce(import.meta, "asynchronous", asynchronous)).toThrow(/the reduce function of "asynchronous"/);
});
