/** Who may import whom: the rooms' layers, and the one home of each npm package. */
import { posix } from "node:path";
import { importsOf } from "./syntax.ts";
import { isInside, isProduct, isTypeScript, type Rule, roomOf, type Tree } from "./tree.ts";

interface Room {
  /** Rooms whose files it may import, besides its own. */
  readonly imports: readonly string[];
  /** Whether Node's own modules are open to it. */
  readonly node: boolean;
}

const rooms: Readonly<Record<string, Room>> = {
  core: { imports: [], node: false },
  operators: { imports: ["core"], node: false },
  runtime: { imports: ["core", "operators"], node: true },
  connectors: { imports: ["core"], node: true },
  examples: { imports: [], node: true },
  bench: { imports: ["", "core", "operators", "runtime", "connectors", "examples"], node: true },
  "": { imports: ["core", "operators", "runtime", "connectors"], node: false },
};

/** npm package → the only folders of the product that import it. */
const homes: Readonly<Record<string, readonly string[]>> = {
  "@fastify/swagger": ["runtime/rest"],
  "apache-arrow": ["runtime/exchange", "operators/ml"],
  avsc: ["connectors/format"],
  aws4fetch: ["runtime/state"],
  commander: ["runtime/cli"],
  esbuild: ["runtime/bundle"],
  fastify: ["runtime/rest"],
  hyparquet: ["connectors/file"],
  "hyparquet-compressors": ["connectors/file"],
  kafkajs: ["connectors/kafka"],
  level: ["runtime/state"],
  pino: ["runtime/telemetry"],
  piscina: ["runtime/worker"],
  protobufjs: ["connectors/format"],
};

/** Folders that never import each other, whatever their room allows. */
const strangers: readonly (readonly [string, string])[] = [
  ["runtime/coordinator", "runtime/task"],
  ["runtime/task", "runtime/coordinator"],
];

/** What a file may import beside its layer, as the command line has to offer what belongs to a connector. */
const bridges: readonly (readonly [string, string])[] = [
  ["runtime/cli/kafka-command.ts", "connectors/kafka/sink/transactions-admin.ts"],
  ["runtime/cli/kafka-command.ts", "connectors/kafka/client/connection-options.ts"],
];

export const layers: Rule = {
  name: "each room imports only what its layer allows",
  check: (tree) =>
    [...tree].flatMap(([path, text]) => {
      const room = rooms[roomOf(path)];
      if (room === undefined || !isTypeScript(path)) return [];
      return importsOf(path, text).flatMap(({ specifier, line }) => {
        const reason = refusal(path, room, specifier);
        return reason === undefined ? [] : [`${path}:${line}: imports "${specifier}": ${reason}`];
      });
    }),
};

function refusal(path: string, room: Room, specifier: string): string | undefined {
  if (specifier.startsWith("node:")) return room.node ? undefined : `${label(path)} uses no module of Node`;
  if (specifier === "millrace" || specifier.startsWith("millrace/")) return publicImport(path, specifier);
  if (!specifier.startsWith(".")) return packageImport(path, specifier);
  return innerImport(path, room, posix.normalize(posix.join(posix.dirname(path), specifier)));
}

function publicImport(path: string, specifier: string): string | undefined {
  if (isProduct(path)) return "the product names its own files, or two copies of it can be loaded";
  const entries = ["millrace", "millrace/kafka", "millrace/state", "millrace/testing"];
  return entries.includes(specifier) ? undefined : "there is no such entry";
}

function packageImport(path: string, specifier: string): string | undefined {
  const name = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
  if (roomOf(path) === "bench") return undefined;
  if (roomOf(path) === "examples") return "examples import the public package only";
  const home = homes[name];
  if (home === undefined) return "it has no home; give it one in test/tidy/layers.ts";
  return home.some((folder) => isInside(path, folder)) ? undefined : `its home is ${home.join(" and ")}`;
}

function innerImport(path: string, room: Room, target: string): string | undefined {
  const own = roomOf(path);
  if (bridges.some(([from, to]) => from === path && to === target)) return undefined;
  if (target.startsWith("..")) return "it lies outside of the checkout";
  if (roomOf(target) !== own && !room.imports.includes(roomOf(target))) {
    const allowed = room.imports.map((name) => name || "index.ts").join(", ") || "nothing else";
    return `${label(path)} imports ${own === "examples" ? '"millrace"' : allowed}`;
  }
  if (isProduct(path) && isInside(target, "runtime/testing") && !isInside(path, "runtime/testing")) {
    return "no product file imports the testing tools";
  }
  const pair = strangers.find(([from, to]) => isInside(path, from) && isInside(target, to));
  return pair && `${pair[0]} and ${pair[1]} meet in runtime/protocol.ts only`;
}

function label(path: string): string {
  return roomOf(path) || path;
}

export const packageHomes: Rule = {
  name: "the packages that have a home are the dependencies of package.json",
  check: (tree) => {
    const dependencies = Object.keys(manifestOf(tree).dependencies ?? {});
    return [
      ...dependencies
        .filter((name) => homes[name] === undefined)
        .map((name) => `package.json: ${name} has no home; give it one in test/tidy/layers.ts`),
      ...Object.keys(homes)
        .filter((name) => !dependencies.includes(name))
        .map((name) => `test/tidy/layers.ts: ${name} has a home and is no dependency`),
    ];
  },
};

interface Manifest {
  readonly exports?: Readonly<Record<string, string>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

export function manifestOf(tree: Tree): Manifest {
  return JSON.parse(tree.get("package.json") ?? "{}");
}
