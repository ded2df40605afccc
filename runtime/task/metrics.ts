/** Counters, gauges and histograms of a slot's subtasks, and their values as plain data for reports. */

import type { Counter, Histogram, MetricGroup } from "../../core/telemetry.ts";
import type { HistogramReport, OperatorReport } from "../protocol.ts";

class PlainCounter implements Counter {
  value = 0;

  add(amount = 1): void {
    this.value += amount;
  }
}

const bucketWidth = Math.log(1.05);
const lowestBucket = -2000;

/** Logarithmic buckets of 5 %: quantiles are right within that, and summaries of subtasks add up. */
class BucketHistogram implements Histogram {
  #count = 0;
  #sum = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;
  readonly #buckets = new Map<number, number>();

  record(value: number): void {
    this.#count++;
    this.#sum += value;
    if (value < this.#min) this.#min = value;
    if (value > this.#max) this.#max = value;
    const bucket = value > 0 ? Math.max(lowestBucket, Math.floor(Math.log(value) / bucketWidth)) : lowestBucket;
    this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + 1);
  }

  summary(): HistogramReport {
    return {
      count: this.#count,
      sum: this.#sum,
      min: this.#min,
      max: this.#max,
      buckets: Object.fromEntries(this.#buckets),
    };
  }
}

/** What is in a report for one operator of one subtask. */
export type OperatorMetrics = Omit<OperatorReport, "operator">;

export class OperatorMetricGroup implements MetricGroup {
  readonly #counters = new Map<string, PlainCounter>();
  readonly #gauges = new Map<string, () => number>();
  readonly #histograms = new Map<string, BucketHistogram>();

  counter(name: string): Counter {
    return findOrAdd(this.#counters, name, () => new PlainCounter());
  }

  gauge(name: string, read: () => number): void {
    this.#gauges.set(name, read);
  }

  histogram(name: string): Histogram {
    return findOrAdd(this.#histograms, name, () => new BucketHistogram());
  }

  read(): OperatorMetrics {
    return {
      counters: Object.fromEntries([...this.#counters].map(([name, counter]) => [name, counter.value])),
      gauges: Object.fromEntries([...this.#gauges].map(([name, read]) => [name, read()])),
      histograms: Object.fromEntries([...this.#histograms].map(([name, histogram]) => [name, histogram.summary()])),
    };
  }
}

/** The value below which a share of the recorded values lies, within 5 %; NaN when nothing was recorded. */
export function quantile(summary: HistogramReport, share: number): number {
  let below = 0;
  const buckets = Object.entries(summary.buckets)
    .map(([bucket, count]) => [Number(bucket), count] as const)
    .sort(([a], [b]) => a - b);
  for (const [bucket, count] of buckets) {
    below += count;
    if (below >= share * summary.count)
      return Math.min(summary.max, bucket === lowestBucket ? 0 : Math.exp((bucket + 0.5) * bucketWidth));
  }
  return Number.NaN;
}

export function mergeHistograms(a: HistogramReport, b: HistogramReport): HistogramReport {
  const buckets: Record<number, number> = { ...a.buckets };
  for (const [bucket, count] of Object.entries(b.buckets))
    buckets[Number(bucket)] = (buckets[Number(bucket)] ?? 0) + count;
  return {
    count: a.count + b.count,
    sum: a.sum + b.sum,
    min: Math.min(a.min, b.min),
    max: Math.max(a.max, b.max),
    buckets,
  };
}

function findOrAdd<V>(map: Map<string, V>, name: string, make: () => V): V {
  let found = map.get(name);
  if (found === undefined) {
    found = make();
    map.set(name, found);
  }
  return found;
}
