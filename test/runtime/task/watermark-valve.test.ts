import fc from "fast-check";
import { expect, test } from "vitest";
import { WatermarkValve } from "../../../runtime/task/watermark-valve.ts";

type Event = { readonly input: number } & (
  | { readonly watermark: number }
  | { readonly idle: boolean }
  | { readonly end: true }
);

function valveAfter(inputs: number, events: readonly Event[]): WatermarkValve {
  const valve = new WatermarkValve(inputs);
  for (const event of events) apply(valve, event);
  return valve;
}

function apply(valve: WatermarkValve, event: Event): boolean {
  if ("watermark" in event) return valve.watermark(event.input, event.watermark);
  return "idle" in event ? valve.idle(event.input, event.idle) : valve.end(event.input);
}

test.each<[string, readonly Event[], number]>([
  [
    "waits for the slowest active input",
    [
      { input: 0, watermark: 10 },
      { input: 1, watermark: 5 },
    ],
    5,
  ],
  ["waits for an input that has said nothing yet", [{ input: 0, watermark: 10 }], Number.NEGATIVE_INFINITY],
  [
    "does not wait for an idle input",
    [
      { input: 0, watermark: 10 },
      { input: 1, idle: true },
    ],
    10,
  ],
  [
    "does not wait for an input that has ended",
    [
      { input: 0, watermark: 10 },
      { input: 1, end: true },
    ],
    10,
  ],
  [
    "is the highest of all when the last active input falls silent, and stands still from then on",
    [
      { input: 0, watermark: 30 },
      { input: 1, watermark: 20 },
      { input: 0, idle: true },
      { input: 1, idle: true },
    ],
    30,
  ],
  [
    "does not rise for what an idle input says",
    [
      { input: 0, watermark: 10 },
      { input: 1, watermark: 5 },
      { input: 0, idle: true },
      { input: 0, watermark: 50 },
    ],
    5,
  ],
  [
    "is not pulled back by an input that becomes active behind it",
    [
      { input: 0, watermark: 10 },
      { input: 1, idle: true },
      { input: 1, idle: false },
      { input: 1, watermark: 3 },
    ],
    10,
  ],
  [
    "waits again for an input that has become active",
    [
      { input: 0, watermark: 10 },
      { input: 1, idle: true },
      { input: 1, idle: false },
      { input: 0, watermark: 20 },
    ],
    10,
  ],
  [
    "is the end of time when all inputs have ended",
    [
      { input: 0, end: true },
      { input: 1, end: true },
    ],
    Number.POSITIVE_INFINITY,
  ],
  [
    "is the end of time when all inputs say so",
    [
      { input: 0, watermark: Number.POSITIVE_INFINITY },
      { input: 1, end: true },
    ],
    Number.POSITIVE_INFINITY,
  ],
  [
    "is the highest of all when the others have ended",
    [
      { input: 0, watermark: 10 },
      { input: 1, watermark: 5 },
      { input: 0, end: true },
      { input: 1, idle: true },
    ],
    10,
  ],
  [
    "does not jump to the end of time while an input is idle only",
    [
      { input: 1, idle: true },
      { input: 0, watermark: 5 },
      { input: 0, watermark: Number.POSITIVE_INFINITY },
    ],
    5,
  ],
  [
    "is not the end of time while one is idle only",
    [
      { input: 0, watermark: 10 },
      { input: 0, end: true },
      { input: 1, idle: true },
    ],
    10,
  ],
])("the watermark %s", (_, events, expected) => {
  expect(valveAfter(2, events).current).toBe(expected);
});

test("each step tells whether the watermark has risen", () => {
  const valve = new WatermarkValve(2);
  expect(valve.watermark(0, 10)).toBe(false);
  expect(valve.watermark(1, 5)).toBe(true);
  expect(valve.watermark(1, 5)).toBe(false);
  expect(valve.idle(1, true)).toBe(true);
  expect(valve.current).toBe(10);
});

test("it names the inputs that hold it back", () => {
  const valve = valveAfter(4, [
    { input: 0, watermark: 10 },
    { input: 1, watermark: 5 },
    { input: 2, watermark: 5 },
    { input: 3, idle: true },
  ]);
  expect(valve.slowest()).toEqual([1, 2]);
});

test("it is the highest minimum over the active inputs that there ever was, or the highest of all when none is active", () => {
  const event = fc
    .record({ input: fc.nat(2) })
    .chain(({ input }) =>
      fc.oneof(
        { weight: 4, arbitrary: fc.integer({ min: -50, max: 50 }).map((watermark): Event => ({ input, watermark })) },
        { weight: 2, arbitrary: fc.boolean().map((idle): Event => ({ input, idle })) },
        { weight: 1, arbitrary: fc.constant<Event>({ input, end: true }) },
      ),
    );
  fc.assert(
    fc.property(fc.array(event), (events) => {
      const valve = new WatermarkValve(3);
      const inputs = [0, 1, 2].map(() => ({ watermark: Number.NEGATIVE_INFINITY, idle: false, ended: false }));
      let highest = Number.NEGATIVE_INFINITY;
      for (const each of events) {
        apply(valve, each);
        const input = inputs[each.input] as (typeof inputs)[number];
        if ("watermark" in each) input.watermark = Math.max(input.watermark, each.watermark);
        else if ("idle" in each) input.idle = each.idle;
        else input.ended = true;
        const active = inputs.filter(({ idle, ended }) => !idle && !ended);
        if (active.length > 0) highest = Math.max(highest, Math.min(...active.map(({ watermark }) => watermark)));
        else highest = Math.max(highest, ...inputs.map(({ watermark }) => watermark));
        if (inputs.every(({ ended }) => ended)) highest = Number.POSITIVE_INFINITY;
        expect(valve.current).toBe(highest);
      }
    }),
  );
});
