/**
 * The tables of the memory backend: panes by namespace, each with a key index, float64 columns and a values array of its own.
 * The engine's accumulators live here; `pane.slotsOf(keys)` and `pane.numbers[0][slot] += 1` are the hottest lines there are.
 *
 * As entries are changed in place, asking for a slot counts as changing it: `slotOf` marks it with the epoch, and keeps a
 * copy for a running capture that has not come to it. Where nothing will be captured, `slotsOf` leaves the marks alone. Of a
 * table whose keys are key groups' numbers, whose operators keep slots and change them unasked, every entry counts as
 * changed always, and a capture takes it at once.
 */

import { assert } from "../../core/assert.ts";
import type { KeyGroupRange } from "../../core/key-group.ts";
import type { StateTable, TableDescriptor } from "../../core/state-backend.ts";
import { type Epochs, RESTORED } from "./epochs.ts";
import type { KeyGroups } from "./key-groups.ts";
import { MemoryPane } from "./memory-pane.ts";
import type { Spill } from "./spill.ts";

export class MemoryTable implements StateTable {
  readonly name: string;
  readonly operator: string;
  readonly epochs: Epochs;
  #descriptor: TableDescriptor;
  readonly #keyGroups: KeyGroups;
  #panes = new Map<number, MemoryPane>();
  #namespaces: readonly number[] | undefined;
  /** Consecutive records mostly fall into the same pane, and a Map lookup by timestamp costs as much as one by key. */
  #recent: MemoryPane | undefined;
  #recentNamespace = 0;
  /** The next pane is made with room for as many entries as the one had that was made, or dropped, last. */
  #expected = { slots: 0, rows: 0 };
  #latest: MemoryPane | undefined;
  /** Namespaces that were dropped and may be in a checkpoint, with the epoch. */
  readonly #dropped = new Map<number, number>();

  readonly #spill: Spill | undefined;

  /** @param spill where values go beyond the memory budget; not those of tables whose operators keep slots. */
  constructor(
    name: string,
    descriptor: TableDescriptor,
    operator: string,
    keyGroups: KeyGroups,
    epochs: Epochs,
    spill: Spill | undefined,
  ) {
    this.#spill = descriptor.values && descriptor.keyGroup !== "key" ? spill : undefined;
    this.name = name;
    this.#descriptor = descriptor;
    this.operator = operator;
    this.epochs = epochs;
    this.#keyGroups = keyGroups;
  }

  get descriptor(): TableDescriptor {
    return this.#descriptor;
  }

  /** What was restored, before anyone said so, are rows, or is held together. */
  hold({ rows, held }: TableDescriptor): void {
    if (this.#descriptor.rows === rows && (this.#descriptor.held === undefined) === (held === undefined)) return;
    this.#descriptor = {
      ...this.#descriptor,
      ...(rows === undefined ? {} : { rows }),
      ...(held === undefined ? {} : { held }),
    };
    for (const pane of this.#panes.values()) pane.hold(this.#descriptor);
  }

  /** Whether keys are key groups' numbers. */
  get named(): boolean {
    return this.descriptor.keyGroup === "key";
  }

  pane(namespace: number): MemoryPane {
    if (this.#spill !== undefined) this.#relieve(this.#spill);
    if (this.#recent !== undefined && namespace === this.#recentNamespace) return this.#recent;
    const pane = this.#panes.get(namespace) ?? this.#create(namespace);
    this.#recent = pane;
    this.#recentNamespace = namespace;
    return pane;
  }

  find(namespace: number): MemoryPane | undefined {
    return this.#panes.get(namespace);
  }

  /** Nobody holds on to the values of the pane that was asked for before. */
  #relieve(spill: Spill): void {
    this.#recent?.release();
    spill.relieve();
  }

  /** A caller may drop panes while it walks over the result, which stays as it is. */
  namespaces(): readonly number[] {
    this.#namespaces ??= [...this.#panes.keys()].sort((a, b) => a - b);
    return this.#namespaces;
  }

  drop(namespace: number): void {
    const pane = this.#panes.get(namespace);
    if (pane === undefined) return;
    if (this.epochs.mayBeSaved(pane.madeAt)) this.#dropped.set(namespace, this.epochs.current);
    this.#expected = { slots: pane.size, rows: pane.packedRows };
    if (this.#latest === pane) this.#latest = undefined;
    this.#replace(namespace, undefined);
  }

  /** Restoring: the pane of a namespace, as old as its checkpoint. */
  restoredPane(namespace: number): MemoryPane {
    const pane = this.pane(namespace);
    pane.madeAt = RESTORED;
    return pane;
  }

  /** Restoring: forgets the entries of some key groups in a namespace. */
  dropWithin(namespace: number, range: KeyGroupRange): void {
    const rest = this.#panes.get(namespace)?.without(range);
    this.#replace(namespace, rest === undefined || rest.size === 0 ? undefined : rest);
  }

  /** Namespaces dropped after an epoch. What is in the confirmed checkpoint is forgotten. */
  droppedAfter(epoch: number): readonly number[] {
    for (const [namespace, at] of this.#dropped) {
      if (at <= Math.min(epoch, this.epochs.confirmed)) this.#dropped.delete(namespace);
    }
    return [...this.#dropped].flatMap(([namespace, at]) => (at > epoch ? [namespace] : []));
  }

  #replace(namespace: number, pane: MemoryPane | undefined): void {
    this.#panes.get(namespace)?.close();
    if (pane === undefined) this.#panes.delete(namespace);
    else this.#panes.set(namespace, pane);
    this.#namespaces = undefined;
    this.#recent = undefined;
  }

  #create(namespace: number): MemoryPane {
    assert(namespace === namespace, `NaN is no namespace of the table "${this.name}" of "${this.operator}"`);
    const slots = Math.max(this.#expected.slots, this.#latest?.size ?? 0);
    const rows = Math.max(this.#expected.rows, this.#latest?.packedRows ?? 0);
    this.#expected = { slots: 0, rows: 0 }; // only once: after a large pane, many small ones may follow
    const expected = { slots, rows };
    const pane = new MemoryPane(this.descriptor, this.operator, this.#keyGroups, this.epochs, this.#spill, expected);
    this.#latest = pane;
    this.#panes.set(namespace, pane);
    this.#namespaces = undefined;
    return pane;
  }
}
