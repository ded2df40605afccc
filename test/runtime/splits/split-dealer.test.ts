import { expect, test } from "vitest";
import type { VertexId } from "../../../core/ids.ts";
import type { EnumeratorContext, Source, SplitEnumerator } from "../../../core/source.ts";
import type { SourcePosition } from "../../../runtime/checkpoints/manifest-parts.ts";
import { SplitDealer } from "../../../runtime/splits/split-dealer.ts";
import { plainBytes } from "../../../runtime/state/plain-bytes.ts";
import { type Item, items, nothing, planOf } from "../graph/programs.ts";

interface Made {
  readonly dealer: SplitDealer;
  readonly abort: AbortController;
  next(subtask: number): Promise<unknown>;
}

/** The dealer of a job with one source. */
function dealerOf(
  enumerate: (context: EnumeratorContext) => SplitEnumerator<unknown> | Promise<SplitEnumerator<unknown>>,
  parallelism = 1,
): Made {
  const source = { ...items(), enumerate } as unknown as Source<Item>;
  const { graph, jobGraph } = planOf((env) => env.from(source).to(nothing), parallelism);
  const abort = new AbortController();
  const dealer = new SplitDealer(graph, jobGraph, { workingDirectory: "/work", signal: abort.signal });
  return { dealer, abort, next: (subtask) => dealer.next("items" as VertexId, subtask) };
}

test("splits are dealt to whoever asks, and undefined when there are no more", async () => {
  const splits = [1, 2];
  const { next } = dealerOf(() => ({ next: () => splits.shift() }), 2);
  const dealt = [...(await Promise.all([next(0), next(1)])), await next(0), await next(1)];
  expect(dealt).toEqual([{ serial: 1, split: 1 }, { serial: 2, split: 2 }, undefined, undefined]);
});

test("a source that begins deals out nothing until all of its subtasks have asked", async () => {
  const asked: number[] = [];
  const { next } = dealerOf(() => ({ next: (subtask) => void asked.push(subtask) }), 3);
  const first = [next(2), next(0)];
  await new Promise(setImmediate);
  expect(asked).toEqual([]);
  await Promise.all([...first, next(1)]);
  expect(asked).toEqual([2, 0, 1]);
  await next(0);
  expect(asked).toEqual([2, 0, 1, 0]);
});

test("so does one that goes on: what each subtask was reading is dealt to as many of them", async () => {
  const enumerator = await dealerFrom(numbers(4)).cut(items0, [0, 0]);
  const current = [{ split: "a" }, { split: "b" }].map(plainBytes);
  const dealer = dealerFrom(numbers(4), { enumerator, current });
  let early: unknown;
  const asked = dealer.next(items0, 1).then((dealt) => (early = dealt));
  await new Promise(setImmediate);
  expect(early).toBeUndefined();
  expect(await Promise.all([dealer.next(items0, 0), asked])).toMatchObject([{ split: "b" }, { split: "a" }]);
});

test("an enumerator knows its source's parallelism and the job's folder, and learns of its end by the signal", async () => {
  let context: EnumeratorContext | undefined;
  const { dealer, abort } = dealerOf((given) => {
    context = given;
    return { next: () => undefined };
  }, 2);
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

const items0 = "items" as VertexId;

/** Deals out the numbers from 1 (or where it goes on) to `last`. */
function numbers(last: number): (context: EnumeratorContext) => SplitEnumerator<unknown> {
  return ({ restored = 1 }) => {
    let next = restored as number;
    return { next: () => (next > last ? undefined : next++), snapshot: () => next };
  };
}

function dealerFrom(
  enumerate: ReturnType<typeof numbers>,
  position?: SourcePosition,
  redistribute?: Source<number>["redistribute"],
): SplitDealer {
  const { graph, jobGraph } = planOf((env) =>
    env.from({ ...items(), enumerate, ...(redistribute && { redistribute }) } as unknown as Source<Item>).to(nothing),
  );
  const surroundings = { workingDirectory: "/work", signal: new AbortController().signal };
  return new SplitDealer(graph, jobGraph, surroundings, undefined, { checkpointing: true, restored: () => position });
}

/** To two readers in turns, until neither gets any more. */
async function dealAll(dealer: SplitDealer): Promise<unknown[]> {
  const all: unknown[] = [];
  for (;;) {
    const dealt = await Promise.all([dealer.next(items0, 0), dealer.next(items0, 1)]);
    const splits = dealt.filter((each) => each !== undefined);
    if (splits.length === 0) return all;
    all.push(...splits.map(({ serial: _, ...rest }) => rest));
  }
}

test("who goes on deals out what was being read, where it was, then what came behind a barrier, then the rest", async () => {
  const dealer = dealerFrom(numbers(6));
  await Promise.all([dealer.next(items0, 0), dealer.next(items0, 1)]);
  for (const subtask of [0, 1]) await dealer.next(items0, subtask);
  // The first reader is at 3, its second split; the second one got 4 behind its barrier, and reads 2.
  const enumerator = await dealer.cut(items0, [3, 2]);
  const current = [plainBytes({ split: 3, position: "middle" }), plainBytes({ split: 2, position: undefined })];
  expect(await dealAll(dealerFrom(numbers(6), { enumerator, current }))).toEqual([
    { split: 3, position: "middle" },
    { split: 2, position: undefined },
    { split: 4, position: undefined },
    { split: 5 },
    { split: 6 },
  ]);
});

test("splits that wait to be dealt out again are in the next cut too, and those that readers had are forgotten", async () => {
  const first = dealerFrom(numbers(4));
  await Promise.all([first.next(items0, 0), first.next(items0, 1)]);
  await first.next(items0, 0);
  const cut = await first.cut(items0, [1, 0]);
  const second = dealerFrom(numbers(4), { enumerator: cut, current: [] });
  await Promise.all([second.next(items0, 0), second.next(items0, 1)]);
  const again = await second.cut(items0, [1, 0]);
  expect(await dealAll(dealerFrom(numbers(4), { enumerator: again, current: [] }))).toEqual([
    { split: 3, position: undefined },
    { split: 4 },
  ]);
});

test("a source that divides its splits anew gets all that was being read and all that waits, for the parallelism of now", async () => {
  const first = dealerFrom(numbers(4));
  await Promise.all([first.next(items0, 0), first.next(items0, 1)]);
  const enumerator = await first.cut(items0, [1, 0]); // the second reader got 2 behind its barrier
  const current = [plainBytes({ split: 1, position: "middle" })];
  const redistribute: Source<number>["redistribute"] = ({ reading, enumerator: next }, parallelism) => {
    expect(reading).toEqual([
      { split: 1, position: "middle" },
      { split: 2, position: undefined },
    ]);
    expect([next, parallelism]).toEqual([3, 2]);
    return { reading: [{ split: 100, position: "new" }], enumerator: 4 };
  };
  const second = dealerFrom(numbers(4), { enumerator, current }, redistribute);
  expect(await dealAll(second)).toEqual([{ split: 100, position: "new" }, { split: 4 }]);
});

test("a reader that was told that there is no more has everything", async () => {
  const dealer = dealerFrom(numbers(1));
  await Promise.all([dealer.next(items0, 0), dealer.next(items0, 1)]);
  await dealer.next(items0, 0);
  const enumerator = await dealer.cut(items0, [Number.POSITIVE_INFINITY, 0]);
  expect(await dealAll(dealerFrom(numbers(1), { enumerator, current: [] }))).toEqual([]);
});

test("a source that cannot say where it goes on is refused where checkpoints are taken", async () => {
  const dealer = dealerFrom(() => ({ next: () => undefined }));
  await expect(dealer.ready()).rejects.toMatchObject({ code: "CHECKPOINT_UNSUPPORTED", operator: "items" });
});
