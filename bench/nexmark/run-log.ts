/**
 * The runs of a comparison. With a file, each is a line of JSON there as soon as it has ended, so that a long comparison can
 * be stopped, and goes on where it was.
 */

import { appendFileSync, readFileSync } from "node:fs";
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

  /** @throws Error when the file cannot be written, or has a line that is no run. */
  constructor(file: string | undefined) {
    this.#file = file;
    if (file !== undefined) appendFileSync(file, "");
    const lines = file === undefined ? [] : readFileSync(file, "utf8").split("\n");
    this.#lines = lines.flatMap((line, i) => (line === "" ? [] : [runOf(line, `${file}:${i + 1}`)]));
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

function runOf(line: string, where: string): Line {
  try {
    return JSON.parse(line) as Line;
  } catch (cause) {
    throw new Error(`${where} is no run: ${(cause as Error).message}`, { cause });
  }
}
