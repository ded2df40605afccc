/** Names and sizes. */
import { posix } from "node:path";
import { nodesOf } from "./syntax.ts";
import { isProduct, lineAt, type Rule, type Tree } from "./tree.ts";

/**
 * The ratchet. `larger` holds what may still exceed a limit, at its exact present size: it must be lowered when the
 * file or function shrinks and goes when it fits, so that nothing grows back.
 */
export interface Sizes {
  readonly fileLines: number;
  readonly functionLines: number;
  /** `path` of a file, or `path#name` of a function → lines. */
  readonly larger: Readonly<Record<string, number>>;
}

export const sizes: Sizes = { fileLines: 450, functionLines: 90, larger: {} };

export const sizeRule = (limits: Sizes): Rule => ({
  name: `no product file exceeds ${limits.fileLines} lines and no function ${limits.functionLines}`,
  check: (tree) => {
    const measured = [...tree].filter(([path]) => isProduct(path)).flatMap(([path, text]) => measure(path, text));
    const over = measured.flatMap(({ name, where, lines, kind }) => {
      const allowed = limits.larger[name] ?? limits[kind];
      return lines > allowed ? [`${where}: ${name} has ${lines} lines, more than ${allowed}; divide it`] : [];
    });
    return [...over, ...slack(limits, measured)];
  },
});

interface Measure {
  readonly name: string;
  readonly where: string;
  readonly lines: number;
  readonly kind: "fileLines" | "functionLines";
}

function slack(limits: Sizes, measured: readonly Measure[]): string[] {
  return Object.entries(limits.larger).flatMap(([name, allowed]) => {
    const found = measured.filter((each) => each.name === name);
    const lines = Math.max(0, ...found.map((each) => each.lines));
    return lines < allowed ? [`test/tidy/shape.ts: ${name} has ${lines} lines now; lower its ${allowed}`] : [];
  });
}

const functions = new Set(["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"]);

function measure(path: string, text: string): Measure[] {
  const file: Measure = { name: path, where: `${path}:1`, lines: countLines(text), kind: "fileLines" };
  const inside = nodesOf(path, text).flatMap(({ node, parent, line }): Measure[] => {
    if (!functions.has(node.type)) return [];
    const named = (node["id"] ?? parent?.["key"] ?? parent?.["id"]) as { readonly name?: string } | null | undefined;
    const lines = lineAt(text, node.end - 1) - line + 1;
    return [{ name: `${path}#${named?.name ?? "anonymous"}`, where: `${path}:${line}`, lines, kind: "functionLines" }];
  });
  return [file, ...inside];
}

function countLines(text: string): number {
  return text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
}

const kebab = /^\.?[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/;
const paper = /^[A-Z]+(\.md)?$/;

export const fileNames: Rule = {
  name: "sources and documents have kebab-case names",
  check: (tree) =>
    [...tree.keys()]
      .filter((path) => /\.(ts|js|md)$/.test(path))
      .filter((path) => {
        const folders = posix
          .dirname(path)
          .split("/")
          .filter((folder) => folder !== ".");
        const name = posix.basename(path);
        return !(kebab.test(name) || paper.test(name)) || folders.some((folder) => !kebab.test(folder));
      })
      .map((path) => `${path}:1: is not named in kebab-case`),
};

export const roomReadmes: Rule = {
  name: "each top folder has a README.md",
  check: (tree) =>
    topFolders(tree)
      .filter((folder) => !tree.has(`${folder}/README.md`))
      .map((folder) => `${folder}/README.md:1: is missing; say what the room is for and where to start`),
};

function topFolders(tree: Tree): string[] {
  const folders = [...tree.keys()].filter((path) => path.includes("/")).map((path) => path.split("/", 1)[0] as string);
  return [...new Set(folders)].filter((folder) => !folder.startsWith("."));
}
