/**
 * Orders and their payments, joined by a process function over the union of both streams: an order waits in state for its
 * payment, whichever comes first, and at a time of its own it is written down as unpaid. Then the customers' sums, which are
 * known when no order of their time can be paid any more. Checkpoints are unaligned.
 */

import { type DataStream, defineJob, mapState, toJsonl, valueState } from "millrace";
import { timelines } from "./timelines.ts";

interface Order {
  readonly kind: "order";
  readonly id: number;
  readonly customer: number;
  readonly time: number;
}

interface Payment {
  readonly kind: "payment";
  readonly id: number;
  readonly amount: number;
  readonly time: number;
}

interface Joined {
  readonly id: number;
  readonly customer: number;
  readonly amount: number | null;
  readonly time: number;
}

/** What a customer has ordered in a time that ends with `end`. */
interface Total {
  readonly customer: number;
  readonly end: number;
  readonly amount: number;
}

const CUSTOMERS = 41;
const TOTALS_MS = 2000;
const PAID_WITHIN = 400;

/** Three of four orders are paid, soon or late; some payments are ahead of their order. */
function paymentOf(id: number): Payment {
  return { kind: "payment", id, amount: (id % 19) + 1, time: 2 * id + ((id * 13) % (PAID_WITHIN - 20)) - 10 };
}

const job = defineJob(
  import.meta,
  "joins",
  (env, { output, gate, count, records }) => {
    const orders: DataStream<Order | Payment> = env
      .from(
        timelines({
          ...{ name: "orders", timelines: 2, count, gate, records },
          record: (timeline, number): Order | Payment => {
            const id = 2 * number + timeline;
            return { kind: "order", id, customer: (id * 7) % CUSTOMERS, time: 2 * id };
          },
        }),
      )
      .withTimestamps(({ time }) => time, { outOfOrderness: "1ms" });
    const payments: DataStream<Order | Payment> = env
      .from(
        timelines({
          ...{ name: "payments", timelines: 2, count, gate, records },
          record: (timeline, number): Order | Payment => paymentOf(2 * number + timeline),
        }),
      )
      .filter(({ id }) => id % 4 !== 3, { name: "paid" })
      .withTimestamps(({ time }) => time, { outOfOrderness: "1s" });
    const joined = orders
      .union(payments)
      .keyBy("id")
      .process("joined", {
        state: { order: valueState<Order>(), payment: valueState<Payment>() },
        process(value, { state, timers }): Joined[] {
          if (value.kind === "order") state.order.set(value);
          else state.payment.set(value);
          const order = state.order.get();
          const payment = state.payment.get();
          if (order === undefined || payment === undefined) {
            if (order !== undefined) timers.register("event", order.time + PAID_WITHIN);
            return [];
          }
          timers.delete("event", order.time + PAID_WITHIN);
          state.order.clear();
          state.payment.clear();
          return [{ id: order.id, customer: order.customer, amount: payment.amount, time: order.time }];
        },
        onTimer(_, { state }): Joined[] {
          const order = state.order.get();
          if (order === undefined) return [];
          state.order.clear();
          return [{ id: order.id, customer: order.customer, amount: null, time: order.time }];
        },
      });
    joined.to(toJsonl(`${output}/joined`, { exactlyOnce: true }), { name: "joined-out" });
    joined
      .keyBy("customer")
      .process("totals", {
        state: { amounts: mapState<number, number>() },
        process({ amount, time }, { state, timers }): Total[] {
          const end = time - (time % TOTALS_MS) + TOTALS_MS;
          state.amounts.put(end, (state.amounts.get(end) ?? 0) + (amount ?? 0));
          timers.register("event", end + PAID_WITHIN);
          return [];
        },
        onTimer({ key, timestamp }, { state }): Total[] {
          const end = timestamp - PAID_WITHIN;
          const amount = state.amounts.get(end) ?? 0;
          state.amounts.remove(end);
          return [{ customer: key as number, end, amount }];
        },
      })
      .to(toJsonl(`${output}/totals`, { exactlyOnce: true }), { name: "totals-out" });
  },
  {
    params: { output: "", gate: "", count: 60_000, records: 20 },
    parallelism: 2,
    checkpoints: { interval: "150ms", retained: 2, tolerated: 1000, unaligned: true },
    restart: { kind: "fixedDelay", attempts: 10_000, delay: "20ms" },
  },
);

export default job;
