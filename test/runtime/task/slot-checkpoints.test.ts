import { expect, test } from "vitest";
import type { OperatorId, VertexId } from "../../../core/ids.ts";
import type { StateCapture } from "../../../core/state-backend.ts";
import type { FromSlot } from "../../../runtime/protocol.ts";
import type { DeployedSubtask } from "../../../runtime/task/deploy.ts";
import { SlotCheckpoints } from "../../../runtime/task/slot-checkpoints.ts";
import type { Subtask } from "../../../runtime/task/subtask.ts";
import type { OwnSnapshot } from "../../../runtime/task/subtask-cut.ts";

/** As much of a subtask as its slot's checkpoints see. */
class FakeSubtask {
  takesPart = true;
  awaitsCheckpoint = false;
  commitsNothing = false;
  readonly heard: string[] = [];

  beginCheckpoint(checkpoint: number): void {
    this.heard.push(`begin ${checkpoint}`);
  }

  release(): void {
    this.heard.push("released");
  }

  overtakeBy(checkpoint: number): void {
    this.heard.push(`overtake ${checkpoint}`);
  }

  endCheckpoint(checkpoint: number, complete: boolean, full: boolean): void {
    this.heard.push(`${complete ? "complete" : "nothing"} ${checkpoint}${full ? " full" : ""}`);
  }

  get asSubtask(): Subtask {
    return this as unknown as Subtask; // only what is above is used
  }
}

const snapshot: OwnSnapshot = { finished: false, operators: [], commits: [] };
const operator = "count" as OperatorId;

function slotOf(count: number): { checkpoints: SlotCheckpoints; subtasks: FakeSubtask[]; sent: FromSlot[] } {
  const sent: FromSlot[] = [];
  const checkpoints = new SlotCheckpoints((message) => sent.push(message));
  const subtasks = Array.from({ length: count }, () => new FakeSubtask());
  const deployed = subtasks.map((fake, subtask) => {
    return { subtask: fake.asSubtask, placement: { vertex: "items" as VertexId, subtask, slot: 0 } };
  });
  checkpoints.deploy(deployed as unknown as readonly DeployedSubtask[]);
  return { checkpoints, subtasks, sent };
}

/** Gives the blocks one by one, or fails at the end. */
function capturing(blocks: readonly number[], failure?: Error): StateCapture {
  const left = [...blocks];
  return {
    ...{ checkpoint: 1, base: undefined, cancel: () => {} },
    get done() {
      return left.length === 0 && failure === undefined;
    },
    step() {
      const block = left.shift();
      if (block === undefined && failure !== undefined) throw failure;
      return block === undefined ? undefined : Uint8Array.of(block);
    },
  };
}

function workAll(checkpoints: SlotCheckpoints): void {
  for (let step = 0; step < 100 && checkpoints.work(); step++);
}

test("a barrier that overtakes its checkpoint's message has to wait for it, and counts for nothing when that is over", () => {
  const { checkpoints } = slotOf(1);
  expect(checkpoints.stateOf(1)).toBe("unknown");
  checkpoints.begin(1, true);
  expect([checkpoints.stateOf(1), checkpoints.isFull(1), checkpoints.stateOf(2)]).toEqual(["begun", true, "unknown"]);
  checkpoints.ended(1, true);
  expect([checkpoints.stateOf(1), checkpoints.isFull(1)]).toEqual(["over", false]);
  checkpoints.begin(3, false);
  expect(checkpoints.stateOf(2)).toBe("over");
});

test("it is told when all subtasks are cut and all captures are through, their blocks before", () => {
  const { checkpoints, subtasks, sent } = slotOf(2);
  const [first, second] = subtasks as [FakeSubtask, FakeSubtask];
  checkpoints.begin(1, false);
  checkpoints.cut(first.asSubtask, snapshot, [{ operator, capture: capturing([1, 2]) }], 1);
  workAll(checkpoints);
  expect(sent).toEqual([{ kind: "blocks", checkpoint: 1, operator, blocks: [Uint8Array.of(1), Uint8Array.of(2)] }]);
  checkpoints.cut(second.asSubtask, { ...snapshot, finished: true }, [{ operator, capture: capturing([3]) }], 1);
  workAll(checkpoints);
  expect(sent.slice(1)).toEqual([
    { kind: "blocks", checkpoint: 1, operator, blocks: [Uint8Array.of(3)] },
    {
      kind: "snapshotted",
      checkpoint: 1,
      subtasks: [
        { vertex: "items", subtask: 0, ...snapshot },
        { vertex: "items", subtask: 1, ...snapshot, finished: true },
      ],
    },
  ]);
});

test("blocks go together until they are many, but each message is about one operator", () => {
  const { checkpoints, subtasks, sent } = slotOf(1);
  const [subtask] = subtasks as [FakeSubtask];
  const large = [100, 200, 300].map((kib) => new Uint8Array(kib * 1024));
  const left = [...large];
  const capture = capturing([]);
  Object.defineProperty(capture, "done", { get: () => left.length === 0 });
  capture.step = () => left.shift();
  const other = "other" as OperatorId;
  checkpoints.begin(1, false);
  const captures = [
    { operator, capture },
    { operator: other, capture: capturing([1, 2]) },
  ];
  checkpoints.cut(subtask.asSubtask, snapshot, captures, 1);
  workAll(checkpoints);
  const about = { kind: "blocks", checkpoint: 1 };
  expect(sent.slice(0, -1)).toEqual([
    { ...about, operator, blocks: large.slice(0, 2) },
    { ...about, operator, blocks: large.slice(2) },
    { ...about, operator: other, blocks: [Uint8Array.of(1), Uint8Array.of(2)] },
  ]);
});

test("what two operators capture in turns is not mixed", () => {
  const { checkpoints, subtasks, sent } = slotOf(1);
  const [subtask] = subtasks as [FakeSubtask];
  const turns = { ...capturing([]), waits: false };
  const left = [1, 2];
  Object.defineProperty(turns, "done", { get: () => left.length === 0 });
  turns.step = () => {
    turns.waits = left.length === 2;
    return Uint8Array.of(left.shift() as number);
  };
  const other = "other" as OperatorId;
  const between = capturing([9]);
  const { step } = between;
  between.step = () => {
    turns.waits = false;
    return step();
  };
  checkpoints.begin(1, false);
  const captures = [
    { operator, capture: turns },
    { operator: other, capture: between },
  ];
  checkpoints.cut(subtask.asSubtask, snapshot, captures, 1);
  workAll(checkpoints);
  expect(sent.slice(0, -1)).toMatchObject([
    { operator, blocks: [Uint8Array.of(1)] },
    { operator: other, blocks: [Uint8Array.of(9)] },
    { operator, blocks: [Uint8Array.of(2)] },
  ]);
});

test("a capture that waits holds up the end of it, but no other capture", () => {
  const { checkpoints, subtasks, sent } = slotOf(1);
  const [subtask] = subtasks as [FakeSubtask];
  const inFlight = { ...capturing([]), waits: true };
  const left = [7];
  Object.defineProperty(inFlight, "done", { get: () => left.length === 0 });
  inFlight.step = () => Uint8Array.of(left.shift() as number);
  checkpoints.begin(1, false);
  const captures = [
    { operator, capture: inFlight },
    { operator, capture: capturing([1, 2]) },
  ];
  checkpoints.cut(subtask.asSubtask, snapshot, captures, 1);
  workAll(checkpoints);
  expect(checkpoints.work()).toBe(false);
  expect(sent).toMatchObject([{ blocks: [Uint8Array.of(1), Uint8Array.of(2)] }]);
  inFlight.waits = false;
  workAll(checkpoints);
  expect(sent.slice(1)).toMatchObject([{ blocks: [Uint8Array.of(7)] }, { kind: "snapshotted", checkpoint: 1 }]);
});

test("those that were not cut hear that barriers are not waited for, of the checkpoint that is under way only", () => {
  const { checkpoints, subtasks } = slotOf(2);
  const [first, second] = subtasks as [FakeSubtask, FakeSubtask];
  checkpoints.overtake(1);
  checkpoints.begin(1, false);
  checkpoints.cut(first.asSubtask, snapshot, [], 1);
  checkpoints.overtake(2);
  checkpoints.overtake(1);
  expect([first.heard, second.heard]).toEqual([["begin 1"], ["begin 1", "overtake 1"]]);
});

test("what cannot be captured declines the checkpoint, once, and the next one begins as if nothing had been", () => {
  const { checkpoints, subtasks, sent } = slotOf(1);
  const [subtask] = subtasks as [FakeSubtask];
  checkpoints.begin(1, false);
  checkpoints.cut(subtask.asSubtask, snapshot, [{ operator, capture: capturing([], new Error("a function")) }], 1);
  workAll(checkpoints);
  workAll(checkpoints);
  expect(sent).toMatchObject([{ kind: "declined", checkpoint: 1, error: { message: "a function" } }]);
  checkpoints.ended(1, false);
  checkpoints.begin(2, false);
  checkpoints.cut(subtask.asSubtask, snapshot, [], 2);
  expect(sent.at(-1)).toMatchObject({ kind: "snapshotted", checkpoint: 2 });
});

test("subtasks hear how each checkpoint ends, and a newer one ends the older", () => {
  const { checkpoints, subtasks, sent } = slotOf(1);
  checkpoints.begin(1, true);
  checkpoints.ended(1, true);
  checkpoints.begin(2, false);
  checkpoints.begin(3, false);
  checkpoints.cut((subtasks[0] as FakeSubtask).asSubtask, snapshot, [], 2);
  expect(subtasks[0]?.heard).toEqual(["begin 1", "complete 1 full", "begin 2", "nothing 2", "begin 3"]);
  expect(sent).toEqual([]);
});

test("one whose end is complete takes no part any more", () => {
  const { checkpoints, subtasks, sent } = slotOf(2);
  (subtasks[0] as FakeSubtask).takesPart = false;
  checkpoints.begin(1, false);
  checkpoints.cut((subtasks[1] as FakeSubtask).asSubtask, snapshot, [], 1);
  expect(subtasks.map(({ heard }) => heard)).toEqual([[], ["begin 1"]]);
  expect(sent).toMatchObject([{ kind: "snapshotted", subtasks: [{ subtask: 1 }] }]);
});

test("a checkpoint that somebody waits for is asked for, also while another one is under way", () => {
  const { checkpoints, sent } = slotOf(1);
  checkpoints.want();
  expect(sent).toEqual([{ kind: "wantsCheckpoint" }]);
  checkpoints.begin(1, false);
  checkpoints.want();
  expect(sent.filter(({ kind }) => kind === "wantsCheckpoint")).toHaveLength(2);
});

test("when all wait for a checkpoint it is asked for once, and again when that one came to nothing", () => {
  const { checkpoints, subtasks, sent } = slotOf(2);
  const [first, second] = subtasks as [FakeSubtask, FakeSubtask];
  first.awaitsCheckpoint = true;
  workAll(checkpoints);
  expect(sent).toEqual([]);
  second.awaitsCheckpoint = true;
  workAll(checkpoints);
  workAll(checkpoints);
  expect(sent).toEqual([{ kind: "wantsCheckpoint" }]);
  checkpoints.begin(1, false);
  workAll(checkpoints);
  checkpoints.ended(1, false);
  workAll(checkpoints);
  expect(sent.filter(({ kind }) => kind === "wantsCheckpoint")).toHaveLength(2);
});

test("a slot that commits nothing says that it is at its end, and its subtasks end when it is released", () => {
  const { checkpoints, subtasks, sent } = slotOf(2);
  for (const subtask of subtasks) subtask.awaitsCheckpoint = true;
  const [first, second] = subtasks as [FakeSubtask, FakeSubtask];
  first.commitsNothing = true;
  workAll(checkpoints);
  second.commitsNothing = true;
  expect(sent).toEqual([{ kind: "wantsCheckpoint" }]);
  checkpoints.begin(1, false);
  checkpoints.ended(1, false);
  workAll(checkpoints);
  expect(sent.at(-1)).toEqual({ kind: "atEnd" });
  second.takesPart = false;
  checkpoints.release();
  expect(subtasks.map(({ heard }) => heard.includes("released"))).toEqual([true, false]);
});
