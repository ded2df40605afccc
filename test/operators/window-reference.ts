/**
 * Windows in a few plain lines, to hold the operator against: every record is kept, every window is computed anew from
 * all of its records.
 */

import type { Step } from "./drive.ts";

export interface ReferenceWindows {
  readonly sizeMs: number;
  readonly slideMs: number;
  readonly offsetMs: number;
  readonly allowedLatenessMs: number;
}

export interface Reading {
  readonly key: string;
  readonly value: number;
}

/** What comes out, as "key [start, end) values", and "late key value" for what comes too late. */
export function referenceWindows(steps: readonly Step<Reading>[], windows: ReferenceWindows): string[] {
  const kept: { reading: Reading; timestamp: number }[] = [];
  const out: string[] = [];
  let watermark = Number.NEGATIVE_INFINITY;

  const startsOf = (timestamp: number): number[] => {
    const starts: number[] = [];
    const last = Math.floor((timestamp - windows.offsetMs) / windows.slideMs) * windows.slideMs + windows.offsetMs;
    for (let start = last; start > timestamp - windows.sizeMs; start -= windows.slideMs) starts.unshift(start);
    return starts;
  };
  const isOver = (start: number, at: number): boolean => start + windows.sizeMs - 1 <= at;
  const isGone = (start: number): boolean => isOver(start, watermark - windows.allowedLatenessMs);
  const fire = (start: number, key: string): void => {
    const values = kept.filter(({ reading, timestamp }) => reading.key === key && startsOf(timestamp).includes(start));
    out.push(
      `${key} [${start}, ${start + windows.sizeMs}) ${values
        .map(({ reading }) => reading.value)
        .sort((a, b) => a - b)
        .join()}`,
    );
  };

  for (const step of steps) {
    if ("watermark" in step) {
      const before = watermark;
      watermark = step.watermark;
      const starts = [...new Set(kept.flatMap(({ timestamp }) => startsOf(timestamp)))].sort((a, b) => a - b);
      for (const start of starts.filter((each) => isOver(each, watermark) && !isOver(each, before))) {
        const keys = new Set(
          kept.filter(({ timestamp }) => startsOf(timestamp).includes(start)).map(({ reading }) => reading.key),
        );
        for (const key of [...keys].sort()) fire(start, key);
      }
    } else if ("advanceTime" in step) continue;
    else {
      const [reading, timestamp = 0] = step;
      const starts = startsOf(timestamp);
      if (starts.every(isGone)) {
        out.push(`late ${reading.key} ${reading.value}`);
        continue;
      }
      kept.push({ reading, timestamp });
      for (const start of starts.filter((each) => isOver(each, watermark) && !isGone(each))) fire(start, reading.key);
    }
  }
  return out;
}
