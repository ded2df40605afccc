/**
 * Makes the memory of a process's exchange for its slots of a job: doorbells, pools, and the control block of each channel
 * that has an end here and another one in another slot.
 *
 * Slots of other processes stand behind the network, which is slot number `graph.slots`: it consumes what goes to them
 * and produces what comes from them, from a pool of its own.
 */

import type { ChannelPlacement, ExecutionGraph } from "../graph/execution-graph.ts";
import type { SharedMemory } from "../protocol.ts";
import { createDoorbells } from "./doorbell.ts";
import { createPoolBuffer } from "./segment-pool.ts";
import { CONTROL_BLOCK_BYTES } from "./shared-ring.ts";

export function createSharedMemory(graph: ExecutionGraph, isRemote: (slot: number) => boolean): SharedMemory {
  const remote = Array.from({ length: graph.slots }, (_, slot) => isRemote(slot));
  const isHere = ({ fromSlot, toSlot }: ChannelPlacement): boolean =>
    fromSlot !== toSlot && !(remote[fromSlot] === true && remote[toSlot] === true);
  const here = graph.channels.filter(isHere);
  const poolOf = (slot: number): SharedArrayBuffer | null =>
    remote[slot] === true ? null : createPoolBuffer(here.filter(({ fromSlot }) => fromSlot === slot).length);
  const incoming = here.filter(({ fromSlot }) => remote[fromSlot] === true);
  return {
    doorbells: createDoorbells(graph.slots + 1),
    pools: [...remote.map((_, slot) => poolOf(slot)), createPoolBuffer(incoming.length)],
    channels: graph.channels.map((channel) => (isHere(channel) ? new SharedArrayBuffer(CONTROL_BLOCK_BYTES) : null)),
    remote,
  };
}
