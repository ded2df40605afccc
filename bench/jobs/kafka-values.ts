/** JSON values of exactly 200 bytes, 4096 different ones, as messages of the Kafka benchmarks. */

export const VALUE_BYTES = 200;
const COUNT = 4096;
const kinds = ["view", "click", "buy"] as const;

export interface KafkaValue {
  readonly id: number;
  readonly user: string;
  readonly ts: number;
  readonly amount: number;
  readonly kind: (typeof kinds)[number];
  readonly url: string;
  readonly pad: string;
}

const values = Array.from({ length: COUNT }, (_, index) => {
  const value = {
    id: index * 7919,
    user: `user-${(index * 31) % 5000}`,
    ts: 1_700_000_000_000 + index * 13,
    amount: Number((index * 1.37).toFixed(2)),
    kind: kinds[index % kinds.length],
    url: `/p/${(Math.imul(index, 2_654_435_761) >>> 0).toString(36)}`,
    pad: "",
  };
  value.pad = "x".repeat(VALUE_BYTES - JSON.stringify(value).length);
  return JSON.stringify(value);
});

export function kafkaValue(index: number): string {
  return values[index & (COUNT - 1)] as string; // the mask keeps it within
}

export function kafkaValueId(index: number): number {
  return (index & (COUNT - 1)) * 7919;
}
