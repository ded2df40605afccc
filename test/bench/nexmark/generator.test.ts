/** The generator gives the reference's events. The vectors are those of Java 17; the events are dumps of the reference. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EventGenerator, generatorPositions } from "../../../bench/nexmark/generator/event-generator.ts";
import { exactPrice } from "../../../bench/nexmark/generator/price.ts";
import { SplitMix, startOf } from "../../../bench/nexmark/generator/split-mix.ts";
import manifest from "../../../bench/nexmark/oracle/manifest.json" with { type: "json" };

const options = {
  seed: manifest["20k"].seed,
  baseTime: manifest["20k"].baseTime,
  tps: manifest["20k"].tps,
  generators: 1,
};

/** SplitMix64 as its definition says, in whole 64-bit integers. */
class PlainSplitMix {
  #counter: bigint;

  constructor(counter: bigint) {
    this.#counter = counter;
  }

  int(): number {
    return Number(BigInt.asIntN(32, this.#mix(33n, 0x62a9d9ed799705f5n, 28n, 0xcb24d0a5c88c35b3n) >> 32n));
  }

  double(): number {
    const mixed = this.#mix(30n, 0xbf58476d1ce4e5b9n, 27n, 0x94d049bb133111ebn);
    return Number((mixed ^ (mixed >> 31n)) >> 11n) / 2 ** 53;
  }

  #mix(shift: bigint, multiplier: bigint, secondShift: bigint, secondMultiplier: bigint): bigint {
    this.#counter = BigInt.asUintN(64, this.#counter + 0x9e3779b97f4a7c15n);
    const once = BigInt.asUintN(64, (this.#counter ^ (this.#counter >> shift)) * multiplier);
    return BigInt.asUintN(64, (once ^ (once >> secondShift)) * secondMultiplier);
  }
}

describe("SplitMix is Java's SplittableRandom", () => {
  test("the draws of seed 43", () => {
    const random = new SplitMix(startOf(43n));
    expect([random.int(), random.int(), random.int(), random.int()]).toEqual([
      1804206029, 1586243715, -1871838193, -381818835,
    ]);
    random.int(); // in the vector a nextLong, which takes one place too
    expect([random.below(2), random.below(13), random.below(10_000)]).toEqual([0, 9, 1251]);
    expect(random.double()).toBe(0.650401458079776);
  });

  test("ints and doubles in any order are those of its definition, from any counter", () => {
    const draws = fc.array(fc.boolean(), { minLength: 1, maxLength: 3000 });
    const half = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    fc.assert(
      fc.property(half, half, draws, (high, low, doubles) => {
        const random = new SplitMix({ high, low });
        const plain = new PlainSplitMix((BigInt(high) << 32n) | BigInt(low));
        for (const double of doubles) {
          if (double) expect(random.double()).toBe(plain.double());
          else expect(random.int()).toBe(plain.int());
        }
      }),
      { numRuns: 50 },
    );
  });

  test("it goes on from a position, wherever in a block that was taken", () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 31 }), fc.nat({ max: 2500 }), (seed, taken) => {
        const random = new SplitMix(startOf(BigInt(seed)));
        for (let i = 0; i < taken; i++) random.int();
        const other = new SplitMix(random.position);
        expect([other.int(), other.double(), other.int()]).toEqual([random.int(), random.double(), random.int()]);
      }),
      { numRuns: 50 },
    );
  });

  test("below gives each number below the bound, by powers of two and by others", () => {
    const random = new SplitMix(startOf(1n));
    for (const bound of [1, 2, 13, 64, 10_000]) {
      const drawn = new Set(Array.from({ length: bound * 20 }, () => random.below(bound)));
      expect(Math.min(...drawn)).toBe(0);
      expect(Math.max(...drawn)).toBe(bound - 1);
    }
  });
});

test("prices are those of the power, also where a table could round them to the other side", () => {
  const random = new SplitMix(startOf(1n));
  const same = (bits: number): void => {
    const double = bits / 2 ** 53;
    expect(random.priceOf(double)).toBe(exactPrice(double));
  };
  fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 53 - 1 }), same), { numRuns: 5000 });
  for (let cents = 100; cents < 100_000_000; cents = Math.ceil(cents * 1.003)) {
    const border = Math.round((Math.log10((cents + 0.5) / 100) / 6) * 2 ** 53);
    for (let bits = border - 3; bits <= border + 3; bits++) same(bits);
  }
});

test("the first events are the reference's", () => {
  const lines = readFileSync(new URL("../../../bench/nexmark/oracle/first-events.jsonl", import.meta.url), "utf8");
  const generator = new EventGenerator(options, generatorPositions(20_000, 1, options.seed)[0] as never);
  for (const line of lines.trimEnd().split("\n")) expect(generator.next()).toEqual(JSON.parse(line));
});

test.each(["20k", "100k"] as const)("the %s events are the reference's, byte for byte", (name) => {
  const { events, tps, files } = manifest[name];
  const [position] = generatorPositions(events, 1, options.seed);
  const generator = new EventGenerator({ ...options, tps }, position as never);
  const hash = createHash("sha256");
  while (generator.left > 0) hash.update(`${JSON.stringify(generator.next())}\n`);
  expect(hash.digest("hex")).toBe(files["events.jsonl"].sha256);
});

test.each([
  [0, 100_000, 1_436_918_400_000, 2, 4_294_967_290, "63241d7df4f93278a8e82e2bb89d43def4c42d52f1f0c5cabc7542b565ec4f2d"],
  [123_456_789_012, 0.5, 1000, 1, 107_374_182_400, "4d6054c50cacff2ae5206d4865a97013cc829740bccb91f4f123e2337f2f418f"],
  [2 ** 53 - 1, 333.3, 0, 3, 184_467_440_737_096, "c0b3631d2ff06682a20c9fc49d92e9441a153c81fcf1fd1ed19e47ae893b6890"],
  [1, 0.002, 0, 1, 1, "4ef0fcb0da40188db9749f334a2b3fa5ad595962698940d8f790ac0df9706083"],
])(
  "of seed %i, %d events a second, base time %i, %i generators: those from id %i on are the reference's",
  (...setting) => {
    // The hashes are those of 2000 events of a port to Python with whole 64-bit integers.
    const [seed, tps, baseTime, generators, firstId, expected] = setting;
    const start = { firstId, events: 2000, made: 0, random: startOf(BigInt(seed) + BigInt(firstId)) };
    const generator = new EventGenerator({ seed, tps, baseTime, generators }, start);
    const hash = createHash("sha256");
    while (generator.left > 0) hash.update(`${JSON.stringify(generator.next())}\n`);
    expect(hash.digest("hex")).toBe(expected);
  },
);

test("a generator's sequence begins at the sum of its seed and its first id, also where no double has that", () => {
  const [, second] = generatorPositions(2 * (2 ** 52 - 1), 2, 2 ** 53 - 1);
  const { high, low } = second?.random ?? { high: 0, low: 0 };
  expect((BigInt(high) << 32n) | BigInt(low)).toBe(2n ** 53n - 1n + 2n ** 52n);
});

test("a generator goes on from its position, behind any event of an epoch", () => {
  const [start] = generatorPositions(160, 1, options.seed);
  const all = new EventGenerator(options, start as never);
  const events = Array.from({ length: all.left }, () => all.next());
  const generator = new EventGenerator(options, start as never);
  for (let made = 0; made < 110; made++) {
    const other = new EventGenerator(options, JSON.parse(JSON.stringify(generator.position)));
    expect(Array.from({ length: other.left }, () => other.next())).toEqual(events.slice(made));
    expect(other.left).toBe(0);
    expect(generator.next()).toEqual(events[made]);
  }
});
