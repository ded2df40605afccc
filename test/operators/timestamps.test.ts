import { describe, expect, test } from "vitest";
import type { WatermarkGenerator } from "../../index.ts";
import { type OutputElement, openHarness } from "../../runtime/testing/index.ts";
import { drive, driveInEveryWay } from "./drive.ts";

interface Event {
  readonly at: number;
  readonly last?: boolean;
}

const events = (...times: number[]) => times.map((at) => [{ at }] as const);
const short = (elements: readonly OutputElement<Event>[]) =>
  elements.map((element) =>
    element.kind === "record"
      ? `r${element.timestamp}`
      : element.kind === "watermark"
        ? `w${element.timestamp}`
        : element.kind,
  );

test("records get the time that the function reads", async () => {
  const { timestamps } = await driveInEveryWay<Event, Event>(
    (input) => input.withTimestamps(({ at }) => at),
    events(5, 3, 8),
    { watermarks: false },
  );
  expect(timestamps).toEqual([5, 3, 8]);
});

test("a bounded watermark follows the latest record at its distance, batch by batch, and never falls", async () => {
  const harness = await openHarness<Event, Event>((input) =>
    input.withTimestamps(({ at }) => at, { outOfOrderness: "10ms" }),
  );
  harness.pushBatch([
    [{ at: 100 }, 0],
    [{ at: 120 }, 0],
  ]);
  harness.pushBatch([[{ at: 90 }, 0]]);
  harness.pushBatch([[{ at: 121 }, 0]]);
  expect(short(harness.elements)).toEqual(["r100", "r120", "w109", "r90", "r121", "w110"]);
});

test.each([
  ["with room", {}],
  ["with a full output", { blockEvery: 1 }],
])("a punctuated watermark goes out behind the record that carries it, %s", async (_, options) => {
  const { elements } = await drive<Event, Event>(
    (input) =>
      input
        .withTimestamps(({ at }) => at, { punctuated: ({ last }, at) => (last === true ? at : undefined) })
        .flatMap(function* (event) {
          yield* [event, event];
        }),
    [[{ at: 1 }], [{ at: 2, last: true }], [{ at: 3 }], [{ at: 2, last: true }]],
    options,
  );
  expect(short(elements)).toEqual(["r1", "r1", "r2", "r2", "w2", "r3", "r3", "r2", "r2"]);
});

test("a generator of one's own decides at records and at ends of batches", async () => {
  class EverySecond implements WatermarkGenerator<Event> {
    #seen = 0;
    #latest = 0;
    onRecord(_event: Event, timestamp: number): number | undefined {
      this.#latest = timestamp;
      return ++this.#seen % 2 === 0 ? timestamp - 100 : undefined;
    }
    onBatchEnd(): number {
      return this.#latest - 50;
    }
  }
  const harness = await openHarness<Event, Event>((input) =>
    input.withTimestamps(({ at }) => at, { custom: () => new EverySecond() }),
  );
  harness.pushBatch([
    [{ at: 200 }, 0],
    [{ at: 210 }, 0],
    [{ at: 220 }, 0],
  ]);
  expect(short(harness.elements)).toEqual(["r200", "r210", "w110", "r220", "w170"]);
});

test("watermarks from further up are replaced, except the last one", async () => {
  const harness = await openHarness<Event, Event>((input) => input.withTimestamps(({ at }) => at));
  harness.watermark(500);
  harness.push({ at: 10 });
  harness.finish();
  expect(short(harness.elements)).toEqual(["r10", "w9", `w${Number.POSITIVE_INFINITY}`, "end"]);
});

describe("idleness", () => {
  const open = () => openHarness<Event, Event>((input) => input.withTimestamps(({ at }) => at, { idleAfter: "1s" }));

  test("is declared after so long without records, and taken back by the next one", async () => {
    const harness = await open();
    harness.push({ at: 1 });
    harness.advanceTime(999);
    expect(short(harness.take())).toEqual(["r1", "w0"]);
    harness.advanceTime(1);
    expect(short(harness.take())).toEqual(["idle"]);
    harness.advanceTime(5000);
    expect(short(harness.take())).toEqual([]);
    harness.push({ at: 2 });
    expect(short(harness.take())).toEqual(["active", "r2", "w1"]);
  });

  test("counts from the latest record", async () => {
    const harness = await open();
    for (let i = 0; i < 10; i++) {
      harness.push({ at: i });
      harness.advanceTime(900);
    }
    expect(short(harness.elements)).not.toContain("idle");
    harness.advanceTime(100);
    expect(short(harness.elements).at(-1)).toBe("idle");
  });

  test("is declared of an input from which nothing ever came", async () => {
    const harness = await open();
    harness.advanceTime(1000);
    expect(short(harness.elements)).toEqual(["idle"]);
  });

  test("is not declared after the end", async () => {
    const harness = await open();
    harness.finish();
    harness.advanceTime(5000);
    expect(short(harness.elements)).toEqual([`w${Number.POSITIVE_INFINITY}`, "end"]);
  });

  test("does not come while the subtask itself waits for something", async () => {
    const reading = Promise.withResolvers<Event[]>();
    const harness = await openHarness<Event, Event>((input) =>
      input
        .withTimestamps(({ at }) => at, { idleAfter: "1s" })
        .mapBatches("wait", { schema: { at: "float64" }, timeout: "1h", process: () => reading.promise }),
    );
    harness.push({ at: 1 });
    harness.advanceTime(5000);
    expect(short(harness.take())).toEqual([]);
    reading.resolve([{ at: 1 }]);
    await harness.settled();
    harness.advanceTime(999);
    expect(short(harness.take())).toEqual(["r1", "w0"]);
    harness.advanceTime(1);
    expect(short(harness.take())).toEqual(["idle"]);
  });
});
