/**
 * An attached region: its channels' ends in shared memory, sorted by the worker at their other end.
 *
 * The network is a slot of its own, number `executionGraph.slots`: it consumes what slots of this process send to others
 * and produces, from its own pool, what comes from others.
 */

import { assert } from "../../../core/assert.ts";
import type { AttemptId, WorkerId } from "../../cluster-ids.ts";
import type { ExchangeAddress, RegionDeployment, SlotPlacement } from "../../cluster-protocol.ts";
import type { ChannelPlacement } from "../../graph/execution-graph.ts";
import type { SharedMemory } from "../../protocol.ts";
import { Doorbell } from "../doorbell.ts";
import { RingConsumer } from "../ring-consumer.ts";
import { RingProducer } from "../ring-producer.ts";
import { SegmentPool } from "../segment-pool.ts";
import type { RingIn } from "./incoming-channel.ts";
import type { DeliverOversize } from "./link-contract.ts";
import type { RingOut } from "./outgoing-channel.ts";

/** What a region has to do with one peer. */
export interface RegionShare {
  readonly attempt: AttemptId;
  readonly peer: WorkerId;
  readonly peerEpoch: number;
  readonly address: ExchangeAddress;
  readonly outgoing: RingOut[];
  /** By the channel's index in the execution graph. */
  readonly incoming: Map<number, RingIn>;
}

export interface RegionRings {
  /** The network's. */
  readonly doorbell: Doorbell;
  readonly shares: readonly RegionShare[];
  /** The outgoing rings by the channel's index, for frames that come beside them. */
  readonly outgoing: ReadonlyMap<number, RingConsumer>;
}

export function openRings(
  self: WorkerId,
  deployment: RegionDeployment,
  memory: SharedMemory,
  onOversize: DeliverOversize,
): RegionRings {
  const { executionGraph, placement } = deployment;
  const network = executionGraph.slots;
  const placed = new Map(placement.map((each) => [each.slot, each]));
  const isHere = (slot: number): boolean => placed.get(slot)?.worker === self;
  const leaving = executionGraph.channels.filter(({ fromSlot, toSlot }) => isHere(fromSlot) && !isHere(toSlot));
  const coming = executionGraph.channels.filter(({ fromSlot, toSlot }) => !isHere(fromSlot) && isHere(toSlot));
  const pool = new SegmentPool(memory.pools[network] as SharedArrayBuffer, coming.length);
  const shares = new Map<WorkerId, RegionShare>();
  const shareWith = (slot: number): RegionShare => shareOf(shares, placed.get(slot), deployment.attempt);
  const outgoing = new Map<number, RingConsumer>();
  for (const channel of leaving) {
    const control = controlOf(channel, memory);
    const segments = memory.pools[channel.fromSlot] as SharedArrayBuffer;
    const doorbell = new Doorbell(memory.doorbells, channel.fromSlot);
    const ring = new RingConsumer({ control, segments, doorbell });
    outgoing.set(channel.index, ring);
    shareWith(channel.toSlot).outgoing.push({ index: channel.index, ring, control });
  }
  for (const { index, fromSlot, toSlot, ...channel } of coming) {
    const control = controlOf({ index, fromSlot, toSlot, ...channel }, memory);
    const doorbell = new Doorbell(memory.doorbells, toSlot);
    const sendOversize = (serial: number, frame: SharedArrayBuffer): void => onOversize(toSlot, index, serial, frame);
    const ring = new RingProducer({ control, pool, doorbell, sendOversize });
    shareWith(fromSlot).incoming.set(index, { index, ring, control });
  }
  return { doorbell: new Doorbell(memory.doorbells, network), shares: [...shares.values()], outgoing };
}

function shareOf(
  shares: Map<WorkerId, RegionShare>,
  place: SlotPlacement | undefined,
  attempt: AttemptId,
): RegionShare {
  assert(place !== undefined, "a region's channels lead to slots of the region");
  let share = shares.get(place.worker);
  if (share === undefined) {
    const { worker: peer, epoch: peerEpoch, exchange: address } = place;
    share = { attempt, peer, peerEpoch, address, outgoing: [], incoming: new Map() };
    shares.set(peer, share);
  }
  return share;
}

function controlOf({ index }: ChannelPlacement, memory: SharedMemory): SharedArrayBuffer {
  const control = memory.channels[index];
  assert(control !== null && control !== undefined, "a channel with an end here has a control block");
  return control;
}
