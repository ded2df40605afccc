import fc from "fast-check";
import { expect, test } from "vitest";
import { addToCatalogue, newCatalogue } from "../../../operators/ml/recommender/catalogue.ts";
import { DEFAULTS, hash32, type RecommenderConfig, shardOf } from "../../../operators/ml/recommender/config.ts";
import { mergeAnswers, type RankedList } from "../../../operators/ml/recommender/operator.ts";
import { addPair, deflate, newPairRows, reserveRows } from "../../../operators/ml/recommender/pair-rows.ts";
import { bucketOf, logInPlace } from "../../../operators/ml/recommender/ranker.ts";
import { Exclusion } from "../../../operators/ml/recommender/shard.ts";
import { Shortlist } from "../../../operators/ml/recommender/shortlist.ts";
import { addText, newTextState } from "../../../operators/ml/recommender/text-rows.ts";
import { TopList } from "../../../operators/ml/recommender/top-list.ts";

/** Three numbers and their hash. */
const hashes: readonly (readonly [a: number, b: number, c: number, hash: number])[] = [
  [0, 0, 0, 312332639],
  [1, 0, 0, 4105835709],
  [0, 1, 0, 296484482],
  [0, 0, 1, 2131153326],
  [1, 2, 3, 3274817078],
  [84077, 0, 0, 2245808440],
  [2147483648, 0, 0, 2644545513],
  [-1, 0, 0, 1312401788],
  [1, 641408, 9, 2221670243],
  [9007199254740991, 0, 0, 1312401788],
];

interface Offer {
  readonly item: number;
  readonly score: number;
}

/** Few scores, so that many are equal. */
const offers = fc.uniqueArray(fc.record({ item: fc.nat(60), score: fc.integer({ min: 1, max: 6 }) }), {
  selector: ({ item }) => item,
  maxLength: 40,
});
const capacities = fc.integer({ min: 1, max: 12 });

function best(given: readonly Offer[], capacity: number): Offer[] {
  return given.toSorted((a, b) => b.score - a.score || a.item - b.item).slice(0, capacity);
}

function topListOf(given: readonly Offer[], capacity: number): TopList {
  const list = new TopList(capacity);
  for (const { item, score } of given) list.offer(item, score);
  return list;
}

function entries({ items, scores, length }: TopList): Offer[] {
  return Array.from({ length }, (_, at) => ({ item: items[at] as number, score: scores[at] as number }));
}

test("a top list is the best of its offers in order, among equals the lower item first", () => {
  fc.assert(
    fc.property(offers, capacities, (given, capacity) => {
      expect(entries(topListOf(given, capacity))).toEqual(best(given, capacity));
    }),
  );
});

test("a top list says whether an offer got in, and is empty once cleared", () => {
  const list = new TopList(2);
  expect([list.offer(5, 1), list.offer(6, 2), list.offer(7, 1), list.offer(4, 1)]).toEqual([true, true, false, true]);
  list.clear();
  expect(entries(list)).toEqual([]);
});

test("merged answers are the 20 best of all offers, however these were grouped", () => {
  const answerOf = (given: readonly Offer[]): RankedList => {
    const list = entries(topListOf(given, 20));
    return {
      list: list.map(({ item }) => item),
      scores: list.map(({ score }) => score),
      modelVersion: 3,
      ms: given.length,
    };
  };
  fc.assert(
    fc.property(offers, fc.integer({ min: 2, max: 5 }), (given, groups) => {
      const parts = Array.from({ length: groups }, (_, group) => given.filter((_offer, at) => at % groups === group));
      const expected = { ...answerOf(given), ms: Math.max(...parts.map((part) => part.length)) };
      expect(parts.map(answerOf).reduce(mergeAnswers)).toEqual(expected);
      expect(parts.map(answerOf).reduceRight(mergeAnswers)).toEqual(expected);
    }),
  );
});

test("a shortlist holds the best of its offers, among equals the lower candidate, and tells what a later one must exceed", () => {
  fc.assert(
    fc.property(offers, capacities, (given, capacity) => {
      const shortlist = new Shortlist(capacity);
      let bar = 0;
      for (const { item, score } of given) bar = shortlist.offer(item, score);
      const kept = Array.from({ length: shortlist.length }, (_, at) => ({
        item: shortlist.candidates[at] as number,
        score: shortlist.scores[at] as number,
      }));
      const expected = best(given, capacity);
      expect(best(kept, capacity)).toEqual(expected);
      expect(bar).toBe(expected.length === capacity ? expected.at(-1)?.score : 0);
    }),
  );
});

test("hash32 is what it always was: shards and random draws of saved models depend on it", () => {
  expect(hashes.map(([a, b, c]) => hash32(a, b, c))).toEqual(hashes.map(([, , , hash]) => hash));
});

test("hash32 is an unsigned 32-bit number of the three numbers alone", () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), fc.maxSafeInteger(), fc.nat(1000), (a, b, c) => {
      const hash = hash32(a, b, c);
      expect(hash).toBe(hash32(a, b, c));
      expect(hash >>> 0).toBe(hash);
    }),
  );
});

test("items spread evenly over the shards", () => {
  const sizes = [0, 0, 0, 0];
  for (let item = 0; item < 4000; item++) sizes[shardOf(item, 4)] = (sizes[shardOf(item, 4)] ?? 0) + 1;
  for (const size of sizes) expect(size).toSatisfy((items: number) => items > 900 && items < 1100);
});

test("an exclusion knows the candidates of the last event only, also after it has grown", () => {
  const exclusion = new Exclusion();
  exclusion.begin(4);
  exclusion.addAll([1, 3]);
  expect([0, 1, 2, 3].map((candidate) => exclusion.has(candidate))).toEqual([false, true, false, true]);
  exclusion.begin(4);
  expect([0, 1, 2, 3].map((candidate) => exclusion.has(candidate))).toEqual([false, false, false, false]);
  exclusion.addAll([2]);
  exclusion.begin(100);
  exclusion.addAll([99]);
  expect([2, 98, 99].map((candidate) => exclusion.has(candidate))).toEqual([false, false, true]);
});

test.each([
  [0, 0],
  [1, 1],
  [2, 1],
  [3, 2],
  [7, 2],
  [8, 3],
  [50, 3],
])("a basket of %d items is in bucket %d", (inBasket, bucket) => {
  expect(bucketOf(inBasket, DEFAULTS)).toBe(bucket);
});

test("the quick logarithm rises with its argument and is off by at most 0.06", () => {
  fc.assert(
    fc.property(
      fc.double({ min: 1e-6, max: 1e6, noNaN: true }),
      fc.double({ min: 1, max: 4, noNaN: true }),
      (value, factor) => {
        const values = Float32Array.of(7, value, value * factor, 7);
        const exact = values.map(Math.log);
        logInPlace(values, new Int32Array(values.buffer), 1, 3);
        const [before, low, high, after] = values as unknown as [number, number, number, number];
        expect([before, after]).toEqual([7, 7]);
        expect(high).toBeGreaterThanOrEqual(low);
        expect(Math.abs(low - (exact[1] as number))).toBeLessThan(0.0601);
        expect(Math.abs(high - (exact[2] as number))).toBeLessThan(0.0601);
      },
    ),
  );
});

const rowLength = 8;

function newRows(sources: number): ReturnType<typeof newPairRows> {
  const rows = newPairRows({ ...DEFAULTS, rowLengthMax: rowLength });
  reserveRows(rows, sources);
  return rows;
}

interface Entry {
  readonly candidate: number;
  readonly broad: number;
  readonly forward: number;
}

/** A row by the layout that its file describes. */
function rowOf({ candidates, weights, lengths }: ReturnType<typeof newPairRows>, source: number): Entry[] {
  return Array.from({ length: lengths[source] as number }, (_, at) => ({
    candidate: candidates[source * 5 * rowLength + 4 * rowLength + at] as number,
    broad: weights[source * 2.5 * rowLength + at] as number,
    forward: weights[source * 2.5 * rowLength + rowLength + at] as number,
  }));
}

test("a pair row adds up what its pairs weigh, source by source", () => {
  const rows = newRows(3);
  addPair(rows, 1, 4, 1, 0.5);
  addPair(rows, 1, 9, 2, 0);
  addPair(rows, 1, 4, 0.25, 0.5);
  addPair(rows, 2, 4, 8, 0);
  expect(rowOf(rows, 0)).toEqual([]);
  expect(rowOf(rows, 1)).toEqual([
    { candidate: 4, broad: 1.25, forward: 1 },
    { candidate: 9, broad: 2, forward: 0 },
  ]);
  expect(rowOf(rows, 2)).toEqual([{ candidate: 4, broad: 8, forward: 0 }]);
});

test("a full row drops its lightest quarter and keeps the order of the rest; its neighbours stay", () => {
  const rows = newRows(3);
  addPair(rows, 0, 1, 1, 1);
  addPair(rows, 2, 1, 1, 1);
  for (const [candidate, broad] of [5, 2, 7, 1, 6, 3, 8, 4].entries()) addPair(rows, 1, candidate, broad, broad / 2);
  addPair(rows, 1, 50, 0.5, 0);
  expect(rowOf(rows, 1).map(({ candidate }) => candidate)).toEqual([0, 2, 4, 5, 6, 7, 50]);
  expect(rowOf(rows, 1).map(({ broad, forward }) => [broad, forward])).toEqual(
    [5, 7, 6, 3, 8, 4].map((broad) => [broad, broad / 2]).concat([[0.5, 0]]),
  );
  for (const source of [0, 2]) expect(rowOf(rows, source)).toEqual([{ candidate: 1, broad: 1, forward: 1 }]);
});

const keptOf = (weights: readonly number[]): Entry[] => {
  const rows = newRows(1);
  for (const [candidate, broad] of weights.entries()) addPair(rows, 0, candidate, broad, 0);
  addPair(rows, 0, 100, 9, 0);
  return rowOf(rows, 0).slice(0, -1);
};

test("of any weights that differ the heaviest three quarters are kept, in their order", () => {
  const weights = fc.uniqueArray(fc.integer({ min: 1, max: 100 }), { minLength: rowLength, maxLength: rowLength });
  fc.assert(
    fc.property(weights, (given) => {
      const heaviest = new Set(given.toSorted((a, b) => b - a).slice(0, 0.75 * rowLength));
      expect(keptOf(given).map(({ broad }) => broad)).toEqual(given.filter((weight) => heaviest.has(weight)));
    }),
  );
});

// A known defect: among weights that equal the heaviest to go, the first are dropped before lighter ones behind them.
test("a weight is not dropped for a lighter one, where many are equal too", () => {
  expect(keptOf([2, 2, 2, 2, 1, 2, 2, 2]).map(({ broad }) => broad)).toEqual([2, 2, 2, 2, 2, 2]);
});

test("rows keep their weights when room is made for more sources, and lose a factor when deflated", () => {
  const rows = newRows(1);
  addPair(rows, 0, 3, 8, 4);
  reserveRows(rows, 500);
  addPair(rows, 499, 3, 16, 0);
  deflate(rows, 4);
  expect(rowOf(rows, 0)).toEqual([{ candidate: 3, broad: 2, forward: 1 }]);
  expect(rowOf(rows, 499)).toEqual([{ candidate: 3, broad: 4, forward: 0 }]);
});

/** The cosines of each item with the shard's other items, by candidate. */
function cosinesOf(
  descriptions: readonly string[],
  own: (ordinal: number) => boolean,
  config: RecommenderConfig = DEFAULTS,
): Map<number, number>[] {
  const catalogue = newCatalogue();
  const state = newTextState();
  const locals = new Int32Array(descriptions.length);
  let candidates = 0;
  for (const [ordinal, description] of descriptions.entries()) {
    locals[ordinal] = own(ordinal) ? ++candidates : 0;
    addToCatalogue(catalogue, ordinal, description, config);
    addText(state, catalogue, locals, config);
  }
  const { lengths, candidates: columns, cosines } = state.rows;
  return descriptions.map((_, source) => {
    const from = source * config.textRowMax;
    return new Map(
      Array.from({ length: lengths[source] as number }, (_cell, at) => [
        columns[from + at] as number,
        cosines[from + at] as number,
      ]),
    );
  });
}

test("equal descriptions have a cosine of nearly 1, in both directions; case and punctuation do not count", () => {
  const rows = cosinesOf(["Red Heart MUG", "blue tin", "red heart, mug!"], () => true);
  expect(rows[0]?.get(2)).toBeGreaterThan(0.95);
  expect(rows[2]?.get(0)).toBeGreaterThan(0.95);
  expect(rows[0]?.get(2)).toBeLessThan(1.05);
  expect([rows[0]?.has(1), rows[1]?.size]).toEqual([false, 0]);
});

test("of equal words the rare one counts for more", () => {
  const rows = cosinesOf(["red mug", "red tin", "red bag", "red box", "blue mug", "red mug"], () => true);
  expect(rows[5]?.get(4)).toBeGreaterThan(rows[5]?.get(1) as number);
});

test("items of other shards have rows but are in none", () => {
  const rows = cosinesOf(["red mug", "red mug", "red mug"], (ordinal) => ordinal === 1);
  expect(rows.map((row) => [...row.keys()])).toEqual([[0], [], [0]]);
});

test("no cosine without words, and none with oneself", () => {
  expect(cosinesOf(["", "?!", "", "red"], () => true).every((row) => row.size === 0)).toBe(true);
  expect(cosinesOf(["red red red"], () => true)[0]?.size).toBe(0);
});

test("a text row keeps the most alike", () => {
  const config = { ...DEFAULTS, textRowMax: 2 };
  const rows = cosinesOf(["red mug tin", "red bag box", "red mug tin box", "red mug tin"], () => true, config);
  expect([...(rows[3] as Map<number, number>).keys()].toSorted()).toEqual([0, 2]);
});

test("after a rebuild every cosine is that of the catalogue as it then was, whatever came first", () => {
  const words = ["red", "blue", "heart", "mug", "bag", "tin"];
  const descriptions = Array.from(
    { length: DEFAULTS.textFirstRebuild },
    (_, at) => `${words[at % 6]} item${at} ${words[(at * 5 + 1) % 6]}`,
  );
  const forth = cosinesOf(descriptions, () => true, { ...DEFAULTS, textRowMax: 64 });
  const back = cosinesOf(descriptions.toReversed(), () => true, { ...DEFAULTS, textRowMax: 64 });
  const last = descriptions.length - 1;
  expect(forth[0]?.size).toBeGreaterThan(3);
  for (const [source, row] of forth.entries()) {
    for (const [candidate, cosine] of row) expect(back[last - source]?.get(last - candidate)).toBeCloseTo(cosine, 6);
  }
});
