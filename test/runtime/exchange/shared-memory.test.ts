import { expect, test } from "vitest";
import { CHANNEL_FLOOR_SEGMENTS, POOL_SHARED_SEGMENTS, SEGMENT_BYTES } from "../../../core/limits.ts";
import { createSharedMemory } from "../../../runtime/exchange/shared-memory.ts";
import type { ChannelPlacement, ExecutionGraph } from "../../../runtime/graph/execution-graph.ts";

/** All slots to all, over one edge. */
function allToAll(slots: number): ExecutionGraph {
  const channels: ChannelPlacement[] = [];
  for (let fromSlot = 0; fromSlot < slots; fromSlot++) {
    for (let toSlot = 0; toSlot < slots; toSlot++) {
      channels.push({ index: channels.length, edge: 0, fromSubtask: fromSlot, toSubtask: toSlot, fromSlot, toSlot });
    }
  }
  return { slots, subtasks: [], channels };
}

const poolBytes = (channels: number): number =>
  channels === 0 ? 0 : (channels * CHANNEL_FLOOR_SEGMENTS + POOL_SHARED_SEGMENTS) * SEGMENT_BYTES;

test("with every slot here, a pool serves a slot's channels to others, and the network has none", () => {
  const memory = createSharedMemory(allToAll(3), () => false);
  expect(memory.remote).toEqual([false, false, false]);
  expect(memory.pools.map((pool) => pool?.byteLength)).toEqual([poolBytes(2), poolBytes(2), poolBytes(2), 0]);
});

test("slots elsewhere have no pool; the network's serves what comes from them", () => {
  const memory = createSharedMemory(allToAll(4), (slot) => slot >= 2);
  expect(memory.remote).toEqual([false, false, true, true]);
  const bytes = memory.pools.map((pool) => pool?.byteLength);
  expect(bytes).toEqual([poolBytes(3), poolBytes(3), undefined, undefined, poolBytes(4)]);
});

test("a channel has a control block where it leaves its slot and one end is here", () => {
  const graph = allToAll(4);
  const { channels } = createSharedMemory(graph, (slot) => slot >= 2);
  for (const { index, fromSlot, toSlot } of graph.channels) {
    const shared = fromSlot !== toSlot && Math.min(fromSlot, toSlot) < 2;
    expect(channels[index] !== null).toBe(shared);
  }
});
