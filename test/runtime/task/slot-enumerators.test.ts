import { expect, test } from "vitest";
import type { VertexId } from "../../../core/ids.ts";
import type { Source, SplitEnumerator } from "../../../core/source.ts";
import type { FromSlot, SlotDeployment } from "../../../runtime/protocol.ts";
import { SlotEnumerators } from "../../../runtime/task/slot-enumerators.ts";
import { type Item, items, nothing, planOf } from "../graph/programs.ts";

interface Made {
  readonly enumerators: SlotEnumerators;
  readonly sent: FromSlot[];
  readonly failures: unknown[];
}

/** Those of two sources of two subtasks each, of which the slot enumerates the first. */
function enumeratorsOf(enumerate: () => SplitEnumerator<unknown>, checkpointing = false): Made {
  const unwanted = (): never => {
    throw new Error("this one is somewhere else");
  };
  const { graph, jobGraph } = planOf((env) => {
    env.from({ ...items("here"), enumerate } as unknown as Source<Item>).to(nothing, { name: "a" });
    env.from({ ...items("elsewhere"), enumerate: unwanted } as Source<Item>).to(nothing, { name: "b" });
  });
  const sent: FromSlot[] = [];
  const failures: unknown[] = [];
  const share = { jobGraph, enumerates: ["here"], workingDirectory: "/", checkpointing };
  const deployment = share as unknown as SlotDeployment;
  const enumerators = new SlotEnumerators({
    graph,
    deployment,
    signal: new AbortController().signal,
    send: (message) => sent.push(message),
    fail: (error) => failures.push(error),
  });
  return { enumerators, sent, failures };
}

const here = "here" as VertexId;

test("own subtasks are answered directly, those of other slots by message, from the same splits", async () => {
  const splits = [1, 2, 3];
  const { enumerators, sent } = enumeratorsOf(() => ({ next: () => splits.shift() }));
  const [first] = await Promise.all([enumerators.next(here, 0), enumerators.deal(here, 1)]);
  expect(first).toEqual({ serial: 1, split: 1 });
  expect(await enumerators.next(here, 0)).toEqual({ serial: 3, split: 3 });
  await enumerators.deal(here, 1);
  expect(sent).toEqual([
    { kind: "splitDealt", vertex: here, subtask: 1, split: { serial: 2, split: 2 }, none: false },
    { kind: "splitDealt", vertex: here, subtask: 1, split: null, none: true },
  ]);
});

test("only the wanted sources are enumerated", async () => {
  const { enumerators, failures } = enumeratorsOf(() => ({ next: () => undefined }));
  expect([enumerators.has(here), enumerators.has("elsewhere" as VertexId)]).toEqual([true, false]);
  await Promise.all([enumerators.next(here, 0), enumerators.next(here, 1)]);
  expect(failures).toEqual([]);
});

test("the slot is needed until every subtask has heard that there is no more, or the job stops", async () => {
  const splits = [1];
  const { enumerators } = enumeratorsOf(() => ({ next: () => splits.shift() }));
  await Promise.all([enumerators.deal(here, 1), enumerators.next(here, 0)]);
  await enumerators.next(here, 0);
  expect(enumerators.needed).toBe(true);
  await enumerators.deal(here, 1);
  expect(enumerators.needed).toBe(false);
  const { enumerators: stopped } = enumeratorsOf(() => ({ next: () => undefined }));
  stopped.stop();
  expect(stopped.needed).toBe(false);
});

test("where checkpoints are taken it is needed until a cut finds nothing on its way to readers", async () => {
  const { enumerators, sent } = enumeratorsOf(() => ({ next: () => undefined, snapshot: () => "all" }), true);
  await Promise.all([enumerators.next(here, 0), enumerators.deal(here, 1)]);
  const cut = (checkpoint: number, ...lastSerials: readonly number[]): Promise<void> =>
    enumerators.cut({ kind: "cutEnumerator", checkpoint, vertex: here, lastSerials });
  await cut(1, Number.POSITIVE_INFINITY, 0);
  expect(enumerators.needed).toBe(true);
  await cut(2, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
  expect(enumerators.needed).toBe(false);
  expect(sent.slice(-2)).toMatchObject([{ kind: "enumeratorCut" }, { kind: "enumeratorCut" }]);
});

test("a failure is the slot's, by the source's name, and whoever asked gets no answer", async () => {
  const { enumerators, sent, failures } = enumeratorsOf(() => ({
    next: () => {
      throw new Error("the folder is gone");
    },
  }));
  let answered = false;
  void enumerators.next(here, 0).then(() => {
    answered = true;
  });
  void enumerators.deal(here, 1);
  await expect.poll(() => failures.length).toBe(2);
  expect(failures[0]).toMatchObject({ operator: "here", message: expect.stringContaining("the folder is gone") });
  expect([answered, sent]).toEqual([false, []]);
});
