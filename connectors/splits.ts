/** Dealing out splits, as nearly every source does it: in their order, each to whoever asks first. */

import type { SplitEnumerator } from "../core/source.ts";

/** An enumerator over splits that are there already. It goes on with those that were left. */
export function inOrder<Split>(splits: readonly Split[], restored?: unknown): SplitEnumerator<Split> {
  const left = (restored as readonly Split[] | undefined) ?? splits; // of `snapshot`
  let next = 0;
  return {
    next: () => left[next++],
    snapshot: () => left.slice(next),
  };
}

/** A split, and from where the search for the next one goes on. */
export interface FoundSplit<Split> {
  readonly split: Split;
  readonly behind: unknown;
}

/**
 * An enumerator over splits that are found while the job runs, from `start` on.
 * ENSURES: every split is dealt out once; a failure to find the next one is told to everybody who asks from then on.
 */
export function foundOnDemand<Split>(splits: AsyncIterator<FoundSplit<Split>>, start: unknown): SplitEnumerator<Split> {
  let failure: { readonly cause: unknown } | undefined;
  let position = start;
  return {
    async next() {
      if (failure !== undefined) throw failure.cause;
      try {
        const step = await splits.next();
        if (step.done === true) return undefined;
        position = step.value.behind;
        return step.value.split;
      } catch (cause) {
        // A generator that threw is done: without this, the others would take the failure for the end of the input.
        failure = { cause };
        throw cause;
      }
    },
    snapshot: () => position,
    async close() {
      await splits.return?.();
    },
  };
}

/** An enumerator over the ranges of `ranges`, which goes on where it was, in ranges of the size that is asked for now. */
export function rangesInOrder(end: number, size: number, restored?: unknown): SplitEnumerator<IndexRange> {
  let start = (restored as number | undefined) ?? 0; // of `snapshot`
  return {
    next() {
      if (start >= end) return undefined;
      const range = { start, end: Math.min(start + size, end) };
      start = range.end;
      return range;
    },
    snapshot: () => start,
  };
}

/** The elements `start` … `end`-1. */
export interface IndexRange {
  readonly start: number;
  readonly end: number;
}

/** [0, size), [size, 2 size) … up to `end`, the last one shorter. */
export function* ranges(end: number, size: number): Generator<IndexRange> {
  for (let start = 0; start < end; start += size) yield { start, end: Math.min(start + size, end) };
}
