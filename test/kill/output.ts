/** What a job has published: the rows of each of its folders, sorted, as between subtasks there is no order. */

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** Folder → rows, each as often as it is there. */
export type Output = ReadonlyMap<string, readonly string[]>;

/** Files that begin with a dot are nobody's business: they are not published. */
export async function outputOf(folder: string): Promise<Output> {
  const names = await readdir(folder);
  return new Map(await Promise.all(names.map(async (name) => [name, await rowsIn(join(folder, name))] as const)));
}

async function rowsIn(folder: string): Promise<readonly string[]> {
  const files = (await readdir(folder)).filter((name) => !name.startsWith("."));
  const texts = await Promise.all(files.map((name) => readFile(join(folder, name), "utf8")));
  return texts.flatMap((text) => text.split("\n").filter((line) => line !== "")).sort();
}
