/**
 * Accumulators that are values of a program, held together by slot: of small ones the leaves (`value-forms.ts`), numbers side by
 * side and references side by side, in the place of an object and its lists a key, which live until they are old for the garbage
 * collector, and are garbage then. A value of another kind is held as it is, and so is what comes behind it in its slot.
 *
 *   kinds       a byte a slot: nothing, as it is, or which form
 *   numbers     as many a slot as the widest form has
 *   references  the same; what is held as it is, is the first
 *
 * Reading makes the value anew, so whoever changes what was read puts it again.
 */

import type { Aggregate } from "../core/aggregate.ts";
import type { HeldAccumulators, StatePane, TableDescriptor } from "../core/state-backend.ts";
import { formOf, type ValueForm } from "./value-forms.ts";

const SLOTS_MIN = 8;

const NOTHING = 0;
const AS_IT_IS = 1;
const FIRST_FORM = 2;

/** Values of more forms are held as they are. */
const FORMS_MAX = 8;

/** Values in a row without a form that are looked at, before no more are. */
const FORMLESS_MAX = 64;

/** The forms of all panes of a table. */
export class ValueForms {
  readonly forms: ValueForm[] = [];
  numbers = 0;
  references = 1;
  #formless = 0;

  /** The place of the form of a value that has none of these; -1: it is to be held as it is. */
  add(value: unknown): number {
    if (this.forms.length === FORMS_MAX || this.#formless === FORMLESS_MAX) return -1;
    const form = formOf(value);
    if (form === undefined) {
      this.#formless++;
      return -1;
    }
    this.#formless = 0;
    this.numbers = Math.max(this.numbers, form.numbers);
    this.references = Math.max(this.references, form.references);
    return this.forms.push(form) - 1;
  }
}

export class HeldValues implements HeldAccumulators {
  readonly givesCopies = false;
  readonly #forms: ValueForms;
  #kinds: Uint8Array<ArrayBuffer>;
  #numbers: Float64Array<ArrayBuffer>;
  #references: unknown[] = [];
  // Places of a slot.
  #numbersOf: number;
  #referencesOf: number;

  /** @param slots how many there will be, if that is known. */
  constructor(forms: ValueForms, slots: number) {
    const room = Math.max(SLOTS_MIN, slots);
    this.#forms = forms;
    this.#numbersOf = forms.numbers;
    this.#referencesOf = forms.references;
    this.#kinds = new Uint8Array(room);
    this.#numbers = new Float64Array(room * forms.numbers);
  }

  /** The value in a slot, which nobody else has unless it is held as it is; undefined: nothing was put. */
  valueOf(slot: number): unknown {
    const kind = slot < this.#kinds.length ? (this.#kinds[slot] as number) : NOTHING;
    const from = slot * this.#referencesOf;
    if (kind < FIRST_FORM) return kind === NOTHING ? undefined : this.#references[from];
    const form = this.#forms.forms[kind - FIRST_FORM] as ValueForm;
    return form.read(this.#numbers, slot * this.#numbersOf, this.#references, from);
  }

  setValue(slot: number, value: unknown): void {
    if (slot >= this.#kinds.length) this.#makeRoom(slot);
    const kind = this.#kinds[slot] as number;
    if (kind >= FIRST_FORM && this.#put(slot, kind, value)) return;
    this.#setAnother(slot, kind, value);
  }

  giveBack(): void {
    this.#kinds.buffer.transfer(0);
    this.#numbers.buffer.transfer(0);
  }

  #put(slot: number, kind: number, value: unknown): boolean {
    const form = this.#forms.forms[kind - FIRST_FORM] as ValueForm;
    return form.put(value, this.#numbers, slot * this.#numbersOf, this.#references, slot * this.#referencesOf);
  }

  /** A value of another kind than the slot's. */
  #setAnother(slot: number, kind: number, value: unknown): void {
    this.#fit(slot);
    if (kind !== AS_IT_IS && value !== undefined && this.#setByForm(slot, value)) return;
    const from = slot * this.#referencesOf;
    this.#references.fill(undefined, from, from + this.#referencesOf);
    this.#references[from] = value;
    this.#kinds[slot] = AS_IT_IS;
  }

  #setByForm(slot: number, value: unknown): boolean {
    const { forms } = this.#forms;
    for (let form = 0; form < forms.length; form++) if (this.#setAs(slot, form, value)) return true;
    const added = this.#forms.add(value);
    if (added < 0) return false;
    this.#fit(slot);
    return this.#setAs(slot, added, value);
  }

  #setAs(slot: number, form: number, value: unknown): boolean {
    if (!this.#put(slot, form + FIRST_FORM, value)) return false;
    // What nobody reads any more would be kept.
    const from = slot * this.#referencesOf;
    const { references } = this.#forms.forms[form] as ValueForm;
    this.#references.fill(undefined, from + references, from + this.#referencesOf);
    this.#kinds[slot] = form + FIRST_FORM;
    return true;
  }

  /** Each slot has places for the widest form, up to this one's. */
  #fit(slot: number): void {
    const { numbers, references } = this.#forms;
    if (numbers > this.#numbersOf) this.#widenNumbers(numbers);
    if (references > this.#referencesOf) this.#widenReferences(references);
    while (this.#references.length < (slot + 1) * references) this.#references.push(undefined);
  }

  #widenNumbers(numbersOf: number): void {
    const wider = new Float64Array(this.#kinds.length * numbersOf);
    for (let slot = 0; slot < this.#kinds.length; slot++)
      for (let at = 0; at < this.#numbersOf; at++)
        wider[slot * numbersOf + at] = this.#numbers[slot * this.#numbersOf + at] as number;
    this.#numbers = wider;
    this.#numbersOf = numbersOf;
  }

  #widenReferences(referencesOf: number): void {
    const wider: unknown[] = [];
    for (const [at, reference] of this.#references.entries()) {
      wider.push(reference);
      if ((at + 1) % this.#referencesOf !== 0) continue;
      for (let more = this.#referencesOf; more < referencesOf; more++) wider.push(undefined);
    }
    this.#references = wider;
    this.#referencesOf = referencesOf;
  }

  #makeRoom(slot: number): void {
    const room = Math.max(slot + 1, 2 * this.#kinds.length);
    this.#kinds = new Uint8Array(this.#kinds.buffer.transfer(room));
    this.#numbers = new Float64Array(this.#numbers.buffer.transfer(8 * room * this.#numbersOf));
  }
}

/** The table with its values held together, unless they are of those that are much larger than a cache line. */
export function holdingValues(
  table: TableDescriptor,
  aggregate: Aggregate<unknown, unknown, unknown>,
): TableDescriptor {
  if (aggregate.columns !== undefined || aggregate.touch !== undefined) return table;
  const forms = new ValueForms();
  return { ...table, held: (slots) => new HeldValues(forms, slots) };
}

/** What a pane has in a slot. */
export function valueIn(pane: StatePane, slot: number): unknown {
  return pane.held === undefined ? pane.values[slot] : pane.held.valueOf(slot);
}

export function putValue(pane: StatePane, slot: number, value: unknown): void {
  if (pane.held === undefined) pane.values[slot] = value;
  else pane.held.setValue(slot, value);
}
