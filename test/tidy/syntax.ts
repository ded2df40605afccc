/**
 * What the rules ask of a source file, read from its syntax tree (oxc-parser: TypeScript 7 has no API to parse with).
 * Parsed once per text.
 */
import { parseSync } from "oxc-parser";
import { lineAt } from "./tree.ts";

/** A node of the syntax tree, as far as the rules look into it. */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

export interface Visit {
  readonly node: Node;
  readonly parent: Node | undefined;
  /** The parent's field that holds the node. */
  readonly field: string;
  readonly line: number;
}

const parsed = new Map<string, readonly Visit[]>();

/** Every node of a file in source order. Throws when the file does not parse. */
export function nodesOf(path: string, text: string): readonly Visit[] {
  const key = `${path}\0${text}`;
  const known = parsed.get(key);
  if (known !== undefined) return known;
  const { program, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path} does not parse: ${errors[0]?.message}`);
  const visits: Visit[] = [];
  const walk = (value: unknown, parent: Node | undefined, field: string): void => {
    if (Array.isArray(value)) for (const item of value) walk(item, parent, field);
    else if (isNode(value)) {
      visits.push({ node: value, parent, field, line: lineAt(text, value.start) });
      for (const [name, child] of Object.entries(value)) walk(child, value, name);
    }
  };
  walk(program, undefined, "");
  parsed.set(key, visits);
  return visits;
}

export function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && "start" in value;
}

/** The text of a string literal, or of a template without parts. */
export function stringOf(value: unknown): string | undefined {
  if (!isNode(value)) return undefined;
  if (value.type === "Literal" && typeof value["value"] === "string") return value["value"];
  if (value.type !== "TemplateLiteral") return undefined;
  const quasis = value["quasis"] as readonly { readonly value: { readonly cooked: string } }[];
  return quasis.length === 1 ? quasis[0]?.value.cooked : undefined;
}

/** `foo` for the identifier foo. */
export function nameOf(value: unknown): string | undefined {
  return isNode(value) && value.type === "Identifier" ? (value["name"] as string) : undefined;
}

export interface Import {
  readonly specifier: string;
  readonly line: number;
}

/** Static, type-only and dynamic imports, re-exports, `import("x").T` types, require and import.meta.resolve. */
export function importsOf(path: string, text: string): Import[] {
  const found: Import[] = [];
  for (const { node, line } of nodesOf(path, text)) {
    const specifier = stringOf(isLoadingCall(node) ? (node["arguments"] as unknown[])[0] : sourceOf(node));
    if (specifier !== undefined) found.push({ specifier, line });
  }
  return found;
}

const withSource = new Set([
  "ImportDeclaration",
  "ExportAllDeclaration",
  "ExportNamedDeclaration",
  "ImportExpression",
  "TSImportType",
]);

function sourceOf(node: Node): unknown {
  return withSource.has(node.type) ? node["source"] : undefined;
}

function isLoadingCall(node: Node): boolean {
  if (node.type !== "CallExpression") return false;
  const callee = node["callee"] as Node;
  if (nameOf(callee) === "require") return true;
  if (callee.type !== "MemberExpression" || nameOf(callee["property"]) !== "resolve") return false;
  const owner = callee["object"] as Node;
  return owner.type === "MetaProperty" || nameOf(owner) === "require";
}
