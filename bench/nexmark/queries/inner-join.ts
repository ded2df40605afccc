/** Two streams joined by their keys, without any bound of time: every pair of records with equal keys. */

import { type CoProcessFunction, type Key, listState } from "millrace";

type ListOf<T> = ReturnType<typeof listState<T>>;

/** Keeps all records of both streams, as any of them may have a partner tomorrow. */
export function innerJoin<L, R, O>(
  joined: (left: L, right: R) => O | undefined,
): CoProcessFunction<L, R, Key, { readonly left: ListOf<L>; readonly right: ListOf<R> }, O> {
  return {
    state: { left: listState<L>(), right: listState<R>() },
    process1(left, { state }) {
      state.left.add(left);
      return pairs(state.right.get(), (right) => joined(left, right as R));
    },
    process2(right, { state }) {
      state.right.add(right);
      return pairs(state.left.get(), (left) => joined(left as L, right));
    },
  };
}

function pairs<T, O>(others: readonly T[], joined: (other: T) => O | undefined): O[] {
  const results: O[] = [];
  for (const other of others) {
    const result = joined(other);
    if (result !== undefined) results.push(result);
  }
  return results;
}
