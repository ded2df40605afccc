/**
 * Assertions for programmer errors: a broken invariant of the engine crashes the subtask, and failover restarts it.
 * Operating errors are `MillraceError`s instead.
 */

export class AssertionFailure extends Error {
  override readonly name = "AssertionFailure";
}

export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionFailure(message);
}

/** For the default branch of an exhaustive switch. */
export function unreachable(value: never): never {
  throw new AssertionFailure(`unreachable: ${JSON.stringify(value)}`);
}
