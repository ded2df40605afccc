/** The timers of an operator, read from a snapshot of them: looking changes nothing. */

import type { Timer, TimerDomain } from "../../core/operator.ts";
import type { OperatorHost } from "../task/operator-host.ts";
import { TimerQueue } from "../task/timer-queue.ts";

/** In the order in which they will fire. REQUIRES: nothing of the operator is suspended or awaited. */
export function pendingTimers(host: OperatorHost, domain: TimerDomain): readonly Timer[] {
  const { operator, keyGroupCount } = host;
  const queue = new TimerQueue({ operator, keyGroups: { first: 0, last: keyGroupCount - 1 }, keyGroupCount });
  const { timers } = host.snapshot();
  if (timers !== undefined) queue.restore(timers);
  const pending: Timer[] = [];
  queue.advance(domain, Number.POSITIVE_INFINITY, (timer) => void pending.push(timer), { blocked: false });
  return pending;
}
