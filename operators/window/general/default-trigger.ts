/** The trigger and the evictor of windows that are given none. */

import type { Evictor } from "../../../core/evictor.ts";
import { countEvictor } from "../../../core/evictor.ts";
import type { GeneralWindowSpec } from "../../../core/general-window.ts";
import type { Trigger } from "../../../core/trigger.ts";
import {
  countTrigger,
  eventTimeTrigger,
  neverTrigger,
  processingTimeTrigger,
  purgingTrigger,
} from "../../../core/triggers.ts";

export function triggerOf({ trigger, window }: GeneralWindowSpec): Trigger<unknown, unknown> {
  return (trigger ?? defaultTrigger(window)) as Trigger<unknown, unknown>;
}

function defaultTrigger(window: GeneralWindowSpec["window"]): unknown {
  switch (window.kind) {
    case "global":
      return neverTrigger();
    case "count":
      return window.slide === window.size ? purgingTrigger(countTrigger(window.size)) : countTrigger(window.slide);
    default:
      return window.time === "event" ? eventTimeTrigger() : processingTimeTrigger();
  }
}

/** Of sliding counts: the last records of all that have come. */
export function evictorOf({ evictor, window, trigger }: GeneralWindowSpec): Evictor | undefined {
  if (evictor !== undefined || window.kind !== "count" || trigger !== undefined) return evictor;
  return window.slide === window.size ? undefined : countEvictor(window.size);
}
