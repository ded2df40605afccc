/**
 * The error codes of the registry (core/errors.ts), of the sources and of docs/errors.md are the same.
 *
 * A code is used where product code can raise it: as the first argument of `new MillraceError`, as an argument of a
 * function whose parameter there is an `ErrorCode`, as the value of a variable, default or function of that type, or
 * as a property named `code`. A mere comparison is no use.
 */
import { isNode, type Node, nameOf, nodesOf, stringOf, type Visit } from "./syntax.ts";
import { isProduct, type Rule, type Tree } from "./tree.ts";

const registryPath = "core/errors.ts";
const docsPath = "docs/errors.md";

export const errorCodeRule = (notYetUsed: readonly string[]): Rule => ({
  name: "error codes: registry, sources and docs are the same",
  check: (tree) => {
    const registered = registeredCodes(tree);
    const used = usedCodes(tree);
    const documented = documentedCodes(tree);
    const waiting = new Set(notYetUsed);
    return [
      ...[...used].filter(([code]) => !registered.has(code)).map(([code, at]) => `${at}: ${code} is not registered`),
      ...[...registered]
        .filter((code) => !used.has(code) && !waiting.has(code))
        .map((code) => `${registryPath}: nothing raises ${code}; use it or remove it`),
      ...notYetUsed
        .filter((code) => used.has(code) || !registered.has(code))
        .map((code) => `test/tidy/tidy.test.ts: ${code} is ${used.has(code) ? "used" : "not registered"}; unlist it`),
      ...[...registered]
        .filter((code) => !documented.includes(code))
        .map((code) => `${docsPath}: has no section "## ${code}"`),
      ...documented
        .filter((code, at) => !registered.has(code) || documented.indexOf(code) !== at)
        .map((code) => `${docsPath}: "## ${code}" is not registered, or stands twice`),
    ];
  },
});

function registeredCodes(tree: Tree): Set<string> {
  const text = tree.get(registryPath) ?? "";
  const declaration = nodesOf(registryPath, text).find(({ node }) => {
    return node.type === "VariableDeclarator" && nameOf(node["id"]) === "errorCodes";
  });
  let value = declaration?.node["init"];
  while (isNode(value) && value.type !== "ObjectExpression") value = value["expression"];
  const properties = isNode(value) ? (value["properties"] as readonly Node[]) : [];
  return new Set(properties.map((property) => nameOf(property["key"]) ?? stringOf(property["key"]) ?? "?"));
}

function documentedCodes(tree: Tree): string[] {
  return [...(tree.get(docsPath) ?? "").matchAll(/^## (.+?)\s*$/gm)].map((match) => match[1] as string);
}

/** Code → where it is raised first. */
function usedCodes(tree: Tree): Map<string, string> {
  const used = new Map<string, string>();
  const sources = [...tree].filter(([path]) => isProduct(path) && path !== registryPath);
  const raisers = new Map(sources.flatMap(([path, text]) => nodesOf(path, text).flatMap(raiserOf)));
  for (const [path, text] of sources) {
    for (const visit of nodesOf(path, text)) {
      for (const code of codesIn(visit, raisers)) if (!used.has(code)) used.set(code, `${path}:${visit.line}`);
    }
  }
  return used;
}

/** A function with a parameter of type ErrorCode: its name and that parameter's position. */
function raiserOf({ node, parent }: Visit): [string, number][] {
  if (!Array.isArray(node["params"])) return [];
  const position = node["params"].findIndex((parameter: Node) => {
    return hasCodeType((parameter.type === "AssignmentPattern" ? parameter["left"] : parameter) as Node);
  });
  const name = nameOf(node["id"]) ?? nameOf(parent?.["key"]) ?? nameOf(parent?.["id"]);
  return position === -1 || name === undefined ? [] : [[name, position]];
}

function hasCodeType(node: Node, field = "typeAnnotation"): boolean {
  const annotation = node[field] as Node | null | undefined;
  const type = annotation?.["typeAnnotation"] as Node | undefined;
  return type?.type === "TSTypeReference" && nameOf(type["typeName"]) === "ErrorCode";
}

function codesIn({ node }: Visit, raisers: ReadonlyMap<string, number>): string[] {
  switch (node.type) {
    case "NewExpression":
      return nameOf(node["callee"]) === "MillraceError" ? codeLiterals((node["arguments"] as unknown[])[0]) : [];
    case "CallExpression": {
      const callee = node["callee"] as Node;
      const position = raisers.get(nameOf(callee) ?? nameOf(callee["property"]) ?? "");
      return position === undefined ? [] : codeLiterals((node["arguments"] as unknown[])[position]);
    }
    case "Property":
      return nameOf(node["key"]) === "code" ? codeLiterals(node["value"]) : [];
    case "VariableDeclarator":
      return hasCodeType(node["id"] as Node) ? codeLiterals(node["init"]) : [];
    case "AssignmentPattern":
      return hasCodeType(node["left"] as Node) ? codeLiterals(node["right"]) : [];
    case "FunctionDeclaration":
    case "FunctionExpression":
    case "ArrowFunctionExpression":
      return hasCodeType(node, "returnType") ? codeLiterals(node["body"]) : [];
    default:
      return [];
  }
}

const codeShape = /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/;

/** The literals of code shape that an expression or body can yield; comparisons and conditions are left out. */
function codeLiterals(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(codeLiterals);
  if (!isNode(value) || value.type === "BinaryExpression") return [];
  const text = stringOf(value);
  if (text !== undefined) return codeShape.test(text) ? [text] : [];
  return Object.entries(value).flatMap(([field, child]) => {
    return field === "test" || field === "discriminant" ? [] : codeLiterals(child);
  });
}
