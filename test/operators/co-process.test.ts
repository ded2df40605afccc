import { describe, expect, test } from "vitest";
import {
  type CoProcessFunction,
  collectTo,
  type DataStream,
  fromArray,
  listState,
  outputTag,
  valueState,
} from "../../index.ts";
import { openTwoInputHarness } from "../../runtime/testing/index.ts";
import { driveTwoInEveryWay, type TwoInputStep } from "./drive-two.ts";
import { runEverywhere } from "./run-everywhere.ts";

interface Order {
  readonly id: number;
  readonly item: string;
}

interface Payment {
  readonly order: number;
  readonly cents: number;
}

const order = (id: number, item: string, at: number): TwoInputStep<Order, Payment> => ({ first: { id, item }, at });
const payment = (id: number, cents: number, at: number): TwoInputStep<Order, Payment> => ({
  second: { order: id, cents },
  at,
});

/** Orders with their payments, whichever comes first; an order without payment is given up 10 ms after it. */
const settled = { order: valueState<Order>(), payments: listState<number>() };
const settling: CoProcessFunction<Order, Payment, number, typeof settled, string> = {
  state: settled,
  process1(order, { state, timers, timestamp }) {
    state.order.set(order);
    timers.register("event", timestamp + 10);
    const payments = state.payments.get();
    state.payments.clear();
    return payments.map((cents) => `${order.item}: ${cents}`);
  },
  process2({ cents }, { state }) {
    const order = state.order.get();
    if (order !== undefined) return [`${order.item}: ${cents}`];
    state.payments.add(cents);
    return [];
  },
  onTimer(_timer, { state, key }) {
    state.order.clear();
    return [`${key} is over`];
  },
};

const settle = (orders: DataStream<Order>, payments: DataStream<Payment>): DataStream<string> =>
  orders.keyBy("id").connect(payments.keyBy("order")).process("settle", settling);

describe("both inputs share the state of a key", () => {
  test("whichever comes first", async () => {
    const { records, timestamps } = await driveTwoInEveryWay(settle, [
      order(1, "pen", 1),
      payment(1, 100, 2),
      payment(2, 200, 3),
      payment(2, 300, 4),
      order(2, "ink", 5),
      payment(1, 400, 6),
    ]);
    expect(records).toEqual(["pen: 100", "ink: 200", "ink: 300", "pen: 400"]);
    expect(timestamps).toEqual([2, 5, 5, 6]);
  });

  test("keys of one kind only: 1 and 2 do not meet", async () => {
    const { records } = await driveTwoInEveryWay(settle, [order(1, "pen", 1), payment(2, 100, 2)]);
    expect(records).toEqual([]);
  });
});

test("event time is the lower one of both watermarks", async () => {
  const { elements } = await driveTwoInEveryWay(settle, [
    order(1, "pen", 1),
    { watermark: 100, of: 1 },
    payment(1, 100, 2),
    { watermark: 10, of: 2 },
    payment(1, 200, 11),
    { watermark: 12, of: 2 },
    payment(1, 300, 13),
    { watermark: 200, of: 2 },
  ]);
  expect(elements).toEqual([
    { kind: "record", value: "pen: 100", timestamp: 2 },
    { kind: "watermark", timestamp: 10 },
    { kind: "record", value: "pen: 200", timestamp: 11 },
    { kind: "record", value: "1 is over", timestamp: 11 },
    { kind: "watermark", timestamp: 12 },
    { kind: "watermark", timestamp: 100 },
  ]);
});

test("each input fails with the name of its record's operator", async () => {
  const harness = await openTwoInputHarness<Order, Payment, string>((orders, payments) =>
    orders.connect(payments).process<string>("both", {
      process1: () => [],
      process2: ({ cents }) => {
        throw new RangeError(`${cents} is too much`);
      },
    }),
  );
  harness.push({ id: 1, item: "pen" });
  expect(() => harness.push2({ order: 1, cents: 7 })).toThrow(/a function of "both" threw RangeError: 7 is too much/);
  await harness.close();
});

test("side outputs of both inputs", async () => {
  const odd = outputTag<string>("odd");
  const { records, sides } = await driveTwoInEveryWay<number, string, number | string>(
    (numbers, texts) =>
      numbers.connect(texts).process<number | string>("sort out", {
        *process1(value, { side }) {
          if (value % 2 === 1) side(odd, `n${value}`);
          else yield value;
        },
        *process2(text, { side }) {
          if (text.length % 2 === 1) side(odd, text);
          else yield text;
        },
      }),
    [{ first: 1 }, { second: "abc" }, { second: "ab" }, { first: 2 }],
    { sides: [odd as never] },
  );
  expect(records).toEqual(["ab", 2]);
  expect(sides).toEqual({ odd: ["n1", "abc"] });
});

test("state without keyBy is refused", async () => {
  const open = openTwoInputHarness<Order, Payment>((orders, payments) =>
    orders.connect(payments).process("settle", settling as never),
  );
  await expect(open).rejects.toThrow(/"settle" uses state order, payments, which needs a key/);
});

describe("at any parallelism", () => {
  const orders = Array.from({ length: 60 }, (_, id) => ({ id, item: `item ${id}` }));
  const payments = Array.from({ length: 120 }, (_, at) => ({ order: (at * 7) % 60, cents: at }));

  test("records of both inputs meet at their key, and a union on either side is one input", async () => {
    const expected = payments.map(({ order, cents }) => `item ${order}: ${cents}`).sort();
    await runEverywhere(
      (env) => {
        const [some, others] = [0, 1].map((half) =>
          env.from(fromArray(orders.filter(({ id }) => id % 2 === half)), { name: `orders ${half}` }),
        ) as [DataStream<Order>, DataStream<Order>];
        const [early, late] = [0, 1].map((half) =>
          env.from(fromArray(payments.filter(({ cents }) => cents % 2 === half)), { name: `payments ${half}` }),
        ) as [DataStream<Payment>, DataStream<Payment>];
        settle(some.union(others), early.union(late)).to(collectTo("out"));
      },
      ({ rows, parallelism }) => {
        const settled = rows<string>("out").filter((row) => !row.endsWith("over"));
        expect(settled.toSorted(), `parallelism ${parallelism}`).toEqual(expected);
        expect(rows("out")).toHaveLength(payments.length + orders.length);
      },
    );
  });

  test("a stream is connected with itself", async () => {
    await runEverywhere(
      (env) => {
        const numbers = env.from(fromArray([1, 2, 3]));
        numbers
          .connect(numbers)
          .process<string>("twice", { process1: (n) => [`a${n}`], process2: (n) => [`b${n}`] })
          .to(collectTo("out"));
      },
      ({ rows }) => expect(rows<string>("out").toSorted()).toEqual(["a1", "a2", "a3", "b1", "b2", "b3"]),
    );
  });
});
