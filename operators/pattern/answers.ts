/**
 * What the conditions of a pattern say of the record at hand, and what they see of the match that they are asked for.
 *
 * The law: a condition says the same of the same record for all matches, unless it looks at what the match has taken. So
 * what one has said that did not look holds for the record.
 */

import type { TakenSoFar } from "../../core/pattern.ts";
import { ALWAYS, type Automaton, type Condition, type Position } from "./automaton.ts";
import { before, type KeyMatches, placeOf, positionOf } from "./key-matches.ts";

export class Answers implements TakenSoFar<unknown> {
  readonly #positions: readonly Position[];
  readonly #conditions: readonly Condition[];
  /** By condition: the record for which it was last asked and did not look at the match, and what it said. */
  readonly #askedAt: Float64Array;
  readonly #said: Uint8Array;
  #record = 0;
  #value: unknown;
  #matches: KeyMatches | undefined;
  #node = -1;
  #looked = false;

  constructor({ positions, conditions }: Automaton) {
    this.#positions = positions;
    this.#conditions = conditions;
    this.#askedAt = new Float64Array(conditions.length);
    this.#said = new Uint8Array(conditions.length);
  }

  turnTo(matches: KeyMatches, value: unknown): void {
    this.#record++;
    this.#matches = matches;
    this.#value = value;
  }

  /** The match is the one with this last node; -1: none has begun. */
  at(node: number): void {
    this.#node = node;
  }

  fits(condition: number): boolean {
    if (condition === ALWAYS) return true;
    if (this.#askedAt[condition] === this.#record) return this.#said[condition] === 1;
    this.#looked = false;
    const fits = (this.#conditions[condition] as Condition)(this.#value, this) === true;
    if (!this.#looked) {
      this.#askedAt[condition] = this.#record;
      this.#said[condition] = fits ? 1 : 0;
    }
    return fits;
  }

  of(step: string): readonly unknown[] {
    this.#looked = true;
    const matches = this.#matches;
    const values: unknown[] = [];
    if (matches === undefined) return values;
    for (let at = this.#node; at >= 0; at = before(matches, at)) {
      if ((this.#positions[positionOf(matches, at)] as Position).step === step)
        values.push(matches.values[placeOf(matches, at)]);
    }
    return values.reverse();
  }
}
