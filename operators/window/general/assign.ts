/**
 * Which windows a record belongs to, by their kind. Sessions are another matter: there a record makes a window of its own,
 * which is then united with those that it touches.
 */

import { MillraceError } from "../../../core/errors.ts";
import type { GeneralWindowSpec } from "../../../core/general-window.ts";
import type { OperatorContext } from "../../../core/operator.ts";
import { type Duration, isEventTime, NO_TIMESTAMP, positiveDurationMs } from "../../../core/time.ts";
import type { AlignedWindow, SessionWindow, Window } from "../../../core/window.ts";
import { Panes } from "../panes.ts";

/** The windows of a time and record, earliest first. The array is the assigner's own and changes with the next call. */
export type Assign = (time: number, record: unknown) => readonly Window[];

const everything: readonly Window[] = [{ start: Number.NEGATIVE_INFINITY, end: Number.POSITIVE_INFINITY }];

export function assigner(window: GeneralWindowSpec["window"], operator: string): Assign {
  switch (window.kind) {
    case "global":
    case "count":
      return () => everything;
    case "session":
      return sessionAssigner(window, operator);
    default:
      return alignedAssigner(window);
  }
}

function alignedAssigner(window: AlignedWindow): Assign {
  const panes = new Panes(window);
  let windows: Window[] = [];
  let latest = Number.NaN;
  return (time) => {
    const pane = panes.paneOf(time);
    if (pane === latest) return windows;
    latest = pane;
    windows = [];
    const last = panes.lastWindowOf(pane);
    for (let name = panes.firstWindowOf(pane); name <= last; name += panes.slideMs)
      windows.push({ start: panes.startOf(name), end: panes.endOf(name) });
    return windows;
  };
}

function sessionAssigner({ gapMs, gapOf }: SessionWindow, operator: string): Assign {
  const gap = (record: unknown): number => {
    if (gapOf === undefined) return gapMs as number; // one of both is there
    return positiveDurationMs(gapOf(record) as Duration, `the gap of a session of "${operator}"`);
  };
  return (time, record) => [{ start: time, end: time + gap(record) }];
}

/** @throws WRONG_SHAPE for a record whose time puts it into no window, with the record */
export function checkTime(context: OperatorContext, value: unknown, timestamp: number): void {
  if (!isEventTime(timestamp)) throw context.failure(noTime(context.operator, timestamp), value);
}

/** A record whose time puts it into no window. */
export function noTime(operator: string, timestamp: number): MillraceError {
  const came = timestamp === NO_TIMESTAMP ? "no event time" : `the event time ${timestamp}`;
  return new MillraceError(
    "WRONG_SHAPE",
    `"${operator}" got a record with ${came}, so it belongs to no window; call withTimestamps on the stream before keyBy`,
    { operator },
  );
}
