/**
 * Accumulators that are values of a program, held together by slot: of small ones the leaves (`value-forms.ts`), numbers side by
 * side and references side by side, in the place of an object and its lists a key, which live until they are old for the garbage
 * collector, and are garbage then. A value of another kind is held as it is, and so is what comes behind it in its slot.
 *
 * What the program changes in place is one object a key, unless records come and go within it: making it anew each time would
 * cost more. Then, and where values have no forms, they are held together no more, in this pane and those behind it.
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

/** So many values in a row that have no form, or of new slots that are changed in place, tell of all others. */
const ALIKE_MIN = 32;

/** The forms of all panes of a table, and whether holding its values together is of use. */
export class ValueForms {
  readonly forms: ValueForm[] = [];
  numbers = 0;
  references = 1;
  areUseless = false;
  #formless = 0;
  #inPlace = 0;
  #isReplaced = false;

  /** The place of the form of a value that has none of these; -1: it is to be held as it is. */
  add(value: unknown): number {
    const form = this.forms.length === FORMS_MAX ? undefined : formOf(value);
    if (form === undefined) {
      if (++this.#formless === ALIKE_MIN) this.areUseless = true;
      return -1;
    }
    this.#formless = 0;
    this.numbers = Math.max(this.numbers, form.numbers);
    this.references = Math.max(this.references, form.references);
    return this.forms.push(form) - 1;
  }

  /** The first record has been added to a value, of which that is the form. */
  begun(form: ValueForm | undefined, isInPlace: boolean): void {
    if (!isInPlace) this.#isReplaced = true;
    else if (form?.hasRecord !== true) this.#noteInPlace();
  }

  /** A value has come to that form. */
  became(form: ValueForm): void {
    if (form.hasSeveral) this.#noteInPlace();
  }

  /** A value is changed in place, if any is, and no record in it comes in the place of another one. */
  #noteInPlace(): void {
    if (!this.#isReplaced && ++this.#inPlace === ALIKE_MIN) this.areUseless = true;
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
    if (kind < FIRST_FORM || !this.#put(slot, kind, value)) this.#setAnother(slot, kind, value);
  }

  /** As `setValue`, of the first value in a slot. @returns whether its pane is to hold values as they are from now on. */
  begin(slot: number, value: unknown, isInPlace: boolean): boolean {
    this.setValue(slot, value);
    this.#forms.begun(this.#forms.forms[(this.#kinds[slot] as number) - FIRST_FORM], isInPlace);
    return this.#forms.areUseless;
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
    const its = this.#forms.forms[form] as ValueForm;
    // What nobody reads any more would be kept.
    const from = slot * this.#referencesOf;
    this.#references.fill(undefined, from + its.references, from + this.#referencesOf);
    this.#forms.became(its);
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
  return { ...table, held: (slots) => (forms.areUseless ? undefined : new HeldValues(forms, slots)) };
}

/** What a pane has in a slot. */
export function valueIn(pane: StatePane, slot: number): unknown {
  return pane.held === undefined ? pane.values[slot] : pane.held.valueOf(slot);
}
