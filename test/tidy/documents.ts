/** What documents and manifests say about the tree is true, and says nothing of the machine they were written on. */
import { posix } from "node:path";
import { manifestOf } from "./layers.ts";
import { lineAt, type Rule, type Tree } from "./tree.ts";

// Written in parts, so that these lines are not what they look for.
const homeFolders = ["home", "Users", "root", "work", "workspace", "builds"].join("|");
const leaks: readonly (readonly [RegExp, string])[] = [
  [new RegExp(String.raw`(?<![\w.~})\]/-])/(?:${homeFolders})/[\w.-]+`, "g"), "a path of one machine"],
  [/\b[A-Z]:\\Users\\\w+/g, "a path of one machine"],
  [/\bregistry\.[a-z0-9-]+\.[a-z]{2,}/gi, "the host of a package registry"],
  [/"resolved":\s*"https?:/g, "a download address in a lock file"],
  [/https?:\/\/[^\s"'`)]*\b(?:artifactory|nexus|verdaccio|npm-proxy)\b/gi, "the address of a package registry"],
];

export const noLeaks: Rule = {
  name: "no file names a registry's host or a path of one machine",
  check: (tree) =>
    [...tree].flatMap(([path, text]) =>
      leaks.flatMap(([pattern, what]) =>
        [...text.matchAll(pattern)].map((match) => `${path}:${lineAt(text, match.index)}: ${match[0]} is ${what}`),
      ),
    ),
};

const link = /!?\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)|^\[[^\]]+\]:\s*(\S+)/gm;

export const links: Rule = {
  name: "every relative link in a document leads somewhere",
  check: (tree) =>
    [...tree].filter(isDocument).flatMap(([path, text]) =>
      [...withoutCode(text).matchAll(link)].flatMap((match) => {
        const target = decodeURI(match[1] ?? match[2] ?? "");
        if (/^[a-z][a-z0-9+.-]*:/i.test(target) || leads(tree, path, target)) return [];
        return [`${path}:${lineAt(text, match.index)}: links to ${target}, which does not exist`];
      }),
    ),
};

function isDocument([path]: readonly [string, string]): boolean {
  return path.endsWith(".md");
}

/** Code is blanked out, not cut, so that line numbers stay. */
function withoutCode(text: string): string {
  return text.replace(/^(```|~~~)[\s\S]*?^\1|`[^`\n]*`/gm, (code) => code.replace(/[^\n]/g, " "));
}

function leads(tree: Tree, from: string, target: string): boolean {
  const [file = "", anchor] = target.split("#", 2);
  const path = file === "" ? from : posix.normalize(posix.join(posix.dirname(from), file)).replace(/\/$/, "");
  const text = tree.get(path);
  if (text === undefined) return path === "." || [...tree.keys()].some((each) => each.startsWith(`${path}/`));
  return anchor === undefined || !path.endsWith(".md") || anchors(text).has(anchor);
}

function anchors(text: string): Set<string> {
  const slugs = new Set<string>();
  for (const [, heading = ""] of text.matchAll(/^#+ (.+)$/gm)) {
    const slug = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replace(/\s/g, "-");
    let unique = slug;
    for (let count = 1; slugs.has(unique); count++) unique = `${slug}-${count}`;
    slugs.add(unique);
  }
  return slugs;
}

export const shownExamples: Rule = {
  name: "a program shown in a document is the file that it names",
  check: (tree) =>
    [...tree].filter(isDocument).flatMap(([path, text]) =>
      [...text.matchAll(/^```ts\n(\/\/ (examples\/\S+\.ts)\n)([\s\S]*?)^```$/gm)].flatMap((match) => {
        const [, head = "", name = "", body = ""] = match;
        const file = tree.get(name)?.trim();
        if (file !== undefined && [body.trim(), (head + body).trim()].includes(file)) return [];
        return [`${path}:${lineAt(text, match.index)}: the program is not the content of ${name}`];
      }),
    ),
};

export const manifestTargets: Rule = {
  name: "what package.json exports exists",
  check: (tree) => {
    const { exports = {}, bin = {} } = manifestOf(tree);
    return [...Object.entries(exports), ...Object.entries(bin)]
      .filter(([, target]) => !tree.has(posix.normalize(target)))
      .map(([name, target]) => `package.json: ${name} is ${target}, which does not exist`);
  },
};

export const dependencyReasons: Rule = {
  name: "docs/dependencies.md gives the reason of each dependency",
  check: (tree) => {
    const { dependencies = {}, devDependencies = {} } = manifestOf(tree);
    const declared = Object.keys({ ...dependencies, ...devDependencies });
    const text = tree.get("docs/dependencies.md") ?? "";
    const explained = [...text.matchAll(/^\| `([^`]+)`/gm)].map((match) => match[1] as string);
    return [
      ...declared
        .filter((name) => !explained.includes(name))
        .map((name) => `docs/dependencies.md: has no row for ${name}`),
      ...explained
        .filter((name) => !declared.includes(name))
        .map((name) => `docs/dependencies.md: ${name} is no dependency`),
    ];
  },
};

const projects: readonly (readonly [string, RegExp])[] = [
  ["unit", /^test\/(?!tidy|package|types|integration|browser).*\.test\.ts$/],
  ["s3", /^test\/integration\/s3\/.*\.test\.ts$/],
  ["kafka", /^test\/integration\/kafka\/.*\.test\.ts$/],
  ["types", /^test\/types\/.*\.test-d\.ts$/],
  ["package", /^test\/package\/.*\.test\.ts$/],
];

export const noEmptyProject: Rule = {
  name: "no test project is empty",
  check: (tree) =>
    projects
      .filter(([, pattern]) => ![...tree.keys()].some((path) => pattern.test(path)))
      .map(([name]) => `test/vitest.config.ts: the project ${name} has no test`),
};
