/** How often each word stands in the texts of a folder: a map and a reduce, and nothing else. */

import { mapReduce, print, run, textLines } from "millrace";

const job = mapReduce(
  import.meta,
  "words-of-a-folder",
  {
    input: textLines("docs", { endings: [".md"] }),
    map: (line) => (line.toLowerCase().match(/\p{L}+/gu) ?? []).map((word) => [word, 1] as const),
    combine: (a, b) => a + b,
    reduce: (word, counts) => ({ word, count: counts.reduce((sum, count) => sum + count, 0) }),
    output: print(),
  },
  { parallelism: 2 },
);

export default job;
if (import.meta.main) await (await run(job)).result;
