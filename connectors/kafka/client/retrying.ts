/** Trying again what may succeed later: with growing pauses, until a time has passed. */

import { setTimeout as sleep } from "node:timers/promises";
import { RETRY_MS_MAX, RETRY_MS_MIN } from "../limits.ts";
import { KafkaFailure } from "./kafka-failure.ts";

export interface RetryOptions {
  /** From the first attempt to the start of the last. */
  readonly withinMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Called before each further attempt, e.g. to forget what turned out to be stale. */
  readonly onRetry?: (failure: KafkaFailure) => void;
}

/**
 * @throws whatever `attempt` throws when no remedy is known for it, or when the time is over; the signal's reason when it
 *   is aborted while waiting
 */
export async function retrying<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  const end = performance.now() + options.withinMs;
  for (let pause = RETRY_MS_MIN; ; pause = Math.min(pause * 2, RETRY_MS_MAX)) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof KafkaFailure) || error.remedy === "none" || performance.now() + pause > end) throw error;
      options.onRetry?.(error);
      await sleep(pause * (0.75 + Math.random() / 2), undefined, options.signal && { signal: options.signal });
    }
  }
}
