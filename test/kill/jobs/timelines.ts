/**
 * Some timelines, each a split of its own that one reader follows from its begin to its end: records at numbers 0 … count-1,
 * in order. Readers may be apart by as much as they like, and yet none of them is ever late, as a watermark is that of the
 * slowest. REQUIRES: as many subtasks as timelines.
 */

import { existsSync } from "node:fs";
import { NO_TIMESTAMP, type Source } from "millrace";
import type { Pace } from "./paced.ts";

export interface TimelinesOptions<T> extends Pace {
  readonly name: string;
  readonly timelines: number;
  /** Of each. */
  readonly count: number;
  readonly record: (timeline: number, number: number) => T;
}

const TURN_MS = 20;

export function timelines<T>(options: TimelinesOptions<T>): Source<T, number> {
  const { name, timelines: splits, count, record, gate, records } = options;
  return {
    name,
    bounded: true,
    enumerate({ restored }) {
      let next = (restored as number | undefined) ?? 0;
      return { next: () => (next < splits ? next++ : undefined), snapshot: () => next };
    },
    reader() {
      let timeline = 0;
      let next = 0;
      let open = gate === "";
      return {
        begin(split, position) {
          timeline = split;
          next = (position as number | undefined) ?? 0;
        },
        read(push, max, slot) {
          open ||= existsSync(gate);
          // The last one never comes before the gate is open.
          const until = Math.min(open ? count : count - 1, next + (open ? max : records));
          for (; next < until && !slot.blocked; next++) push(record(timeline, next), NO_TIMESTAMP);
          return next === count ? "end" : open ? "more" : TURN_MS;
        },
        position: () => next,
      };
    },
  };
}
