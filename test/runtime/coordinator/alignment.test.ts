import fc from "fast-check";
import { expect, test } from "vitest";
import type { VertexId } from "../../../core/ids.ts";
import { Alignment } from "../../../runtime/coordinator/alignment.ts";

const vertex = "source" as VertexId;

test("each subtask knows how far the slowest of the others in its group is, and is told of every change", () => {
  const report = fc.record({
    group: fc.constantFrom("a", "b"),
    subtask: fc.nat(3),
    watermark: fc.oneof(fc.nat(9), fc.constantFrom(null, Number.NEGATIVE_INFINITY)),
  });
  fc.assert(
    fc.property(fc.array(report, { maxLength: 60 }), (reports) => {
      const alignment = new Alignment();
      const said = new Map<string, Map<number, number | null>>();
      const heard = new Map<string, number | null>();
      for (const { group, subtask, watermark } of reports) {
        const members = said.get(group) ?? new Map<number, number | null>();
        said.set(group, members.set(subtask, watermark));
        for (const told of alignment.report(subtask * 10, { group, vertex, subtask, watermark })) {
          expect(told.slot).toBe(told.subtask * 10);
          expect(heard.get(`${group}${told.subtask}`) ?? null, "nobody hears what it knows").not.toBe(told.watermark);
          heard.set(`${group}${told.subtask}`, told.watermark);
        }
        for (const [of, all] of said) {
          for (const own of all.keys()) {
            const others = [...all].flatMap(([other, time]) => (other === own || time === null ? [] : [time]));
            expect(heard.get(`${of}${own}`) ?? null).toBe(others.length === 0 ? null : Math.min(...others));
          }
        }
      }
    }),
    { numRuns: 300 },
  );
});
