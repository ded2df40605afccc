/**
 * What a savepoint that a program makes is to hold: nothing, or what another one holds, and what is changed in that. The
 * calls only note it; `write` makes it, by `write-savepoint.ts`.
 */

import { MillraceError } from "../../core/errors.ts";
import type { Key } from "../../core/key.ts";
import { KEY_GROUPS_DEFAULT } from "../../core/limits.ts";
import type { StateDescriptor } from "../../core/state.ts";
import { type HeldOperator, type HeldState, heldOperators } from "../checkpoints/held-state.ts";
import { jobOf } from "../checkpoints/lineage.ts";
import type { FoundSavepoint } from "../checkpoints/savepoint-folder.ts";
import { notFound } from "./not-found.ts";
import { conversionTo } from "./saved-range.ts";
import type { SavepointTimer } from "./savepoint.ts";
import type { StateEntry, StoredValue } from "./stored-values.ts";
import { type Entries, type Fill, type MappedState, writeSavepoint } from "./write-savepoint.ts";

export interface NewSavepointOptions {
  /** The name of the job that will go on from it. */
  readonly job: string;
  /** Into how many groups its keyed state is split: as the job says. Default 128. That of another savepoint stays. */
  readonly keyGroups?: number;
}

/** A savepoint of nothing but what it is filled with: a job that goes on from it begins its sources at their start. */
export type NewSavepoint = Pick<SavepointChanges, "fill" | "fillTimers" | "write">;

/** @throws BAD_OPTION */
export function newSavepoint({ job, keyGroups = KEY_GROUPS_DEFAULT }: NewSavepointOptions): NewSavepoint {
  if (job === "") throw badOption("a savepoint needs the name of the job that will go on from it");
  return new SavepointChanges(undefined, job, keyGroups);
}

export class SavepointChanges {
  readonly #found: FoundSavepoint | undefined;
  readonly #job: string;
  readonly #keyGroups: number;
  readonly #held: readonly HeldOperator[];
  readonly #mapped: MappedState[] = [];
  readonly #fills: Fill[] = [];
  /** By operator, the states that are left out, by `stateKey`. */
  readonly #removed = new Map<string, Set<string>>();
  readonly #gone = new Set<string>();
  readonly #names = new Map<string, string>();

  /** For `newSavepoint` and `Savepoint.change`. @throws BAD_OPTION */
  constructor(found: FoundSavepoint | undefined, job: string, keyGroups: number) {
    this.#found = found;
    this.#job = job;
    this.#keyGroups = keyGroups;
    this.#held = found === undefined ? [] : heldOperators(found.opened);
    if (this.#held.some(({ states }) => states.some(({ section }) => section === "inFlight")))
      throw badOption("the checkpoint holds records on their way, as it is unaligned; change a savepoint instead");
  }

  /**
   * Each value of a state becomes what the function returns, or goes when that is undefined.
   * @param descriptor what the saved values are. @param becomes what the new ones are, of the same kind; absent: the same
   * @throws NOT_FOUND, STATE_MISUSE, BAD_OPTION, UPGRADE_REFUSED
   */
  map<const D extends StateDescriptor, const E extends StateDescriptor = D>(
    operator: string,
    state: string,
    descriptor: D,
    change: (value: StoredValue<D>, key: Key) => StoredValue<E> | undefined,
    becomes?: E,
  ): this {
    const held = this.#state(operator, state);
    const convert = conversionTo(operator, held, descriptor);
    const to: StateDescriptor = becomes ?? descriptor;
    if (to.kind !== descriptor.kind)
      throw badOption(`"${state}" of "${operator}" is a ${descriptor.kind} state and cannot become another`);
    if (ages(held) && (to.kind === "list" || to.kind === "map"))
      throw badOption(`the elements of "${state}" of "${operator}" age one by one, so it cannot be mapped`);
    if (this.#mapped.some((other) => other.operator === operator && other.state === held.key))
      throw badOption(`"${state}" of "${operator}" is mapped twice`);
    this.#mapped.push({
      ...{ operator, name: state, state: held.key, convert, descriptor, becomes: to },
      change: change as MappedState["change"], // of the descriptors' values, which the compiler has checked
    });
    return this;
  }

  /** Leaves a state out: it will begin empty. Also "timers", "position", "prepared output". @throws NOT_FOUND */
  remove(operator: string, state: string): this {
    const { key } = this.#state(operator, state);
    this.#removed.set(operator, (this.#removed.get(operator) ?? new Set()).add(key));
    return this;
  }

  /** Leaves an operator out, with all that it has. @throws NOT_FOUND */
  removeOperator(operator: string): this {
    this.#gone.add(this.#operator(operator).operator);
    return this;
  }

  /** Other calls go on naming it as it was. @throws NOT_FOUND */
  rename(operator: string, name: string): this {
    this.#names.set(this.#operator(operator).operator, name);
    return this;
  }

  /**
   * Sets a state's values, also of an operator that is not there yet; of two values of a key the later one holds. Values of
   * other keys stay. Where values age, their life begins when the job goes on.
   */
  fill<const D extends StateDescriptor>(
    operator: string,
    state: string,
    descriptor: D,
    entries: Entries<StateEntry<D>>,
  ): this {
    const fill = { kind: "state", operator, name: state, descriptor, entries };
    this.#fills.push(fill as Fill); // entries are of the descriptor's values, which the compiler has checked
    return this;
  }

  /** Registers timers, beside those that are there. */
  fillTimers(operator: string, timers: Entries<SavepointTimer>): this {
    this.#fills.push({ kind: "timers", operator, timers });
    return this;
  }

  /**
   * Writes it into a folder, which may not hold one yet.
   * @throws SAVEPOINT_FAILED, BAD_KEY, BAD_RECORD, BAD_OPTION, CHECKPOINT_STORE, and what reading the old one fails with;
   * STATE_MISUSE or UPGRADE_REFUSED when a state is filled with what it is not
   */
  async write(folder: string): Promise<void> {
    for (const fill of this.#fills) if (fill.kind === "state") this.#checkFill(fill);
    await writeSavepoint(folder, {
      ...{ found: this.#found, job: this.#job, keyGroups: this.#keyGroups },
      kept: this.#held
        .filter(({ operator }) => !this.#gone.has(operator))
        .map(({ operator: was }) => ({ was, is: this.#nameOf(was), removed: this.#removed.get(was) ?? new Set() })),
      mapped: this.#mapped,
      fills: this.#fills.map((fill) => ({ ...fill, operator: this.#nameOf(fill.operator) })),
    });
  }

  /** What stays of a state beside what fills it has to be of one kind and schema with that. */
  #checkFill({ operator, name, descriptor }: Extract<Fill, { readonly kind: "state" }>): void {
    if (this.#gone.has(operator)) return;
    const held = this.#held.find((each) => each.operator === operator)?.states.find((state) => state.name === name);
    if (held === undefined || this.#removed.get(operator)?.has(held.key) === true) return;
    const mapped = this.#mapped.find((each) => each.operator === operator && each.state === held.key);
    if (mapped === undefined && conversionTo(operator, held, descriptor) !== undefined)
      throw badOption(
        `"${name}" of "${operator}" is filled with another schema than the rest of it has; map it to that first`,
      );
  }

  #nameOf(operator: string): string {
    return this.#names.get(operator) ?? operator;
  }

  #operator(name: string): HeldOperator {
    const found = this.#held.find(({ operator }) => operator === name);
    if (found !== undefined) return found;
    throw notFound(
      `there is no operator "${name}"`,
      this.#held.map(({ operator }) => operator),
    );
  }

  #state(operator: string, name: string): HeldState {
    const { states } = this.#operator(operator);
    const found = states.find((state) => state.name === name);
    if (found !== undefined) return found;
    throw notFound(
      `the operator "${operator}" has no state "${name}"`,
      states.map((state) => state.name),
    );
  }
}

/** Of the savepoint's job, unless another name is given. */
export function changesOf(found: FoundSavepoint, job: string | undefined): SavepointChanges {
  const { lineage, keyGroups } = found.opened.manifest;
  return new SavepointChanges(found, job ?? jobOf(lineage), keyGroups);
}

function ages({ schemaText = "{}" }: HeldState): boolean {
  return (JSON.parse(schemaText) as { readonly ages?: string }).ages !== undefined; // of `schemaText`
}

function badOption(message: string): MillraceError {
  return new MillraceError("BAD_OPTION", message);
}
