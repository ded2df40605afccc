/** A window as a node of the graph, where it is more than aligned panes of event time that an aggregate fills. */

import type { Aggregate } from "./aggregate.ts";
import type { Evictor } from "./evictor.ts";
import type { KeySelector } from "./key.ts";
import type { OutputTag } from "./side-output.ts";
import type { Trigger } from "./trigger.ts";
import type { TypeDescription } from "./types.ts";
import type { AlignedWindow, CountWindow, GlobalWindow, SessionWindow } from "./window.ts";
import type { WindowFunction } from "./window-function.ts";

// biome-ignore-start lint/suspicious/noExplicitAny: nodes forget element types, which the fluent API has checked
export interface GeneralWindowSpec {
  readonly kind: "generalWindow";
  readonly key: KeySelector;
  readonly window: AlignedWindow | SessionWindow<any> | GlobalWindow | CountWindow;
  /** What is made of its records; absent: they are kept one by one, for the function. */
  readonly aggregate: Aggregate<any, any, any> | undefined;
  readonly fn: WindowFunction<any, any, any, any, any> | undefined;
  /** Absent: that of the window. */
  readonly trigger: Trigger<any, any> | undefined;
  readonly evictor: Evictor<any> | undefined;
  readonly allowedLatenessMs: number;
  readonly late: OutputTag<any> | undefined;
  /** What accumulators or records are, where the program says so. */
  readonly type?: TypeDescription;
}

/** Sessions of event time with one gap, of which an aggregate gives the result at their end: an operator of their own. */
export interface PlainSessionSpec extends Omit<GeneralWindowSpec, "window" | "aggregate"> {
  readonly window: SessionWindow<any> & { readonly gapMs: number };
  readonly aggregate: Aggregate<any, any, any>;
}
/** Aligned windows by the clock, of which an aggregate gives the result at their end: panes do that, as of event time. */
export interface ClockWindowSpec extends Omit<GeneralWindowSpec, "window" | "aggregate"> {
  readonly window: AlignedWindow;
  readonly aggregate: Aggregate<any, any, any>;
}
// biome-ignore-end lint/suspicious/noExplicitAny: see above

export function isPlainSession(spec: GeneralWindowSpec): spec is PlainSessionSpec {
  const { window } = spec;
  return isPlain(spec) && window.kind === "session" && window.time === "event" && window.gapMs !== undefined;
}

export function isClockWindow(spec: GeneralWindowSpec): spec is ClockWindowSpec {
  const { window } = spec;
  return isPlain(spec) && window.kind !== "session" && "time" in window && window.time === "processing";
}

/** Whether an aggregate gives the result, once, at the window's end. */
function isPlain({ aggregate, fn, trigger, evictor }: GeneralWindowSpec): boolean {
  return fn === undefined && trigger === undefined && evictor === undefined && aggregate !== undefined;
}

/** Whether windows of a spec may become one. */
export function merges(window: GeneralWindowSpec["window"]): boolean {
  return window.kind === "session";
}

/** Whether windows come and go by event time. */
export function isOfEventTime(window: GeneralWindowSpec["window"]): boolean {
  return "time" in window && window.time === "event";
}
