/**
 * From captured blocks to what a manifest says of them. A worker numbers the blocks of all its subtasks in one sequence and
 * writes them in one batch, or in several where they are many; the records travel to whoever writes the manifest.
 */

import type { BlockRecord, OperatorRecord, StateRecord } from "./checkpoint-manifest.ts";
import type { CheckpointName, CheckpointWrites } from "./checkpoint-store.ts";
import { joinedState, stateId } from "./joined-states.ts";
import { keyKindsOf } from "./key-kinds.ts";
import { type BlockHeader, passes, readHeader, schemaText } from "./state-block.ts";

/** Blocks held before they are written: what one batch of a store may take up in memory. */
const BATCH_BYTES_MAX = 16 * 1024 * 1024;

/** Worth a batch of its own, where nothing else is to be done: each is synced, or a request. */
const BATCH_BYTES_MIN = 4 * 1024 * 1024;

/** What one worker writes of one checkpoint. */
export class CheckpointWriter {
  readonly #store: CheckpointWrites;
  readonly #checkpoint: CheckpointName;
  readonly #worker: string;
  readonly #operators = new Map<
    string,
    { readonly states: Map<string, StateRecord>; readonly blocks: BlockRecord[] }
  >();
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #written = 0;

  constructor(store: CheckpointWrites, checkpoint: CheckpointName, worker: string) {
    this.#store = store;
    this.#checkpoint = checkpoint;
    this.#worker = worker;
  }

  /** REQUIRES: an operator's blocks come in the order in which they were captured. */
  add(operator: string, block: Uint8Array): void {
    const header = readHeader(block, "a captured block", operator);
    const { section } = header.shape;
    const { name, schema, rows, bytes, crc, keyGroups } = header;
    const of = this.#operatorOf(operator);
    // What was in flight or is retained is no state: no other program is compared with it.
    if (!passes(section)) noteState(of.states, block, header);
    const number = this.#written + this.#pending.length;
    const { first, last } = keyGroups;
    of.blocks.push({ worker: this.#worker, number, name, section, schema, rows, bytes, crc, first, last });
    this.#pending.push(block);
    this.#pendingBytes += block.length;
  }

  /** Whether so much has been added that it should be written before more is. */
  get isFull(): boolean {
    return this.#pendingBytes >= BATCH_BYTES_MAX;
  }

  /** Whether so much has been added that it may as well be written if nothing more is there to be added. */
  get isWorthwhile(): boolean {
    return this.#pendingBytes >= BATCH_BYTES_MIN;
  }

  /** Writes what was added. ENSURES: it survives a loss of power. @returns the blocks. @throws CHECKPOINT_STORE */
  async flush(): Promise<readonly Uint8Array[]> {
    const blocks = this.#pending;
    if (blocks.length === 0) return blocks;
    const first = this.#written;
    this.#written += blocks.length;
    this.#pending = [];
    this.#pendingBytes = 0;
    await this.#store.writeBlocks({ checkpoint: this.#checkpoint, worker: this.#worker, first, blocks });
    return blocks;
  }

  /** What the manifest has to say of the blocks. REQUIRES: all have been written. */
  records(): readonly Pick<OperatorRecord, "operator" | "states" | "blocks">[] {
    return [...this.#operators].map(([operator, { states, blocks }]) => {
      return { operator, states: [...states.values()], blocks };
    });
  }

  #operatorOf(operator: string) {
    const known = this.#operators.get(operator);
    if (known !== undefined) return known;
    const made = { states: new Map<string, StateRecord>(), blocks: [] };
    this.#operators.set(operator, made);
    return made;
  }
}

function noteState(states: Map<string, StateRecord>, block: Uint8Array, header: BlockHeader): void {
  const { name, schema, shape } = header;
  const id = stateId({ name, schema, section: shape.section });
  const keys = keyKindsOf(block, header);
  const record: StateRecord = { name, section: shape.section, schema, schemaText: schemaText(shape), keys };
  const known = states.get(id);
  states.set(id, known === undefined ? record : joinedState(known, record));
}
