/** What descriptors of state infer, as a process function sees it. */

import { expectTypeOf, test } from "vitest";
import type { StateHandle } from "../../core/state.ts";
import {
  type ListState,
  listState,
  type MapState,
  mapState,
  type StandardSchema,
  types,
  type ValueState,
  valueState,
  withTtl,
} from "../../index.ts";

test("a time to live leaves the type of a state as it is", () => {
  const counted = withTtl(valueState(0), "1h");
  expectTypeOf(counted).toEqualTypeOf(valueState(0));
  expectTypeOf<StateHandle<typeof counted>>().toEqualTypeOf<ValueState<number, never>>();
  const seen = withTtl(mapState<string, boolean>(), { hours: 2 }, { time: "event", refresh: "read" });
  expectTypeOf<StateHandle<typeof seen>>().toEqualTypeOf<MapState<string, boolean>>();
  const all = withTtl(listState<Date>(), "7d", { time: "processing" });
  expectTypeOf<StateHandle<typeof all>>().toEqualTypeOf<ListState<Date>>();
});

test("a time to live is a duration, of event or processing time", () => {
  // @ts-expect-error a number has no unit
  withTtl(valueState(0), 5);
  // @ts-expect-error there is no such time
  withTtl(valueState(0), "1h", { time: "wall" });
});

test("the type of a state follows from its schema", () => {
  const user = types.object({
    name: types.string,
    visits: types.withDefault(types.int32, 0),
    email: types.optional(types.string),
    kind: types.literal("person", "bot"),
  });
  interface User {
    readonly name: string;
    readonly visits: number;
    readonly kind: "person" | "bot";
    readonly email?: string;
  }
  const state = valueState(user);
  expectTypeOf<StateHandle<typeof state>>().toEqualTypeOf<ValueState<User>>();
  const counted = valueState(types.int32, 0);
  expectTypeOf<StateHandle<typeof counted>>().toEqualTypeOf<ValueState<number, never>>();
  const seen = mapState(types.string, types.nullable(types.date));
  expectTypeOf<StateHandle<typeof seen>>().toEqualTypeOf<MapState<string, Date | null>>();
  const library = {} as StandardSchema<{ readonly a: number }>;
  const list = listState(library);
  expectTypeOf<StateHandle<typeof list>>().toEqualTypeOf<ListState<{ readonly a: number }>>();
});

test("an initial value has to be of the schema", () => {
  // @ts-expect-error a number is no text
  valueState(types.string, 5);
});
