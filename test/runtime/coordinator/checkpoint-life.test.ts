import { describe, expect, test } from "vitest";
import {
  type CheckpointEffect,
  type CheckpointEvent,
  type CheckpointLife,
  type CheckpointRules,
  createCheckpointLife,
  nextCheckpointLife,
  timeOf,
} from "../../../runtime/coordinator/checkpoint-life.ts";
import { SeededRandom } from "../../../runtime/testing/seeded-random.ts";

const rules: CheckpointRules = { intervalMs: 100, minPauseMs: 30, timeoutMs: 500, tolerated: 1 };

type Untimed = CheckpointEvent extends infer Event
  ? Event extends CheckpointEvent
    ? Omit<Event, "nowMs">
    : never
  : never;

const opened: Untimed = { kind: "opened", last: 0, slots: [0, 1], dealers: new Map([["source", 0]]) };
const time: Untimed = { kind: "time" };
const wanted: Untimed = { kind: "wanted" };
const closed: Untimed = { kind: "closed" };
const ack = (slot: number, checkpoint = 1): Untimed => ({ kind: "acknowledged", checkpoint, slot });
const cut = (checkpoint = 1): Untimed => ({ kind: "cut", checkpoint, source: "source" });
const written = (checkpoint = 1): Untimed => ({ kind: "written", checkpoint });
const declined = (checkpoint = 1): Untimed => ({ kind: "declined", checkpoint, reason: "no" });
const ended = (slot: number): Untimed => ({ kind: "slotEnded", slot });
const atEnd = (slot: number): Untimed => ({ kind: "atEnd", slot });
const savepoint = (checkpoint: number): Untimed => ({ kind: "savepointWanted", checkpoint });

/** Events, each at a time; gives the effects but those of the timer. */
function outcome(...events: readonly (readonly [nowMs: number, event: Untimed])[]) {
  return outcomeBy(rules, ...events);
}

function outcomeBy(by: CheckpointRules, ...events: readonly (readonly [nowMs: number, event: Untimed])[]) {
  let state = createCheckpointLife();
  const effects: CheckpointEffect[] = [];
  for (const [nowMs, event] of events) {
    const next = nextCheckpointLife(state, { ...event, nowMs } as CheckpointEvent, by);
    state = next.state;
    effects.push(...next.effects.filter(({ kind }) => kind !== "timer"));
  }
  return { state, effects };
}

const begun = [
  [0, opened],
  [100, time],
] as const;
const acknowledged = [...begun, [110, ack(0)], [120, ack(1)]] as const;
const complete = [...acknowledged, [130, cut()], [140, written()]] as const;
const begin = { kind: "begin", checkpoint: 1, savepoint: false };

describe("the checkpoints of a region", () => {
  test("one begins when the interval is over, and not before", () => {
    expect(outcome([0, opened], [99, time]).effects).toEqual([]);
    expect(outcome(...begun).effects).toEqual([begin]);
  });

  test("enumerators are cut when all slots have acknowledged, and the manifest comes last", () => {
    expect(outcome(...begun, [110, ack(0)]).effects).toEqual([begin]);
    expect(outcome(...complete).effects).toEqual([
      begin,
      { kind: "cut", checkpoint: 1, sources: ["source"] },
      { kind: "complete", checkpoint: 1, savepoint: false },
      { kind: "completed", checkpoint: 1, savepoint: false },
    ]);
  });

  test("the next one begins an interval after the begin of the one before", () => {
    const { state, effects } = outcome(...complete, [200, time]);
    expect(effects.at(-1)).toEqual({ kind: "begin", checkpoint: 2, savepoint: false });
    expect(state.current?.checkpoint).toBe(2);
  });

  test("after a long one comes the minimum pause", () => {
    const long = [...acknowledged, [130, cut()], [190, written()]] as const;
    expect(timeOf(outcome(...long).state, rules)).toBe(220);
    expect(outcome(...long, [219, time]).state.phase).toBe("idle");
    expect(outcome(...long, [220, time]).state.phase).toBe("pending");
  });

  test("one that is wanted begins at once, or when the one under way is over", () => {
    expect(outcome([0, opened], [5, wanted]).effects).toEqual([begin]);
    const { effects } = outcome(...begun, [105, wanted], [110, ack(0)], [120, ack(1)], [130, cut()], [140, written()]);
    expect(effects.at(-1)).toEqual({ kind: "begin", checkpoint: 2, savepoint: false });
  });

  test("one is unaligned from the alignment timeout on, once, unless all have acknowledged by then", () => {
    const aligning = { ...rules, alignMs: 50 };
    const overtake = { kind: "overtake", checkpoint: 1 };
    const late = [...begun, [110, ack(0)], [149, time], [150, time], [151, time]] as const;
    expect(timeOf(outcomeBy(aligning, ...begun).state, aligning)).toBe(150);
    expect(outcomeBy(aligning, ...late).effects).toEqual([begin, overtake]);
    expect(timeOf(outcomeBy(aligning, ...late).state, aligning)).toBe(600);
    expect(outcomeBy(aligning, ...late, [600, time]).effects.at(-1)).toMatchObject({ kind: "aborted", failed: true });
    expect(outcomeBy(aligning, ...acknowledged, [150, time]).effects).not.toContainEqual(overtake);
  });

  test("one is unaligned from its begin on where nothing is to be waited for, but no savepoint is", () => {
    const never = { ...rules, alignMs: 0 };
    const overtake = { kind: "overtake", checkpoint: 1 };
    expect(outcomeBy(never, ...begun).effects).toEqual([begin, overtake]);
    expect(outcomeBy(never, [0, opened], [10, savepoint(1)], [400, time]).effects).toEqual([
      { kind: "begin", checkpoint: 1, savepoint: true },
    ]);
  });

  test("one that is late is aborted, and its late acknowledgement changes nothing", () => {
    const late = outcome(...begun, [110, ack(0)], [600, time]);
    expect(late.effects).toContainEqual({
      kind: "aborted",
      checkpoint: 1,
      savepoint: false,
      failed: true,
      reason: "it was not complete after 500 ms: slots 2 have not acknowledged",
    });
    const more = outcome(...begun, [110, ack(0)], [600, time], [601, ack(1)]);
    expect(more.state).toEqual(late.state);
  });

  test("more failures in a row than are tolerated are the region's", () => {
    const { state, effects } = outcome(...begun, [110, declined()], [210, time], [220, declined(2)]);
    expect(effects.at(-1)).toEqual({ kind: "fail", checkpoint: 2, reason: "no" });
    expect(state.phase).toBe("closed");
  });

  test("one that is complete ends the row of failures", () => {
    const failedThenComplete = [
      ...[...begun, [110, declined()], [210, time], [220, ack(0, 2)], [230, ack(1, 2)], [240, cut(2)]],
      ...[
        [250, written(2)],
        [310, time],
        [320, declined(3)],
      ],
    ] as (readonly [number, Untimed])[];
    expect(outcome(...failedThenComplete).effects.map(({ kind }) => kind)).not.toContain("fail");
  });

  test("a slot that ends without having acknowledged makes it begin anew, and that is no failure", () => {
    const { effects, state } = outcome(...complete, [200, time], [210, ended(1)]);
    expect(effects.slice(-2)).toEqual([
      { kind: "aborted", checkpoint: 2, savepoint: false, failed: false, reason: "slot 2 ended meanwhile" },
      { kind: "begin", checkpoint: 3, savepoint: false },
    ]);
    expect(state.failures).toBe(0);
  });

  test("a slot that ends after it has acknowledged is in it, and is not asked again", () => {
    const { effects } = outcome(
      ...begun,
      [110, ack(1)],
      [111, ended(1)],
      [120, ack(0)],
      [130, cut()],
      [140, written()],
      [200, time],
    );
    expect(effects.slice(-2)).toEqual([
      { kind: "completed", checkpoint: 1, savepoint: false },
      { kind: "begin", checkpoint: 2, savepoint: false },
    ]);
  });

  test("a slot that ends before its enumerators were cut takes what they have dealt with it", () => {
    const { effects } = outcome(...acknowledged, [125, ended(0)]);
    expect(effects.at(-2)).toMatchObject({ kind: "aborted", checkpoint: 1, failed: false });
    expect(effects.at(-1)).toMatchObject({ kind: "begin", checkpoint: 2 });
  });

  test("when its last slot has ended nothing begins any more", () => {
    expect(outcome([0, opened], [1, ended(0)], [2, ended(1)], [200, time]).effects).toEqual([]);
  });

  test("a region that fails aborts what is under way, but not what is being written", () => {
    expect(outcome(...begun, [110, closed]).effects.at(-1)).toMatchObject({ kind: "aborted", failed: false });
    const { effects } = outcome(...acknowledged, [130, cut()], [131, closed], [140, written()]);
    expect(effects.at(-1)).toEqual({ kind: "complete", checkpoint: 1, savepoint: false });
  });

  test("it goes on above the numbers that were given", () => {
    const restored: Untimed = { ...opened, last: 41 } as Untimed;
    expect(outcome([0, restored], [100, time]).effects).toEqual([{ kind: "begin", checkpoint: 42, savepoint: false }]);
  });

  test("a savepoint is taken under the number that it was given", () => {
    const taken = outcome(
      ...([
        ...complete,
        [150, savepoint(7)],
        [151, ack(0, 7)],
        [152, ack(1, 7)],
        [153, cut(7)],
        [154, written(7)],
      ] as const),
    );
    expect(taken.effects.slice(-4)).toEqual([
      { kind: "begin", checkpoint: 7, savepoint: true },
      { kind: "cut", checkpoint: 7, sources: ["source"] },
      { kind: "complete", checkpoint: 7, savepoint: true },
      { kind: "completed", checkpoint: 7, savepoint: true },
    ]);
    expect(taken.state).toMatchObject({ last: 7, savepoint: undefined });
  });

  test("a savepoint that fails is no failure of the job's", () => {
    const { state } = outcome([0, opened], [1, savepoint(1)], [2, declined(1)], [3, savepoint(2)], [4, declined(2)]);
    expect(state).toMatchObject({ phase: "idle", failures: 0 });
  });

  test("a savepoint waits for what is under way, and a second one is refused", () => {
    const { effects } = outcome(...begun, [101, savepoint(2)], [102, savepoint(3)], [110, declined()]);
    expect(effects.slice(1)).toEqual([
      { kind: "savepointRefused", checkpoint: 3, reason: "savepoint 2 is under way" },
      { kind: "aborted", checkpoint: 1, savepoint: false, failed: true, reason: "no" },
      { kind: "begin", checkpoint: 2, savepoint: true },
    ]);
  });

  test("where the region ends a savepoint that waits is refused", () => {
    const { effects } = outcome(...begun, [101, savepoint(2)], [102, closed]);
    expect(effects.slice(-2).map(({ kind }) => kind)).toEqual(["aborted", "savepointRefused"]);
    expect(outcome([0, savepoint(1)]).effects).toEqual([
      { kind: "savepointRefused", checkpoint: 1, reason: "the region does not run" },
    ]);
  });

  test("a slot at its end wants one, with which it ends", () => {
    expect(outcome([0, opened], [10, atEnd(1)]).effects).toEqual([begin]);
  });

  describe("with none at the end", () => {
    const none = { ...rules, atEnd: false };

    test("all slots are released when the last of them has come to its end, and nothing begins any more", () => {
      expect(outcomeBy(none, [0, opened], [10, atEnd(0)], [20, atEnd(0)]).effects).toEqual([]);
      const { state, effects } = outcomeBy(
        none,
        [0, opened],
        [10, atEnd(0)],
        [20, atEnd(1)],
        [1000, time],
        [1001, wanted],
      );
      expect(effects).toEqual([{ kind: "released" }]);
      expect(state.phase).toBe("closed");
    });

    test("regular ones go on while a slot waits for others, which end by one or by themselves", () => {
      const waiting = [[0, opened], [50, atEnd(0)], ...complete.slice(1)] as const;
      expect(outcomeBy(none, ...waiting).effects.map(({ kind }) => kind)).toEqual([
        ...["begin", "cut", "complete", "completed"],
      ]);
      expect(outcomeBy(none, ...waiting, [150, ended(0)], [160, atEnd(1)]).effects.at(-1)).toEqual({
        kind: "released",
      });
    });

    test("they wait for one that is under way, and for one that another slot wants", () => {
      const during = outcomeBy(none, ...begun, [105, atEnd(0)], [106, atEnd(1)]);
      expect(during.effects).toEqual([begin]);
      expect(outcomeBy(none, ...begun, [105, atEnd(0)], [106, atEnd(1)], [110, declined()]).effects.at(-1)).toEqual({
        kind: "released",
      });
      expect(outcomeBy(none, [0, opened], [10, atEnd(0)], [20, wanted], [30, atEnd(1)]).effects).toEqual([begin]);
    });

    test("a savepoint that is wanted then is taken before", () => {
      const { effects } = outcomeBy(none, [0, opened], [10, atEnd(0)], [15, savepoint(7)], [20, atEnd(1)]);
      expect(effects).toEqual([{ kind: "begin", checkpoint: 7, savepoint: true }]);
    });
  });

  test("without an interval only those begin that are wanted", () => {
    const never = { ...rules, intervalMs: undefined };
    const { state } = nextCheckpointLife(createCheckpointLife(), { ...opened, nowMs: 0 } as CheckpointEvent, never);
    expect(timeOf(state, never)).toBe(Number.POSITIVE_INFINITY);
    expect(nextCheckpointLife(state, { kind: "time", nowMs: 1e9 }, never).effects).toEqual([]);
    expect(nextCheckpointLife(state, { kind: "wanted", nowMs: 1e9 }, never).effects[0]).toEqual(begin);
  });
});

/** What has been seen of a region's checkpoints, and what of it cannot be. */
class Witness {
  readonly phases = new Set<string>();
  readonly counts = new Map<string, number>();
  #last = 0;
  #open:
    | { checkpoint: number; missing: Set<number>; uncut: Set<string>; asked: boolean; mayOvertake: boolean }
    | undefined;
  readonly #ended = new Set<number>();

  see(
    before: CheckpointLife,
    event: CheckpointEvent,
    after: CheckpointLife,
    effects: readonly CheckpointEffect[],
  ): void {
    if (before.phase !== after.phase) this.phases.add(`${before.phase} → ${after.phase}`);
    if (event.kind === "acknowledged" && event.checkpoint === this.#open?.checkpoint)
      this.#open.missing.delete(event.slot);
    if (event.kind === "cut" && this.#open?.asked && event.checkpoint === this.#open.checkpoint)
      this.#open.uncut.delete(event.source);
    for (const effect of effects) this.#effect(effect, after);
    if (after.last < before.last) throw new Error("numbers went back");
    if ((after.current !== undefined) !== ["pending", "cutting", "completing"].includes(after.phase))
      throw new Error(`${after.phase} with ${after.current?.checkpoint}`);
  }

  #effect(effect: CheckpointEffect, after: CheckpointLife): void {
    this.counts.set(effect.kind, (this.counts.get(effect.kind) ?? 0) + 1);
    switch (effect.kind) {
      case "begin":
        if (effect.checkpoint <= this.#last) throw new Error("a number was given twice");
        if (this.#open !== undefined) throw new Error("two at a time");
        this.#last = effect.checkpoint;
        this.#open = {
          checkpoint: effect.checkpoint,
          missing: new Set(after.slots),
          uncut: new Set(after.dealers.keys()),
          asked: false,
          mayOvertake: !effect.savepoint,
        };
        break;
      case "overtake":
        if (!this.#own(effect.checkpoint).mayOvertake) throw new Error("overtaken twice, late or for a savepoint");
        this.#own(effect.checkpoint).mayOvertake = false;
        break;
      case "cut":
        if (this.#own(effect.checkpoint).missing.size > 0) throw new Error("cut before its readers");
        this.#own(effect.checkpoint).asked = true;
        this.#own(effect.checkpoint).mayOvertake = false;
        break;
      case "complete": {
        const { missing, uncut } = this.#own(effect.checkpoint);
        if (missing.size > 0 || uncut.size > 0) throw new Error("complete without all");
        break;
      }
      case "completed":
      case "aborted":
        this.#own(effect.checkpoint);
        this.#over(effect.checkpoint);
        break;
      case "released":
        if (after.phase !== "closed") throw new Error("slots end while checkpoints go on");
        if (this.#open !== undefined) throw new Error("slots end during a checkpoint");
        break;
      case "savepointRefused":
      case "fail":
      case "timer":
        break;
    }
  }

  /** The region was closed while it was being written: nobody says what has become of it. */
  forget(): void {
    this.#open = undefined;
  }

  #own(checkpoint: number) {
    if (this.#ended.has(checkpoint)) throw new Error(`${checkpoint} was over`);
    if (this.#open?.checkpoint !== checkpoint) throw new Error(`${checkpoint} is not under way`);
    return this.#open;
  }

  #over(checkpoint: number): void {
    this.#ended.add(checkpoint);
    this.#open = undefined;
  }
}

test("over a million random events one is complete only with all of it, and never after it was aborted", () => {
  const random = new SeededRandom(11);
  const witness = new Witness();
  let state = createCheckpointLife();
  let nowMs = 0;
  for (let at = 0; at < 1_000_000; at++) {
    nowMs += Math.floor(random.next() * 20);
    const event = randomEvent(random, state, nowMs);
    const { state: next, effects } = nextCheckpointLife(state, event, { ...rules, alignMs: 30, atEnd: false });
    witness.see(state, event, next, effects);
    if (next.phase === "closed") witness.forget();
    state = next;
  }
  expect([...witness.phases].sort()).toEqual([
    "closed → idle",
    "completing → closed",
    "completing → idle",
    "completing → pending",
    "cutting → closed",
    "cutting → completing",
    "cutting → idle",
    "cutting → pending",
    "idle → closed",
    "idle → pending",
    "pending → closed",
    "pending → completing",
    "pending → cutting",
    "pending → idle",
  ]);
  for (const kind of ["completed", "overtake", "aborted", "fail", "savepointRefused", "released"]) {
    expect(witness.counts.get(kind), kind).toBeGreaterThan(1000);
  }
});

function randomEvent(random: SeededRandom, state: CheckpointLife, nowMs: number): CheckpointEvent {
  const pick = (most: number): number => Math.floor(random.next() * most);
  const checkpoint = state.last - (random.next() < 0.9 ? 0 : 1);
  const share = random.next();
  if (state.phase === "closed" && share < 0.5) {
    const slots = Array.from({ length: 1 + pick(3) }, (_, slot) => slot);
    const dealers = new Map(random.next() < 0.5 ? [] : [["source", pick(slots.length)]]);
    return { kind: "opened", nowMs, last: pick(50), slots, dealers };
  }
  if (share < 0.45) return { kind: "acknowledged", nowMs, checkpoint, slot: pick(4) };
  if (share < 0.6) return { kind: "cut", nowMs, checkpoint, source: "source" };
  if (share < 0.75) return { kind: "written", nowMs, checkpoint };
  if (share < 0.78) return { kind: "notWritten", nowMs, checkpoint, reason: "full" };
  if (share < 0.82) return { kind: "declined", nowMs, checkpoint, reason: "no" };
  if (share < 0.92) return { kind: "time", nowMs };
  if (share < 0.94) return { kind: "wanted", nowMs };
  if (share < 0.96) return { kind: "savepointWanted", nowMs, checkpoint: state.last + pick(3) };
  if (share < 0.975) return { kind: "atEnd", nowMs, slot: pick(4) };
  if (share < 0.99) return { kind: "slotEnded", nowMs, slot: pick(4) };
  return { kind: "closed", nowMs };
}
