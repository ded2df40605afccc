/**
 * The runs of a comparison. With a file, each is a line of JSON there as soon as it has ended, so that a long comparison can
 * be stopped, and goes on where it was.
 */

import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { loadavg } from "node:os";
import { type Figures, middle } from "./measure.ts";

interface Line extends Figures {
  /** What was run, and how. */
  readonly key: string;
  /** How many processes wanted a processor in the minute before, on the average. */
  readonly load: number;
}

export class RunLog {
  readonly #file: string | undefined;
  readonly #lines: Line[];

  constructor(file: string | undefined) {
    this.#file = file;
    const text = file !== undefined && existsSync(file) ? readFileSync(file, "utf8") : "";
    this.#lines = text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Line);
  }

  add(key: string, figures: Figures): void {
    const line = { key, load: Number(loadavg()[0]?.toFixed(1)), at: new Date().toISOString(), ...figures };
    this.#lines.push(line);
    if (this.#file !== undefined) appendFileSync(this.#file, `${JSON.stringify(line)}\n`);
  }

  runs(key: string): readonly Figures[] {
    return this.#lines.filter((line) => line.key === key);
  }

  /** The run in the middle, undefined when there is none. */
  middle(key: string): Figures | undefined {
    const runs = this.runs(key);
    return runs.length === 0 ? undefined : middle(runs);
  }

  /** The least and the largest load that any run was made under. */
  get loads(): readonly [number, number] {
    const loads = this.#lines.map(({ load }) => load);
    return [Math.min(...loads), Math.max(...loads)];
  }
}
