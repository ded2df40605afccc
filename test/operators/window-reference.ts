/**
 * Windows in a few plain lines, to hold the operator against: every record is kept, every window is computed anew from
 * all of its records.
 */

import type { Step } from "./drive.ts";

export interface ReferenceWindows {
  /** Absent: sliding, or tumbling where slide and size are the same. */
  readonly kind?: "sliding" | "cumulative";
  readonly sizeMs: number;
  readonly slideMs: number;
  readonly offsetMs: number;
  readonly allowedLatenessMs: number;
}

export interface Reading {
  readonly key: string;
  readonly value: number;
}

interface Span {
  readonly start: number;
  readonly end: number;
}

/** What comes out, as "key [start, end) values", and "late key value" for what comes too late. */
export function referenceWindows(steps: readonly Step<Reading>[], windows: ReferenceWindows): string[] {
  const kept: { reading: Reading; timestamp: number }[] = [];
  const out: string[] = [];
  let watermark = Number.NEGATIVE_INFINITY;

  const spansOf = (timestamp: number): Span[] => {
    const { sizeMs, slideMs, offsetMs } = windows;
    const before = (stepMs: number): number => Math.floor((timestamp - offsetMs) / stepMs) * stepMs + offsetMs;
    const spans: Span[] = [];
    if (windows.kind === "cumulative") {
      const start = before(sizeMs);
      for (let end = before(slideMs) + slideMs; end <= start + sizeMs; end += slideMs) spans.push({ start, end });
    } else
      for (let start = before(slideMs); start > timestamp - sizeMs; start -= slideMs)
        spans.unshift({ start, end: start + sizeMs });
    return spans;
  };
  const isIn = (timestamp: number, { start, end }: Span): boolean =>
    spansOf(timestamp).some((span) => span.start === start && span.end === end);
  const isOver = ({ end }: Span, at: number): boolean => end - 1 <= at;
  const isGone = (span: Span): boolean => isOver(span, watermark - windows.allowedLatenessMs);
  const fire = (span: Span, key: string): void => {
    const inside = kept.filter(({ reading, timestamp }) => reading.key === key && isIn(timestamp, span));
    out.push(
      firingText(
        key,
        span,
        inside.map(({ reading }) => reading.value),
      ),
    );
  };

  for (const step of steps) {
    if ("watermark" in step) {
      const before = watermark;
      watermark = step.watermark;
      const spans = new Map(
        kept.flatMap(({ timestamp }) => spansOf(timestamp)).map((span) => [`${span.start} ${span.end}`, span]),
      );
      const due = [...spans.values()].filter((span) => isOver(span, watermark) && !isOver(span, before));
      for (const span of due.sort((a, b) => a.end - b.end)) {
        const keys = new Set(kept.filter(({ timestamp }) => isIn(timestamp, span)).map(({ reading }) => reading.key));
        for (const key of [...keys].sort()) fire(span, key);
      }
    } else if ("advanceTime" in step) continue;
    else {
      const [reading, timestamp = 0] = step;
      const spans = spansOf(timestamp);
      if (spans.every(isGone)) {
        out.push(`late ${reading.key} ${reading.value}`);
        continue;
      }
      kept.push({ reading, timestamp });
      for (const span of spans.filter((each) => isOver(each, watermark) && !isGone(each))) fire(span, reading.key);
    }
  }
  return out;
}

function firingText(key: string, { start, end }: Span, values: readonly number[]): string {
  return `${key} [${start}, ${end}) ${values.toSorted((a, b) => a - b).join()}`;
}

export interface ReferenceSessions {
  readonly gapOf: (reading: Reading) => number;
  readonly allowedLatenessMs: number;
}

interface Session extends Span {
  readonly key: string;
  readonly values: readonly number[];
}

/** The same for sessions: a list of them, in which each record is united with those that it touches. */
export function referenceSessions(
  steps: readonly Step<Reading>[],
  { gapOf, allowedLatenessMs }: ReferenceSessions,
): string[] {
  let sessions: Session[] = [];
  const out: string[] = [];
  let watermark = Number.NEGATIVE_INFINITY;
  const fire = (session: Session): void => void out.push(firingText(session.key, session, session.values));
  for (const step of steps) {
    if ("watermark" in step) {
      const before = watermark;
      watermark = step.watermark;
      for (const session of sessions.toSorted((a, b) => a.end - b.end))
        if (session.end - 1 > before && session.end - 1 <= watermark) fire(session);
      sessions = sessions.filter(({ end }) => end - 1 + allowedLatenessMs > watermark);
    } else if (!("advanceTime" in step)) {
      const [reading, start = 0] = step;
      const own: Session = { key: reading.key, start, end: start + gapOf(reading), values: [reading.value] };
      const touched = sessions.filter((other) => other.key === own.key && other.start <= own.end && other.end >= start);
      if (touched.length === 0 && own.end - 1 + allowedLatenessMs <= watermark) {
        out.push(`late ${reading.key} ${reading.value}`);
        continue;
      }
      const all = [...touched, own];
      const united: Session = {
        key: own.key,
        start: Math.min(...all.map((each) => each.start)),
        end: Math.max(...all.map((each) => each.end)),
        values: all.flatMap((each) => each.values),
      };
      sessions = [...sessions.filter((other) => !touched.includes(other)), united];
      if (united.end - 1 <= watermark) fire(united);
    }
  }
  return out;
}
