/**
 * Code made at run time, kept by the shape it was made for.
 *
 * The law: nothing of a record enters the source but names through JSON.stringify. The cache is bounded and simply
 * starts again when it is full; whoever holds a function keeps it.
 */

import { compiledShapesMax } from "./limits.ts";

/** Compiles a strict function of `parameters`, or finds the one that was compiled under `key`. */
export class CompiledCache<Compiled extends (...args: never[]) => unknown> {
  readonly #byKey = new Map<string, Compiled>();

  get(key: string, parameters: readonly string[], source: () => string): Compiled {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    if (this.#byKey.size >= compiledShapesMax) this.#byKey.clear();
    const compiled = new Function(...parameters, `"use strict";\n${source()}`) as unknown as Compiled;
    this.#byKey.set(key, compiled);
    return compiled;
  }
}

/** A key as it stands in an object literal: computed for `__proto__`, which would set the prototype. */
export function literalKey(name: string): string {
  return name === "__proto__" ? '["__proto__"]' : JSON.stringify(name);
}
