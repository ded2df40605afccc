/** What the engine and user functions report through: counters, gauges, histograms, and structured logs. */

export interface Counter {
  readonly value: number;
  add(amount?: number): void;
}

/** A distribution of durations or sizes. Quantiles are approximate (within 5 % of the value). */
export interface Histogram {
  record(value: number): void;
}

/** Makes or finds the metric of that name in the operator's own scope. */
export interface MetricGroup {
  counter(name: string): Counter;
  /** `read` is called when metrics are reported, on the subtask's own thread. */
  gauge(name: string, read: () => number): void;
  histogram(name: string): Histogram;
}

export type LogLevel = "debug" | "info" | "warn" | "error";

/** A structured logger that already knows job, operator and subtask. */
export interface Logger {
  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void;
}
