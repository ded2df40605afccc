/**
 * A subtask's side of alignment: says to the coordinator how far the slowest of its parts is, at most every ALIGN_EVERY_MS,
 * and knows how far a part may be. The coordinator says how far the others of the group are (`coordinator/alignment.ts`).
 *
 *   limit = the lower one of the slowest part here and the slowest one elsewhere, plus maxDriftMs
 */

import { ALIGN_EVERY_MS } from "../../core/limits.ts";
import type { OperatorHost } from "./operator-host.ts";

export class SourceAlignment {
  readonly #maxDriftMs: number;
  readonly #host: Pick<OperatorHost, "clock" | "callAt">;
  readonly #report: (watermark: number | undefined) => void;
  #others: number | undefined;
  #own: number | undefined;
  #reported: number | undefined;
  #reportedAt = Number.NEGATIVE_INFINITY;
  #scheduled = false;

  constructor(
    maxDriftMs: number,
    host: Pick<OperatorHost, "clock" | "callAt">,
    report: (watermark: number | undefined) => void,
  ) {
    this.#maxDriftMs = maxDriftMs;
    this.#host = host;
    this.#report = report;
  }

  /** The slowest part elsewhere; undefined: there is none. */
  others(watermark: number | undefined): void {
    this.#others = watermark;
  }

  /** The slowest part here, undefined: none. Returns how far parts may be. */
  rise(own: number | undefined): number {
    this.#own = own;
    if (own !== this.#reported) this.#reportSoon();
    return Math.min(own ?? Number.POSITIVE_INFINITY, this.#others ?? Number.POSITIVE_INFINITY) + this.#maxDriftMs;
  }

  #reportSoon(): void {
    const now = this.#host.clock.now();
    const due = this.#reportedAt + ALIGN_EVERY_MS;
    if (now >= due || this.#own === undefined) {
      this.#reported = this.#own;
      this.#reportedAt = now;
      this.#report(this.#own);
    } else if (!this.#scheduled) {
      this.#scheduled = true;
      this.#host.callAt(due, () => {
        this.#scheduled = false;
        if (this.#own !== this.#reported) this.#reportSoon();
      });
    }
  }
}
