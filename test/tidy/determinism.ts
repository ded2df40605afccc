/** What must replay from a seed takes clock, timers and random numbers from outside. */
import { type Node, nameOf, nodesOf, stringOf, type Visit } from "./syntax.ts";
import { isInside, isProduct, type Rule } from "./tree.ts";

const rooms = ["core", "operators", "runtime/task", "runtime/state", "runtime/graph", "runtime/coordinator"];

const members = new Set(["Date.now", "performance.now", "Math.random", "process.hrtime", "crypto.randomUUID"]);
const globals = new Set(["setTimeout", "setInterval"]);
const modules = /^node:(timers|perf_hooks)(\/|$)/;

export interface Exception {
  readonly path: string;
  readonly name: string;
  readonly reason: string;
}

export const determinismRule = (allowed: readonly Exception[]): Rule => ({
  name: "clock, timers and random numbers come in from outside",
  check: (tree) => {
    const needed = new Set<Exception>();
    const violations = [...tree].flatMap(([path, text]) => {
      if (!isProduct(path) || !rooms.some((room) => isInside(path, room))) return [];
      return nodesOf(path, text).flatMap((visit) => {
        const name = ambient(visit);
        const exception = allowed.find((each) => each.path === path && each.name === name);
        if (exception !== undefined) needed.add(exception);
        if (name === undefined || exception !== undefined) return [];
        return [`${path}:${visit.line}: uses ${name}; take it from the context instead`];
      });
    });
    const idle = allowed.filter((exception) => !needed.has(exception));
    return [
      ...violations,
      ...idle.map(({ path, name }) => `test/tidy/tidy.test.ts: ${path} needs no ${name} any more`),
    ];
  },
});

/** The name of the clock, timer or random source that a node reaches for. */
function ambient({ node, parent, field }: Visit): string | undefined {
  if (node.type === "MemberExpression") return ambientMember(node);
  if (node.type === "ImportDeclaration") return modules.exec(stringOf(node["source"]) ?? "")?.input;
  if (node.type === "NewExpression" && nameOf(node["callee"]) === "Date") {
    return (node["arguments"] as unknown[]).length === 0 ? "new Date()" : undefined;
  }
  const name = nameOf(node);
  return name !== undefined && globals.has(name) && isReference(parent, field) ? name : undefined;
}

function ambientMember(node: Node): string | undefined {
  const owner = node["object"] as Node;
  const property = nameOf(node["property"]) ?? stringOf(node["property"]) ?? "";
  const ownerName = nameOf(owner) ?? (isGlobalThis(owner["object"]) ? nameOf(owner["property"]) : undefined);
  if (ownerName === "globalThis") return globals.has(property) ? property : undefined;
  const name = `${ownerName}.${property}`;
  return members.has(name) ? name : undefined;
}

function isGlobalThis(value: unknown): boolean {
  return nameOf(value) === "globalThis";
}

/** Whether an identifier stands for the value, not for a key, a member's name, a parameter or a type. */
function isReference(parent: Node | undefined, field: string): boolean {
  if (parent === undefined || /^(TS|Import|Export)/.test(parent.type)) return false;
  if (field === "params" || field === "key") return false;
  return !(field === "property" && parent["computed"] === false);
}
