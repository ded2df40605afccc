/** Dealing out splits, as nearly every source does it: in their order, each to whoever asks first. */

import type { SplitEnumerator } from "../core/source.ts";

/**
 * An enumerator over splits that are there already, or that are found while the job runs.
 * ENSURES: every split is dealt out once; a failure to find the next one is told to everybody who asks from then on.
 */
export function inOrder<Split>(splits: Iterable<Split> | AsyncIterable<Split>): SplitEnumerator<Split> {
  return Symbol.asyncIterator in splits
    ? foundOnDemand(splits[Symbol.asyncIterator]())
    : known(splits[Symbol.iterator]());
}

function known<Split>(splits: Iterator<Split>): SplitEnumerator<Split> {
  return {
    next() {
      const step = splits.next();
      return step.done === true ? undefined : step.value;
    },
  };
}

function foundOnDemand<Split>(splits: AsyncIterator<Split>): SplitEnumerator<Split> {
  let failure: { readonly cause: unknown } | undefined;
  return {
    async next() {
      if (failure !== undefined) throw failure.cause;
      try {
        const step = await splits.next();
        return step.done === true ? undefined : step.value;
      } catch (cause) {
        // A generator that threw is done: without this, the others would take the failure for the end of the input.
        failure = { cause };
        throw cause;
      }
    },
    async close() {
      await splits.return?.();
    },
  };
}

/** [0, size), [size, 2 size) … up to `end`, the last one shorter. */
export function* ranges(end: number, size: number): Generator<{ readonly start: number; readonly end: number }> {
  for (let start = 0; start < end; start += size) yield { start, end: Math.min(start + size, end) };
}
