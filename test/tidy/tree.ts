/**
 * The files that the rules judge: path, relative to the root and with `/`, to text. The checkout's own tree is read
 * without git, so that a downloaded archive can be judged too; a fixture is a Map written in a test.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, posix, resolve } from "node:path";

export type Tree = ReadonlyMap<string, string>;

/** One rule: `check` names each violation as `path:line: what is wrong and what to do`. */
export interface Rule {
  readonly name: string;
  check(tree: Tree): string[];
}

const root = resolve(import.meta.dirname, "../..");

/** REQUIRES: .gitignore holds only plain names and `*.ext`. */
export function readCheckout(): Tree {
  const patterns = readFileSync(join(root, ".gitignore"), "utf8").split("\n").filter(Boolean);
  const tree = new Map<string, string>();
  const visit = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      if (entry.name === ".git" || patterns.some((pattern) => posix.matchesGlob(entry.name, pattern))) continue;
      const path = posix.join(folder, entry.name);
      if (entry.isDirectory()) visit(path);
      else if (entry.isFile()) tree.set(path, textOf(path));
    }
  };
  visit("");
  return tree;
}

/** Binary files keep their place in the tree (links point to them) with an empty text. */
function textOf(path: string): string {
  const bytes = readFileSync(join(root, path));
  return bytes.subarray(0, 8000).includes(0) ? "" : bytes.toString("utf8");
}

export const productRooms: readonly string[] = ["core", "operators", "runtime", "connectors"];

export function roomOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.indexOf("/")) : "";
}

export function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

export function isTypeScript(path: string): boolean {
  return path.endsWith(".ts") && !path.endsWith(".d.ts");
}

export function isProduct(path: string): boolean {
  return isTypeScript(path) && (path === "index.ts" || productRooms.includes(roomOf(path)));
}

export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at !== -1 && at < offset; at = text.indexOf("\n", at + 1)) line++;
  return line;
}
