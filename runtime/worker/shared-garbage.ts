/**
 * Frees the shared memory that ended regions have left in this process.
 *
 * V8 does not count shared memory when it decides whether to collect garbage, as several threads may hold it, and a
 * worker's main thread makes little garbage of other kinds: the memory of hundreds of ended attempts would stay, 10 MB and
 * more each. So the collector is called:
 *
 *   little left ──nothing further for a while──► collect
 *   much left ──at once─────────────────────────► collect
 */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { SHARED_GARBAGE_BYTES_MAX, SHARED_GARBAGE_MS } from "../../core/limits.ts";

export interface SharedGarbageOptions {
  readonly callAfter: (ms: number, callback: () => void) => () => void;
  /** Default: V8's collector of this thread, some 20 ms. */
  readonly collect?: () => void;
}

export class SharedGarbage {
  readonly #options: SharedGarbageOptions;
  #bytes = 0;
  #cancel: () => void = () => {};

  constructor(options: SharedGarbageOptions) {
    this.#options = options;
  }

  /** So many bytes of shared memory are no longer used; their owner may let go of them in the same turn. */
  add(bytes: number): void {
    this.#bytes += bytes;
    this.#cancel();
    const afterMs = this.#bytes < SHARED_GARBAGE_BYTES_MAX ? SHARED_GARBAGE_MS : 0;
    this.#cancel = this.#options.callAfter(afterMs, () => {
      this.#bytes = 0;
      (this.#options.collect ?? collectGarbage)();
    });
  }

  /** Nothing is collected any more: the process ends. */
  close(): void {
    this.#cancel();
  }
}

let collector: (() => void) | undefined;

/** All garbage of this thread. */
export function collectGarbage(): void {
  collector ??= exposedCollector();
  collector();
}

/** V8 gives it to contexts that are made while its flag is set; programs in slots do not see it. */
function exposedCollector(): () => void {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  setFlagsFromString("--no-expose-gc");
  return collect;
}
