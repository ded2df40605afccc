import { expect, test } from "vitest";
import type { VertexId } from "../../../core/ids.ts";
import type { EnumeratorContext, Source, SplitEnumerator } from "../../../core/source.ts";
import { SplitDealer } from "../../../runtime/splits/split-dealer.ts";
import { type Item, items, nothing, planOf } from "../graph/programs.ts";

interface Made {
  readonly dealer: SplitDealer;
  readonly abort: AbortController;
  next(subtask: number): Promise<unknown>;
}

/** The dealer of a job with one source of two subtasks. */
function dealerOf(
  enumerate: (context: EnumeratorContext) => SplitEnumerator<unknown> | Promise<SplitEnumerator<unknown>>,
): Made {
  const source = { ...items(), enumerate } as unknown as Source<Item>;
  const { graph, jobGraph } = planOf((env) => env.from(source).to(nothing));
  const abort = new AbortController();
  const dealer = new SplitDealer(graph, jobGraph, { workingDirectory: "/work", signal: abort.signal });
  return { dealer, abort, next: (subtask) => dealer.next("items" as VertexId, subtask) };
}

test("splits are dealt to whoever asks, and undefined when there are no more", async () => {
  const splits = [1, 2];
  const { next } = dealerOf(() => ({ next: () => splits.shift() }));
  expect([await next(0), await next(1), await next(0), await next(1)]).toEqual([1, 2, undefined, undefined]);
});

test("an enumerator knows its source's parallelism and the job's folder, and learns of its end by the signal", async () => {
  let context: EnumeratorContext | undefined;
  const { dealer, abort } = dealerOf((given) => {
    context = given;
    return { next: () => undefined };
  });
  await dealer.ready();
  expect(context).toEqual({ parallelism: 2, workingDirectory: "/work", signal: abort.signal });
});

test("an enumerator that cannot list its input fails by name, when it is looked at and when a split is asked for", async () => {
  const { dealer, next } = dealerOf(() => {
    throw new Error("no such folder");
  });
  const failure = expect.objectContaining({
    code: "USER_FUNCTION",
    operator: "items",
    message: expect.stringContaining("no such folder"),
  });
  await expect(dealer.ready()).rejects.toEqual(failure);
  await expect(next(0)).rejects.toEqual(failure);
  await dealer.close();
});

test("an enumerator that throws something else than an error fails by name too", async () => {
  const { next } = dealerOf(() => ({ next: () => Promise.reject("text") }));
  await expect(next(0)).rejects.toMatchObject({
    code: "USER_FUNCTION",
    operator: "items",
    message: expect.stringContaining("text"),
  });
});

test("a split that cannot travel to a slot is refused by name", async () => {
  const { next } = dealerOf(() => ({ next: () => ({ read: () => {} }) }));
  await expect(next(0)).rejects.toMatchObject({ code: "WRONG_SHAPE", operator: "items" });
});

test("enumerators are closed once", async () => {
  let closed = 0;
  const { dealer } = dealerOf(() => ({ next: () => undefined, close: () => void closed++ }));
  await dealer.ready();
  await dealer.close();
  await dealer.close();
  expect(closed).toBe(1);
});

test("an enumerator whose close throws fails by name", async () => {
  const { dealer } = dealerOf(() => ({
    next: () => undefined,
    close() {
      throw new Error("still open");
    },
  }));
  await dealer.ready();
  await expect(dealer.close()).rejects.toMatchObject({ code: "USER_FUNCTION", operator: "items" });
});

test("nobody waits for an enumerator that is still looking: it is closed when it comes back", async () => {
  const looking = Promise.withResolvers<SplitEnumerator<unknown>>();
  const closed = Promise.withResolvers<void>();
  const { dealer } = dealerOf(() => looking.promise);
  await dealer.close();
  looking.resolve({ next: () => undefined, close: () => closed.resolve() });
  await closed.promise;
});
