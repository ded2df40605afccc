/** A folder of text for the word count of the batch benchmark. */

import { appendFileSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const FILES = 8;
const WORDS_A_LINE = 10;
const LINES_AT_ONCE = 10_000;

/** So many words, of as many different ones. */
export function writeTexts(words: number, different: number): string {
  const folder = mkdtempSync(join(tmpdir(), "millrace-texts-"));
  let lines: string[] = [];
  let written = 0;
  const flush = (): void => {
    appendFileSync(join(folder, `part-${written++ % FILES}.txt`), `${lines.join("\n")}\n`);
    lines = [];
  };
  for (let word = 0; word < words; ) {
    const line: string[] = [];
    for (; line.length < WORDS_A_LINE && word < words; word++)
      line.push(`word${((Math.imul(word, 0x9e3779b1) >>> 0) % different).toString(36)}`);
    lines.push(line.join(" "));
    if (lines.length === LINES_AT_ONCE) flush();
  }
  if (lines.length > 0) flush();
  return folder;
}
