import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { counting, type DataStream, sliding, tumbling, type WindowResult } from "../../index.ts";
import { localTime } from "../../operators/window/local-time.ts";
import { openHarness } from "../../runtime/testing/index.ts";
import { driveInEveryWay, type Step } from "./drive.ts";

const hourMs = 3_600_000;
const iso = (instant: number): string => new Date(instant).toISOString();

async function windowsOf(spec: ReturnType<typeof tumbling>, ...instants: string[]): Promise<string[]> {
  const steps: Step<string>[] = [
    ...instants.map((instant) => [instant, Date.parse(instant)] as const),
    { watermark: Date.parse("2100-01-01") },
  ];
  const { records } = await driveInEveryWay<string, WindowResult<string, number>>(
    (input: DataStream<string>) =>
      input
        .keyBy(() => "all")
        .window(spec)
        .aggregate("count", counting()),
    steps,
  );
  return records.map(
    ({ windowStart, windowEnd, value }) => `${iso(windowStart)} ${(windowEnd - windowStart) / hourMs}h ${value}`,
  );
}

describe("a day in a time zone", () => {
  test("begins at its midnight", async () => {
    expect(
      await windowsOf(
        tumbling("1d", { timeZone: "Europe/Berlin" }),
        "2026-01-15T22:59:59.999Z",
        "2026-01-15T23:00:00Z",
      ),
    ).toEqual(["2026-01-14T23:00:00.000Z 24h 1", "2026-01-15T23:00:00.000Z 24h 1"]);
  });

  test("has 23 hours when the clock is put forward", async () => {
    expect(
      await windowsOf(
        tumbling("1d", { timeZone: "Europe/Berlin" }),
        "2026-03-29T12:00:00Z",
        "2026-03-29T21:59:59.999Z",
        "2026-03-29T22:00:00Z",
      ),
    ).toEqual(["2026-03-28T23:00:00.000Z 23h 2", "2026-03-29T22:00:00.000Z 24h 1"]);
  });

  test("has 25 hours when the clock is put back", async () => {
    expect(
      await windowsOf(
        tumbling("1d", { timeZone: "Europe/Berlin" }),
        "2026-10-25T00:30:00Z",
        "2026-10-25T01:30:00Z",
        "2026-10-25T22:59:59.999Z",
      ),
    ).toEqual(["2026-10-24T22:00:00.000Z 25h 3"]);
  });

  test("may be shifted by an offset", async () => {
    expect(
      await windowsOf(tumbling("1d", { timeZone: "America/New_York", offset: "6h" }), "2026-07-01T10:00:00Z"),
    ).toEqual(["2026-07-01T10:00:00.000Z 24h 1"]);
  });

  test("may be part of a longer window that slides by days", async () => {
    expect(await windowsOf(sliding("2d", "1d", { timeZone: "Europe/Berlin" }), "2026-10-25T12:00:00Z")).toEqual([
      "2026-10-23T22:00:00.000Z 49h 1",
      "2026-10-24T22:00:00.000Z 49h 1",
    ]);
  });
});

test("an hour that the clock repeats is one window of two hours", async () => {
  expect(
    await windowsOf(
      tumbling("1h", { timeZone: "Europe/Berlin" }),
      "2026-10-25T00:30:00Z",
      "2026-10-25T01:30:00Z",
      "2026-10-25T02:30:00Z",
    ),
  ).toEqual(["2026-10-25T00:00:00.000Z 2h 2", "2026-10-25T02:00:00.000Z 1h 1"]);
});

test("of windows shorter than the repeated hour, the last contains the repetition", async () => {
  expect(
    await windowsOf(
      tumbling("30m", { timeZone: "Europe/Berlin" }),
      "2026-10-25T00:10:00Z",
      "2026-10-25T00:40:00Z",
      "2026-10-25T01:10:00Z",
      "2026-10-25T02:10:00Z",
    ),
  ).toEqual(["2026-10-25T00:00:00.000Z 0.5h 1", "2026-10-25T00:30:00.000Z 1.5h 2", "2026-10-25T02:00:00.000Z 0.5h 1"]);
});

test("an hour that the clock skips is no window", async () => {
  expect(
    await windowsOf(tumbling("1h", { timeZone: "Europe/Berlin" }), "2026-03-29T00:59:59.999Z", "2026-03-29T01:00:00Z"),
  ).toEqual(["2026-03-29T00:00:00.000Z 1h 1", "2026-03-29T01:00:00.000Z 1h 1"]);
});

test("a record without event time is refused in time zones too", async () => {
  const harness = await openHarness<string, WindowResult<number, number>>((input) =>
    input
      .keyBy(() => 0)
      .window(tumbling("1d", { timeZone: "Asia/Tokyo" }))
      .aggregate("count", counting()),
  );
  expect(() => harness.push("x")).toThrow(/"count" got a record without event time.*call withTimestamps/);
});

describe("local time", () => {
  const zones = fc.constantFrom(
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Asia/Kathmandu",
    "America/St_Johns",
    "UTC",
  );
  const instants = fc.integer({ min: Date.parse("1990-01-01"), max: Date.parse("2030-01-01") });
  const spans = fc.integer({ min: 0, max: 30 * hourMs });

  test("never goes back", () => {
    fc.assert(
      fc.property(zones, instants, spans, (zone, instant, span) => {
        const time = localTime(0, zone);
        expect(time.toLocal(instant + span)).toBeGreaterThanOrEqual(time.toLocal(instant));
      }),
      { numRuns: 2000 },
    );
  });

  test("begins at the first instant that has come to it", () => {
    fc.assert(
      fc.property(zones, instants, fc.integer({ min: 1, max: 3000 }), (zone, instant, minutes) => {
        const time = localTime(0, zone);
        const local = Math.floor(time.toLocal(instant) / (minutes * 60_000)) * minutes * 60_000;
        const begin = time.toInstant(local);
        expect(time.toLocal(begin)).toBeGreaterThanOrEqual(local);
        expect(time.toLocal(begin - 1)).toBeLessThan(local);
        expect(begin).toBeLessThanOrEqual(instant);
      }),
      { numRuns: 2000 },
    );
  });
});
