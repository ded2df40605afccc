import fc from "fast-check";
import { expect, test } from "vitest";
import { AnswerFrames } from "../../../../connectors/kafka/client/answer-frames.ts";
import { AnswerMemory } from "../../../../connectors/kafka/client/answer-memory.ts";
import { ANSWER_SPARE_BYTES_MAX, REUSED_ANSWER_BYTES } from "../../../../connectors/kafka/limits.ts";

const memory = new AnswerMemory();

const anyAnswers = fc.array(fc.tuple(fc.integer(), fc.uint8Array({ maxLength: 50 })), { maxLength: 10 });

function frame(number: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(8);
  head.writeInt32BE(4 + payload.length, 0);
  head.writeInt32BE(number, 4);
  return Buffer.concat([head, payload]);
}

test("answers come out whole however they were cut, and the chunks' memory can be used again", () => {
  fc.assert(
    fc.property(anyAnswers, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (answers, sizes) => {
      const bytes = Buffer.concat(answers.map(([number, payload]) => frame(number, payload)));
      const taken: [number, Uint8Array][] = [];
      const frames = new AnswerFrames((number, payload) => taken.push([number, new Uint8Array(payload)]), 1000, memory);
      const chunk = Buffer.alloc(40);
      for (let at = 0, turn = 0; at < bytes.length; turn++) {
        const copied = bytes.copy(chunk, 0, at, at + (sizes[turn % sizes.length] ?? 1));
        frames.push(chunk.subarray(0, copied));
        chunk.fill(0xaa);
        at += copied;
      }
      expect(taken).toEqual(answers);
    }),
  );
});

test.each([3, 0, -1, 1001, 0x48545450])(
  "an answer of %i bytes is refused before any memory is taken for it",
  (length) => {
    const frames = new AnswerFrames(() => {}, 1000, memory);
    const head = Buffer.alloc(8);
    head.writeInt32BE(length);
    expect(() => frames.push(head)).toThrow(`an answer of ${length} bytes`);
  },
);

test("memory of large answers is used again when it was given back, and only then", () => {
  const kept = new AnswerMemory();
  const first = kept.take(REUSED_ANSWER_BYTES);
  const second = kept.take(REUSED_ANSWER_BYTES);
  expect(second.buffer).not.toBe(first.buffer);
  kept.give(first.subarray(4));
  const third = kept.take(REUSED_ANSWER_BYTES + 1);
  expect([third.buffer, third.length]).toEqual([first.buffer, REUSED_ANSWER_BYTES + 1]);
  expect(kept.take(REUSED_ANSWER_BYTES).buffer).not.toBe(first.buffer);
});

test("memory of small and of huge answers is left to the collector", () => {
  for (const length of [REUSED_ANSWER_BYTES - 1, ANSWER_SPARE_BYTES_MAX + 1]) {
    const kept = new AnswerMemory();
    const answer = kept.take(length);
    kept.give(answer);
    expect(kept.take(length).buffer).not.toBe(answer.buffer);
  }
});
