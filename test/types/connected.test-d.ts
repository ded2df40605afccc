/** The types of what is made of two streams follow from both, and wrong calls are refused with a sentence. Nothing runs. */

import { describe, expectTypeOf, test } from "vitest";
import {
  type Change,
  type DataStream,
  type Environment,
  inserted,
  mapState,
  type Source,
  tumbling,
  valueState,
} from "../../index.ts";

interface Order {
  readonly id: number;
  readonly item: string;
}

interface Payment {
  readonly order: number;
  readonly cents: number;
}

declare const env: Environment;
declare const orderSource: Source<Order>;
declare const paymentSource: Source<Payment>;

const orders = env.from(orderSource);
const payments = env.from(paymentSource);
const connected = orders.keyBy("id").connect(payments.keyBy("order"));

describe("functions of two inputs", () => {
  test("get the records of each, the key and the states", () => {
    const results = connected.process("settle", {
      state: { item: valueState<string>(), cents: valueState(0) },
      process1(order, { state, key }) {
        expectTypeOf(order).toEqualTypeOf<Order>();
        expectTypeOf(key).toEqualTypeOf<number>();
        state.item.set(order.item);
        return [{ id: key, cents: state.cents.get() }];
      },
      process2(payment, { state }) {
        expectTypeOf(payment).toEqualTypeOf<Payment>();
        expectTypeOf(state.item.get()).toEqualTypeOf<string | undefined>();
        return [];
      },
    });
    expectTypeOf(results).toEqualTypeOf<DataStream<{ id: number; cents: number }>>();
  });

  test("without key have no states", () => {
    orders.connect(payments).process("settle", {
      // @ts-expect-error: state needs a key
      state: { item: valueState<string>() },
      process1: () => [1],
      process2: () => [2],
    });
  });
});

describe("what is connected with a keyed stream", () => {
  test("is keyed too", () => {
    // @ts-expect-error: a keyed stream must be connected with a stream that keyBy has given keys of the same type
    orders.keyBy("id").connect(payments);
  });

  test("has keys of the same type", () => {
    // @ts-expect-error: the keys of connected streams must have one type
    orders.keyBy("item").connect(payments.keyBy("order"));
  });

  test("or is broadcast", () => {
    expectTypeOf(
      orders
        .keyBy("item")
        .connect(payments.broadcast())
        .process("broadcast", {
          state: { count: valueState(0) },
          broadcast: { sums: mapState<number, number>(), last: valueState<Payment>() },
          process(order, { state, broadcast, key }) {
            expectTypeOf(key).toEqualTypeOf<string>();
            // @ts-expect-error: records of this stream cannot change broadcast state
            broadcast.sums.put(1, 2);
            expectTypeOf(broadcast.last.get()).toEqualTypeOf<Readonly<Payment> | undefined>();
            return [order.id + state.count.get() + (broadcast.sums.get(1) ?? 0)];
          },
          processBroadcast({ order, cents }, { broadcast, eachKey }) {
            broadcast.sums.put(order, cents);
            expectTypeOf(eachKey("count")).toEqualTypeOf<Iterable<string>>();
          },
        }),
    ).toEqualTypeOf<DataStream<number>>();
  });
});

describe("joins", () => {
  test("give undefined only for what an outer join keeps without a match", () => {
    connected.intervalJoin("inner", {
      ...{ lower: "-1m", upper: "1m" },
      join(order, payment) {
        expectTypeOf(order).toEqualTypeOf<Order>();
        expectTypeOf(payment).toEqualTypeOf<Payment>();
      },
    });
    connected.intervalJoin("left", {
      ...{ type: "left", lower: "-1m", upper: "1m" },
      join(order, payment) {
        expectTypeOf(order).toEqualTypeOf<Order>();
        expectTypeOf(payment).toEqualTypeOf<Payment | undefined>();
      },
    });
    connected.window(tumbling("1m")).join("full", {
      type: "full",
      join(order, payment) {
        expectTypeOf(order).toEqualTypeOf<Order | undefined>();
        expectTypeOf(payment).toEqualTypeOf<Payment | undefined>();
      },
    });
    connected.temporalJoin("temporal", {
      join(order, payment) {
        expectTypeOf(order).toEqualTypeOf<Order>();
        expectTypeOf(payment).toEqualTypeOf<Payment>();
      },
    });
  });

  test("of all rows give rows, or a changelog where they take something back", () => {
    const join = (order: Order, payment: Payment | undefined): number => order.id + (payment?.cents ?? 0);
    expectTypeOf(connected.join("inner", { keep: "1d", join })).toEqualTypeOf<DataStream<number>>();
    expectTypeOf(connected.join("left", { type: "left", keep: "1d", join })).toEqualTypeOf<
      DataStream<Change<number>>
    >();
    // @ts-expect-error: it has to be said for how long rows are kept
    connected.join("unsaid", { join });
  });

  test("of changelogs take changelogs", () => {
    const changes = orders.map((order) => inserted(order)).keyBy(({ value }) => value.id);
    const others = payments.map((payment) => inserted(payment)).keyBy(({ value }) => value.order);
    expectTypeOf(
      changes
        .connect(others)
        .joinChanges("both", { keep: "forever", join: (order, payment) => order.id + payment.cents }),
    ).toEqualTypeOf<DataStream<Change<number>>>();
    // @ts-expect-error: these are no changes
    connected.joinChanges("none", { keep: "forever", join: () => 1 });
  });

  test("in windows may get both lists", () => {
    expectTypeOf(
      connected.window(tumbling("1m")).coGroup("group", {
        process(key, { end }, lefts, rights) {
          expectTypeOf(lefts).toEqualTypeOf<readonly Order[]>();
          expectTypeOf(rights).toEqualTypeOf<readonly Payment[]>();
          return [key + end];
        },
      }),
    ).toEqualTypeOf<DataStream<number>>();
  });
});

describe("calls that wait", () => {
  test("give what their promises do", () => {
    expectTypeOf(orders.asyncMap("async", async ({ id }) => `${id}`)).toEqualTypeOf<DataStream<string>>();
    expectTypeOf(
      orders.lookup("lookup", {
        key: ({ id }) => id,
        load: async (id) => ({ name: `${id}` }),
        join: (order, found) => `${order.item}${found.name}`,
      }),
    ).toEqualTypeOf<DataStream<string>>();
  });
});
