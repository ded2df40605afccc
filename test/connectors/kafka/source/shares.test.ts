import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { murmur2, murmur2OfAscii } from "../../../../connectors/kafka/source/murmur2.ts";
import { ownerOf, redistribute, sharesOf } from "../../../../connectors/kafka/source/shares.ts";

const anyTopics = fc.uniqueArray(fc.stringMatching(/^[a-z.-]{1,12}$/), { minLength: 1, maxLength: 4 });
const anyPartitions = fc
  .tuple(anyTopics, fc.integer({ min: 1, max: 9 }))
  .map(([topics, count]) =>
    topics.flatMap((topic) =>
      Array.from({ length: count }, (_, partition) => ({ topic, partition, offset: 0, stop: null })),
    ),
  );
const anyCount = fc.integer({ min: 1, max: 12 });

const names = (partitions: readonly { topic: string; partition: number }[]): string[] =>
  partitions.map(({ topic, partition }) => `${topic}/${partition}`).sort();

test("every partition is in one share, its owner's, and each subtask has a share", () => {
  fc.assert(
    fc.property(anyPartitions, anyCount, (partitions, count) => {
      const shares = sharesOf(partitions, count);
      expect(shares.map(({ index }) => index)).toEqual(Array.from({ length: count }, (_, index) => index));
      expect(names(shares.flatMap((share) => share.partitions))).toEqual(names(partitions));
      for (const share of shares) {
        expect(share.count).toBe(count);
        for (const each of share.partitions) expect(ownerOf(each, count)).toBe(share.index);
      }
    }),
  );
});

test("the partitions of one topic are spread as evenly as they can be", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), fc.integer({ min: 1, max: 50 }), anyCount, (topic, partitions, count) => {
      const all = Array.from({ length: partitions }, (_, partition) => ({ topic, partition, offset: 0, stop: null }));
      const sizes = sharesOf(all, count).map((share) => share.partitions.length);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    }),
  );
});

test("divided anew, no partition is lost or doubled, and each goes on from where it was", () => {
  fc.assert(
    fc.property(anyPartitions, anyCount, anyCount, fc.nat(), fc.nat(), (partitions, before, after, cut, moved) => {
      const shares = sharesOf(partitions, before);
      const dealt = cut % (shares.length + 1);
      const reading = shares.slice(0, dealt).map((split, index) => {
        if (index >= moved % (dealt + 1)) return { split }; // dealt out behind the barrier
        const further = split.partitions.map((each) => ({ ...each, offset: each.partition + 100 }));
        return { split, position: { ...split, partitions: further } };
      });
      const expected = [
        ...reading.flatMap(({ split, position }) => (position ?? split).partitions),
        ...shares.slice(dealt).flatMap((share) => share.partitions),
      ];
      const result = redistribute({ reading, enumerator: shares.slice(dealt) }, after);
      expect(result.reading).toEqual([]);
      expect(result.enumerator).toEqual(sharesOf(expected, after));
      expect(names(sharesOf(expected, after).flatMap((share) => share.partitions))).toEqual(names(partitions));
    }),
  );
});

describe("murmur2", () => {
  // What org.apache.kafka.common.utils.Utils.murmur2 gives, from its own tests.
  test.each([
    ["21", -973932308],
    ["foobar", -790332482],
    ["a-little-bit-long-string", -985981536],
    ["a-little-bit-longer-string", -1486304829],
    ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
    ["abc", 479470107],
  ])("of %j is the Java client's", (text, hash) => {
    expect(murmur2(Buffer.from(text))).toBe(hash);
    expect(murmur2OfAscii(text)).toBe(hash);
  });

  test("of a text is that of its bytes, if it is ASCII", () => {
    const texts = fc.oneof(fc.string({ maxLength: 40 }), fc.string({ unit: "binary", maxLength: 9 }));
    fc.assert(
      fc.property(texts, (text) => {
        const bytes = Buffer.from(text);
        expect(murmur2OfAscii(text)).toBe(bytes.every((byte) => byte < 0x80) ? murmur2(bytes) : undefined);
      }),
    );
  });
});
