/** What a job's operators have counted, such as late records and lines that could not be read, for people. */

import type { JobMetrics } from "../job-metrics.ts";

/** A line for each operator that counted anything. */
export function countersText({ operators }: Pick<JobMetrics, "operators">): string {
  const lines = Object.entries(operators).flatMap(([operator, { counters }]) => {
    const counted = Object.entries(counters).filter(([, count]) => count !== 0);
    return counted.length === 0
      ? []
      : [`  ${operator}: ${counted.map(([name, count]) => `${name} ${count}`).join(", ")}\n`];
  });
  return lines.join("");
}
