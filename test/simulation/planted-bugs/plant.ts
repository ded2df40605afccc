/**
 * Plants the bug of number MILLRACE_PLANTED_BUG, of the list at the URL in MILLRACE_PLANTED_BUGS, while modules are loaded:
 * `node --import ./plant.ts …`. The text that it replaces has to stand in its file once, or nothing runs: a bug that is not
 * there proves nothing.
 */

import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import type { PlantedBug } from "./bugs.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const list = process.env["MILLRACE_PLANTED_BUGS"] ?? new URL("./bugs.ts", import.meta.url).href;
const { plantedBugs } = (await import(list)) as { readonly plantedBugs: readonly PlantedBug[] };
const number = Number(process.env["MILLRACE_PLANTED_BUG"]);
const planted = plantedBugs[number];
if (planted === undefined) throw new Error(`there is no bug of number ${number}`);

registerHooks({
  load: (url, context, nextLoad) => {
    const loaded = nextLoad(url, context);
    const edits = planted.edits.filter(
      ({ file }) => url.startsWith("file:") && fileURLToPath(url) === `${root}${file}`,
    );
    if (edits.length === 0) return loaded;
    let source = Buffer.from(loaded.source as Uint8Array).toString();
    for (const { file, from, to } of edits) {
      const parts = source.split(from);
      if (parts.length !== 2) throw new Error(`${file} has the text ${parts.length - 1} times: ${from}`);
      source = parts.join(to);
    }
    return { ...loaded, source };
  },
});
