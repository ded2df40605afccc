/** The Java client on the broker of the tests (`judge.ts`). */

import { type Isolation, type JudgedRecord, judge, judged } from "../../kafka-broker/judge.ts";
import { brokers } from "./on-kafka.ts";

export type { JudgedRecord } from "../../kafka-broker/judge.ts";

/** Has the Java producer write `count` records of the form that `javaRecord` knows into partition 0. */
export async function javaProduces(topic: string, compression: string, count: number): Promise<void> {
  await judge(brokers, ["produce", topic, compression, String(count)]);
}

/** Has Java producers write and end transactions: "1w 2w 2a 1c". */
export async function javaTransacts(topic: string, steps: string): Promise<void> {
  await judge(brokers, ["transact", topic, ...steps.split(" ")]);
}

/** What the Java consumer reads of a topic, in the order of partitions and offsets. */
export function javaConsumes(topic: string, isolation: Isolation): Promise<readonly JudgedRecord[]> {
  return judged(brokers, topic, isolation);
}

const hex = (text: string): string => Buffer.from(text).toString("hex");

/** Record `index` of `javaProduces`, as the consumer shows it. */
export function javaRecord(index: number): JudgedRecord {
  return {
    partition: 0,
    offset: index,
    timestamp: 1_700_000_000_000 + index * 37 - (index % 11) * 3_000_000,
    key: index % 3 === 0 ? null : hex(`key-${index}`),
    value: index % 5 === 0 ? null : hex("wört ✓ 𝄞 ".repeat(index % 40)),
    headers:
      index % 4 === 0
        ? [
            ["trace", hex(`t${index}`)],
            ["nichts", null],
            ["ü", "00ff"],
          ]
        : [],
  };
}
