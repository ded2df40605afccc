/** Side outputs: further results of one operator, each with its own type and name. */

declare const carries: unique symbol;

export interface OutputTag<T> {
  readonly name: string;
  /** Carries T for inference; never set. */
  readonly [carries]?: T;
}

/** A tag that an operator pushes to and `stream.sideOutput(tag)` reads. */
export function outputTag<T>(name: string): OutputTag<T> {
  return Object.freeze({ name });
}
