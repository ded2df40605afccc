/**
 * Aligns the barriers of a checkpoint over a subtask's inputs, so that its cut holds all that came before the barrier on
 * every input and nothing that came behind it on any.
 *
 *  1. An input that has delivered the barrier is held until all others have delivered it too, or have ended.
 *  2. The barrier of a newer checkpoint abandons the older one: what was held for that is let through.
 *  3. Barriers of a checkpoint that is complete, abandoned or older than one of these are passed over.
 *
 *            first barrier              last barrier, or end of the last input that lacks it
 *   no cut ────────────────► aligning ─────────────────────────────────────────────────────► no cut, the cut is due
 *                               └─ newer barrier: aligning that │ abandoned: no cut
 */

export class BarrierAligner {
  readonly #arrived: Uint8Array;
  readonly #ended: Uint8Array;
  /** Inputs that have neither delivered the barrier nor ended. */
  #missing = 0;
  #aligning = 0;
  /** Barriers up to this one are passed over. */
  #over = 0;

  constructor(inputs: number) {
    this.#arrived = new Uint8Array(inputs);
    this.#ended = new Uint8Array(inputs);
  }

  /** The checkpoint that is being aligned, 0 for none. */
  get aligning(): number {
    return this.#aligning;
  }

  /** Whether nothing may be taken from the input at the moment. */
  isHeld(input: number): boolean {
    return this.#aligning !== 0 && this.#arrived[input] === 1;
  }

  /** Whether the barrier of the checkpoint has come on the input, and others are waited for. */
  hasArrived(input: number, checkpoint: number): boolean {
    return this.#aligning === checkpoint && this.#arrived[input] === 1;
  }

  /** The barrier came on an input that is not held. @returns the checkpoint whose cut is due, 0 for none. */
  barrier(input: number, checkpoint: number): number {
    if (checkpoint <= this.#over || checkpoint < this.#aligning) return 0;
    if (checkpoint > this.#aligning) this.#begin(checkpoint);
    this.#arrived[input] = 1;
    this.#missing--;
    return this.#cutIfAligned();
  }

  /** The input has ended. @returns the checkpoint whose cut is due, 0 for none. */
  end(input: number): number {
    this.#ended[input] = 1;
    if (this.#aligning === 0 || this.#arrived[input] === 1) return 0;
    this.#missing--;
    return this.#cutIfAligned();
  }

  /** The checkpoint and all before it are over: nothing is held for them any more. */
  abandon(checkpoint: number): void {
    if (checkpoint > this.#over) this.#over = checkpoint;
    if (this.#aligning <= checkpoint) this.#aligning = 0;
  }

  #begin(checkpoint: number): void {
    this.#aligning = checkpoint;
    this.#arrived.fill(0);
    this.#missing = this.#ended.reduce((sum, ended) => sum + 1 - ended, 0);
  }

  #cutIfAligned(): number {
    if (this.#missing > 0) return 0;
    const due = this.#aligning;
    this.abandon(due);
    return due;
  }
}
