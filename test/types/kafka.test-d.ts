/** What a Kafka source makes of its options: the types of values, watermarks and bad records. Nothing here runs. */

import { describe, expectTypeOf, test } from "vitest";
import {
  type Format,
  json,
  type KafkaRecord,
  kafka,
  text,
  type Upsert,
  upserts,
  type Validator,
  validated,
} from "../../connectors/kafka/index.ts";
import type { DataStream, Environment } from "../../index.ts";

interface Order {
  readonly id: number;
  readonly at: number;
}

declare const env: Environment;
declare const validator: Validator<Order>;
const place = { brokers: "a:1", topics: "t" };

describe("a Kafka source", () => {
  test("has values of its format", () => {
    expectTypeOf(env.from(kafka({ ...place, value: json<Order>() }))).toEqualTypeOf<DataStream<Order>>();
    expectTypeOf(env.from(kafka({ ...place, value: text() }))).toEqualTypeOf<DataStream<string>>();
    expectTypeOf(validated(json(), validator)).toEqualTypeOf<Format<Order>>();
  });

  test("has what a function of whole records returns", () => {
    const value = ({ offset, key }: KafkaRecord) => ({ offset, key: String(key) });
    const stream = env.from(kafka({ ...place, value }));
    expectTypeOf(stream).toEqualTypeOf<DataStream<{ offset: number; key: string }>>();
  });

  test("has keys and values of a compacted topic", () => {
    const stream = env.from(kafka({ ...place, value: upserts({ key: text(), value: json<Order>() }) }));
    expectTypeOf(stream).toEqualTypeOf<DataStream<Upsert<string, Order>>>();
  });

  test("gives its values to the function of their time", () => {
    env.from(kafka({ ...place, value: json<Order>() }), {
      watermarks: { timestamp: (order) => expectTypeOf(order).toEqualTypeOf<Order>() && order.at, idleAfter: "1m" },
    });
    env.from(kafka({ ...place, value: json<Order>() }), {
      // @ts-expect-error a record has no such field
      watermarks: { timestamp: (order) => order.time },
    });
  });
});
