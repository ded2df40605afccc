/**
 * How the records of a stream are usually laid out: the texts between the values, and of which kind these are. Learned from
 * one record, whose object and inner objects are taken apart, and from which a parser is generated (`generated.ts`).
 *
 *   {"id":7,"user":{"name":"a"},"tags":[1]}
 *   literals  {"id":   ,"user":{"name":   ,"tags":   }
 *   slots            number            string       other
 *
 * There are objects that cannot be learned: what an object literal of JavaScript would not make the same way (names twice,
 * `__proto__`, names that are numbers and come first), names that are not plain ASCII, and what is too large.
 */

import { JSON_LITERAL_CHARACTERS_MAX, JSON_SLOTS_MAX } from "../limits.ts";

export type Slot = "string" | "number" | "other";

/** Field by field: the number of its slot, or the shape of the object that it holds. */
export type Shape = readonly (readonly [name: string, part: number | Shape])[];

export interface Layout {
  /** What stands before each slot, and behind the last one. */
  readonly literals: readonly string[];
  readonly slots: readonly Slot[];
  readonly shape: Shape;
}

/** The layout of a record, undefined when it has none. REQUIRES: `text` is JSON, as a parser has found. */
export function layoutOf(text: string): Layout | undefined {
  const learning = new Learning(text);
  return learning.layout();
}

const BLANK = /[ \t\n\r]/;
/** Characters that a name consists of when it needs no escaping, here or in JavaScript. */
const PLAIN_NAME = /^[ !#-[\]-~]*$/;
const SCALAR_END = /[,\]} \t\n\r]|$/g;

/** Goes through a text once. */
class Learning {
  readonly #text: string;
  readonly #literals: string[] = [];
  readonly #slots: Slot[] = [];
  #at = 0;
  /** Where the literal at hand begins. */
  #literalFrom = 0;

  constructor(text: string) {
    this.#text = text;
  }

  layout(): Layout | undefined {
    this.#skipBlanks();
    if (this.#text[this.#at] !== "{") return undefined;
    const shape = this.#object();
    if (shape === undefined || this.#slots.length === 0 || this.#slots.length > JSON_SLOTS_MAX) return undefined;
    this.#literals.push(this.#text.slice(this.#literalFrom));
    const characters = this.#literals.reduce((sum, { length }) => sum + length, 0);
    if (characters > JSON_LITERAL_CHARACTERS_MAX) return undefined;
    return { literals: this.#literals, slots: this.#slots, shape };
  }

  /** From its brace on; undefined for one that cannot be learned. */
  #object(): Shape | undefined {
    const fields = new Map<string, number | Shape>();
    this.#at++;
    this.#skipBlanks();
    while (this.#text[this.#at] !== "}") {
      const name = this.#name();
      const part = this.#text[this.#at] === "{" ? this.#object() : this.#slot();
      if (part === undefined || !isLearnable(name) || fields.has(name)) return undefined;
      fields.set(name, part);
      this.#skipBlanks();
      if (this.#text[this.#at] === ",") this.#at++;
      this.#skipBlanks();
    }
    this.#at++;
    return [...fields];
  }

  /** The name as it is written, and on to the value behind it. */
  #name(): string {
    const from = this.#at + 1;
    this.#skipString();
    const name = this.#text.slice(from, this.#at - 1);
    this.#skipBlanks();
    this.#at++; // the colon
    this.#skipBlanks();
    return name;
  }

  /** The number of a new slot, whose value is passed over. */
  #slot(): number {
    this.#literals.push(this.#text.slice(this.#literalFrom, this.#at));
    const first = this.#text[this.#at] as string; // a value begins here
    if (first === '"') this.#skipString();
    else if (first === "[") this.#skipArray();
    else this.#skipScalar();
    this.#literalFrom = this.#at;
    return this.#slots.push(first === '"' ? "string" : first === "-" || isDigit(first) ? "number" : "other") - 1;
  }

  #skipBlanks(): void {
    while (BLANK.test(this.#text[this.#at] ?? "")) this.#at++;
  }

  #skipString(): void {
    for (this.#at++; this.#text[this.#at] !== '"'; this.#at++) if (this.#text[this.#at] === "\\") this.#at++;
    this.#at++;
  }

  #skipArray(): void {
    for (let depth = 0; ; ) {
      const character = this.#text[this.#at];
      if (character === '"') this.#skipString();
      else this.#at++;
      if (character === "[") depth++;
      if (character === "]" && --depth === 0) return;
    }
  }

  #skipScalar(): void {
    SCALAR_END.lastIndex = this.#at;
    this.#at = SCALAR_END.exec(this.#text)?.index ?? this.#text.length;
  }
}

function isLearnable(name: string): boolean {
  return PLAIN_NAME.test(name) && name !== "__proto__" && !isDigit(name[0] ?? "");
}

function isDigit(character: string): boolean {
  return character >= "0" && character <= "9";
}
