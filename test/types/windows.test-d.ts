/** The types of windows, triggers, evictors and window functions. Nothing here runs. */

import { describe, expectTypeOf, test } from "vitest";
import {
  averaging,
  countEvictor,
  counting,
  countTrigger,
  type DataStream,
  deltaTrigger,
  type Evictor,
  eventTimeTrigger,
  globalWindow,
  purgingTrigger,
  session,
  type Trigger,
  tumbling,
  valueState,
  type Window,
  type WindowResult,
} from "../../index.ts";

interface Click {
  readonly item: number;
  readonly user: string;
  readonly price: number;
}

declare const clicks: DataStream<Click>;
const byUser = clicks.keyBy("user");

describe("window functions", () => {
  test("get the key, the window and its records, and give what they return", () => {
    const made = byUser.window(tumbling("1m")).process("items", {
      process(key, window, records) {
        expectTypeOf(key).toEqualTypeOf<string>();
        expectTypeOf(window).toEqualTypeOf<Window>();
        expectTypeOf(records).toEqualTypeOf<readonly Click[]>();
        return [{ key, count: records.length }];
      },
    });
    expectTypeOf(made).toEqualTypeOf<DataStream<{ key: string; count: number }>>();
  });

  test("behind an aggregate get its value", () => {
    const made = byUser.window(tumbling("1m")).aggregate("mean", averaging("price"), {
      process: (key, { end }, mean) => [`${key} ${end} ${mean.toFixed()}`],
    });
    expectTypeOf(made).toEqualTypeOf<DataStream<string>>();
    const longest = byUser.window(tumbling("1m")).reduce("most", (a, b) => (a.price > b.price ? a : b), {
      process: (_, __, click) => [click.item],
    });
    expectTypeOf(longest).toEqualTypeOf<DataStream<number>>();
  });

  test("have their states by name", () => {
    byUser.window(tumbling("1m")).process("n", {
      state: { total: valueState(0) },
      windowState: { last: valueState<string>() },
      process(_, __, ___, { state, windowState }) {
        expectTypeOf(state.total.get()).toEqualTypeOf<number>();
        expectTypeOf(windowState.last.get()).toEqualTypeOf<string | undefined>();
        // @ts-expect-error there is no such state
        state.last;
      },
    });
  });

  test("are refused where they expect other records", () => {
    // @ts-expect-error records are clicks
    byUser.window(tumbling("1m")).process("n", { process: (_, __, records: readonly string[]) => records });
  });
});

test("without a function, results carry key and window", () => {
  const counted = byUser.window(session("1m")).aggregate("n", counting());
  expectTypeOf(counted).toEqualTypeOf<DataStream<WindowResult<string, number>>>();
  const all = clicks.windowAll(tumbling("1m")).aggregate("n", counting());
  expectTypeOf(all).toEqualTypeOf<DataStream<WindowResult<"all", number>>>();
  expectTypeOf(byUser.countWindow(3).aggregate("n", counting())).toEqualTypeOf<typeof counted>();
});

test("a session's gap is a function of the stream's records", () => {
  byUser.window(session((click) => (click.price > 5 ? "1m" : "2m")));
  // @ts-expect-error clicks have no length
  byUser.window(session((click) => ({ seconds: click.length })));
  // @ts-expect-error a gap is a duration
  byUser.window(session(30));
});

test("triggers and evictors are of the stream's records", () => {
  byUser.window(globalWindow()).trigger(countTrigger(5)).evictor(countEvictor(3));
  byUser.window(globalWindow()).trigger(purgingTrigger(eventTimeTrigger()));
  byUser.window(globalWindow()).trigger(deltaTrigger<Click>(1, (a, b) => b.price - a.price));
  const ofStrings: Trigger<string, null> = { name: "own", create: () => null, onRecord: () => "fire" };
  // @ts-expect-error it looks at strings
  byUser.window(globalWindow()).trigger(ofStrings);
  const evictsStrings: Evictor<string> = { name: "own", before: (records) => records };
  // @ts-expect-error it keeps strings
  byUser.window(globalWindow()).evictor(evictsStrings);
  // @ts-expect-error there is no such result
  const wrong: Trigger = { name: "own", create: () => null, onRecord: () => "stop" };
  expectTypeOf(wrong).toEqualTypeOf<Trigger>();
});
