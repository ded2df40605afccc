/**
 * The operators of one subtask, connected by direct calls.
 *
 * Built from the last operator to the first, so that each finds the functions behind it ready. Runs of map and filter
 * become one generated function (`operators/fused.ts`); every other operator gets an entry of its own that is generated
 * too, so that its call site sees one operator only and is inlined.
 */

import { assert } from "../../core/assert.ts";
import { MillraceError } from "../../core/errors.ts";
import type { OperatorId } from "../../core/ids.ts";
import type { Port, StreamNode, UserFunction } from "../../core/node.ts";
import type { FrameOperator, Operator, Output, Push } from "../../core/operator.ts";
import type { StreamGraph } from "../../core/stream-graph.ts";
import { END_OF_TIME } from "../../core/time.ts";
import { createOperator } from "../../operators/create-operator.ts";
import { type FusedStep, fuse } from "../../operators/fused.ts";
import { assertTransferable } from "../exchange/codec/transferable.ts";
import type { ChainedOperator, JobVertex } from "../graph/job-graph.ts";
import { deepFreeze } from "./deep-freeze.ts";
import type { EdgeOutput } from "./edge-output.ts";
import { withGuardedKeys } from "./guard-keys.ts";
import type { PortionedParts } from "./key-portions.ts";
import { OperatorHost, type OutputTargets, type SubtaskEnvironment } from "./operator-host.ts";
import type { OperatorCut, OperatorSnapshot } from "./operator-snapshot.ts";

export interface ChainOptions {
  readonly vertex: JobVertex;
  readonly graph: StreamGraph;
  readonly environment: SubtaskEnvironment;
  /** The outgoing side of each edge of the vertex, made once its failing operator is known. */
  readonly edgeOutput: (edge: number, host: () => OperatorHost) => EdgeOutput;
  readonly restored?: ReadonlyMap<OperatorId, OperatorSnapshot>;
  /** Of a batch: the operator of a node, where it is another than of a stream. Watermarks come at the end of time alone. */
  readonly batch?: ((parts: PortionedParts) => Operator | undefined) | undefined;
}

/** One operator in the chain: what receives records, and what receives watermarks. */
interface Link {
  readonly host: OperatorHost;
  readonly push: Push<unknown>;
  /** The same of the second input, if the operator has two. */
  readonly push2?: Push<unknown>;
  /** The fused steps that begin here, if the operator is a map or filter. */
  readonly steps: readonly FusedStep[] | undefined;
  /** Where the fused steps lead. */
  readonly behind: Push<unknown>;
}

/** Where an operator takes its input. */
export interface ChainEntry {
  /** What takes the records of one of its inputs. REQUIRES: it has that. */
  pushOf(port: Port | undefined): Push<unknown>;
  watermark(timestamp: number): void;
}

export class Chain {
  /** Takes a record into the first operator. */
  readonly push: Push<unknown>;
  /** Takes whole frames into the first operator, if it wants them. */
  readonly pushFrame: ((frame: Uint8Array) => void) | undefined;
  readonly edges: readonly EdgeOutput[];
  /** In topological order. */
  readonly hosts: readonly OperatorHost[];
  readonly #instances: readonly Operator[];
  readonly #links: ReadonlyMap<OperatorId, Link>;
  readonly #freeze: boolean;
  /** The operators whose `open` was called: the others are never closed. */
  readonly #opened = new Set<OperatorHost>();

  constructor(options: ChainOptions) {
    const { vertex, graph } = options;
    const links = new Map<OperatorId, Link>();
    const edges: EdgeOutput[] = [];
    for (const chained of [...vertex.operators].reverse()) {
      const node = graph.nodes.find((candidate) => candidate.id === chained.id);
      assert(node !== undefined, `operator ${chained.id} is in the job graph but not in the program`);
      links.set(chained.id, createLink(chained, node, links, edges, options));
    }
    this.#links = links;
    this.#freeze = options.environment.freeze;
    this.edges = edges;
    this.hosts = vertex.operators.map((chained) => (links.get(chained.id) as Link).host);
    this.#instances = this.hosts.flatMap((host) => host.instance ?? []);
    this.push = this.entryOf((vertex.operators[0] as ChainedOperator).id).pushOf(undefined);
    this.pushFrame = framePush(this.head.instance);
  }

  /** The place in the chain where an operator takes records and watermarks. */
  entryOf(operator: OperatorId): ChainEntry {
    const { push: push1, push2, host } = this.#links.get(operator) as Link;
    return {
      pushOf: (port) => {
        const push = port === 2 ? push2 : push1;
        assert(push !== undefined, `operator ${operator} is in the program with two inputs but takes records of one`);
        return this.#freeze ? (value, timestamp) => push(deepFreeze(value), timestamp) : push;
      },
      watermark: (timestamp) => host.watermark(timestamp),
    };
  }

  get head(): OperatorHost {
    return this.hosts[0] as OperatorHost;
  }

  /** Opens the last operator first, so that nothing is pushed into one that is not open. */
  async open(nodes: StreamGraph): Promise<void> {
    for (const host of [...this.hosts].reverse()) {
      this.#opened.add(host);
      try {
        await host.instance?.open?.();
        await functionOf(host, nodes)?.open?.(host);
      } catch (error) {
        throw host.failure(error, undefined);
      }
    }
    for (const host of this.hosts) host.opened();
  }

  /** Ends the outputs: nothing will follow. */
  end(): void {
    for (const host of this.hosts) host.ended();
    for (const edge of this.edges) edge.end();
  }

  /** The failure with the place of this subtask, unless it has one already. Failed assertions stay as they are. */
  located(error: unknown): unknown {
    if (!(error instanceof MillraceError)) return error;
    const host = this.hosts.find((each) => each.operator === error.operator) ?? this.head;
    return host.failure(error, undefined);
  }

  watermark(timestamp: number): void {
    this.head.watermark(timestamp);
  }

  batchEnd(): void {
    for (const instance of this.#instances) instance.batchEnd?.();
  }

  pause(): void {
    for (const instance of this.#instances) instance.pause?.();
  }

  /** How many operators have something to do at the end, in order: `finish` each, with room in between. */
  get finishers(): readonly Operator[] {
    return this.#instances.filter((instance) => instance.finish !== undefined);
  }

  snapshot(): ReadonlyMap<OperatorId, OperatorSnapshot> {
    return new Map(this.hosts.map((host) => [host.operator as OperatorId, host.snapshot()]));
  }

  /** The barrier of a checkpoint, behind all that was pushed so far. REQUIRES: nothing is suspended or awaited. */
  cut(checkpoint: number, full: boolean, finished: boolean): readonly OperatorCut[] {
    const cuts = this.hosts.map((host) => host.cut(checkpoint, full));
    if (!finished) for (const edge of this.edges) edge.barrier(checkpoint);
    return cuts;
  }

  /** Closes the operators that were opened, even if some fail. @throws the first failure. */
  async close(nodes: StreamGraph): Promise<void> {
    const failures: unknown[] = [];
    for (const host of this.hosts) host.ended();
    for (const host of this.hosts.filter((each) => this.#opened.has(each))) {
      try {
        await host.close();
        await functionOf(host, nodes)?.close?.();
      } catch (error) {
        failures.push(host.failure(error, undefined));
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}

/** The user's function of a fused step, whose life is the chain's to manage; operators manage their own. */
function functionOf(host: OperatorHost, graph: StreamGraph): UserFunction | undefined {
  const spec = graph.nodes.find((node) => node.id === host.operator)?.spec;
  return spec?.kind === "map" || spec?.kind === "filter" || spec?.kind === "flatMap" ? spec.fn : undefined;
}

function framePush(
  operator: (Operator & { processFrame?: FrameOperator["processFrame"] | undefined }) | undefined,
): Chain["pushFrame"] {
  if (operator?.processFrame === undefined) return undefined;
  return (frame) => operator.processFrame?.(frame);
}

function createLink(
  chained: ChainedOperator,
  node: StreamNode,
  links: ReadonlyMap<OperatorId, Link>,
  edges: EdgeOutput[],
  options: ChainOptions,
): Link {
  const { environment } = options;
  const sides = new Map<string, Push<unknown>>();
  const mains: Output[] = [];
  const behind: Link[] = [];
  // The edge outputs of this operator fail in its name; the host exists only after them.
  let host: OperatorHost | undefined;
  const ownEdges: EdgeOutput[] = [];
  for (const output of chained.outputs) {
    const target =
      output.to.kind === "chained"
        ? chainedTarget(links.get(output.to.operator) as Link)
        : options.edgeOutput(output.to.edge, () => host as OperatorHost);
    if (output.to.kind === "edge") ownEdges.push(target as EdgeOutput);
    if (output.side === undefined) mains.push(target);
    else sides.set(output.side, fanOut(sides.get(output.side), target.push));
    if (output.to.kind === "chained") behind.push(links.get(output.to.operator) as Link);
  }
  edges.push(...ownEdges);
  const every = combine(mains, sideWatermarks(chained, links, ownEdges));
  const combined = options.batch === undefined ? every : onlyEndOfTime(every);
  const main = environment.freeze ? guardedOutput(combined, node.id) : combined;
  if (environment.freeze) for (const [tag, push] of sides) sides.set(tag, guarded(push, node.id));
  const markIdle = (idle: boolean): void => {
    for (const edge of ownEdges) edge.idle(idle);
    for (const link of behind) link.host.markIdle(idle);
  };
  const targets: OutputTargets = { place: options.vertex.operators.indexOf(chained), main, sides, markIdle };
  const restored = options.restored?.get(node.id);
  host = new OperatorHost(node.id, environment, targets, restored);
  const own = host;
  const make = (each: StreamNode): Operator =>
    options.batch?.({ node: each, host: own, environment, targets, create }) ?? create(each, own);
  return {
    host,
    ...entry(withGuardedKeys(node, restored?.keys), host, mains.length === 1 ? behind[0] : undefined, main.push, make),
  };
}

function onlyEndOfTime(output: Output): Output {
  return {
    push: output.push,
    watermark: (timestamp) => {
      if (timestamp === END_OF_TIME) output.watermark(timestamp);
    },
  };
}

/** What takes an operator's records: a fused run, or the operator itself. */
function entry(
  node: StreamNode,
  host: OperatorHost,
  next: Link | undefined,
  push: Push<unknown>,
  make: (node: StreamNode) => Operator,
): Omit<Link, "host"> {
  const { spec } = node;
  if (spec.kind === "map" || spec.kind === "filter") {
    const step: FusedStep = { kind: spec.kind, fn: spec.fn, context: host };
    const fusable = next?.steps !== undefined && next.push === push;
    const steps = fusable ? [step, ...next.steps] : [step];
    const behind = fusable ? next.behind : push;
    return { push: fuse(steps, behind), steps, behind };
  }
  if (spec.kind === "source") return { push, steps: undefined, behind: push };
  const operator = make(node);
  host.instance = operator;
  const ownPush = ownCallSite("process", operator, host);
  const push2 = operator.process2 === undefined ? {} : { push2: ownCallSite("process2", operator, host) };
  return { push: ownPush, ...push2, steps: undefined, behind: push };
}

function create(node: StreamNode, host: OperatorHost): Operator {
  try {
    return createOperator(node, host);
  } catch (error) {
    throw host.failure(error, undefined);
  }
}

/** A function of its own code for each operator, so that its call site stays monomorphic. */
function ownCallSite(method: "process" | "process2", operator: Operator, host: OperatorHost): Push<unknown> {
  const code = `"use strict"; return (value, timestamp) => {
    if (host.busy) host.hold(() => operator.${method}(value, timestamp));
    else operator.${method}(value, timestamp);
  };`;
  return new Function("operator", "host", code)(operator, host) as Push<unknown>;
}

function chainedTarget(link: Link): Output {
  return { push: link.push, watermark: (timestamp) => link.host.watermark(timestamp) };
}

/** Consumers of side outputs get the operator's watermarks too. */
function sideWatermarks(
  chained: ChainedOperator,
  links: ReadonlyMap<OperatorId, Link>,
  edges: readonly EdgeOutput[],
): readonly Output[] {
  let edge = 0;
  return chained.outputs.flatMap((output) => {
    const target =
      output.to.kind === "chained"
        ? chainedTarget(links.get(output.to.operator) as Link)
        : (edges[edge++] as EdgeOutput);
    return output.side === undefined ? [] : [target];
  });
}

function combine(mains: readonly Output[], alsoWatermarks: readonly Output[]): Output {
  const [only, second] = mains;
  if (only !== undefined && second === undefined && alsoWatermarks.length === 0) return only;
  const watermark = (timestamp: number): void => {
    for (const output of mains) output.watermark(timestamp);
    for (const output of alsoWatermarks) output.watermark(timestamp);
  };
  const push = mains.map((output) => output.push).reduce<Push<unknown> | undefined>(fanOut, undefined);
  return { push: push ?? (() => {}), watermark };
}

function fanOut(first: Push<unknown> | undefined, second: Push<unknown>): Push<unknown> {
  if (first === undefined) return second;
  return (value, timestamp) => {
    first(value, timestamp);
    second(value, timestamp);
  };
}

function guardedOutput(output: Output, operator: string): Output {
  return { push: guarded(output.push, operator), watermark: (timestamp) => output.watermark(timestamp) };
}

/** For tests: refuses what could not travel to another subtask, and freezes the rest. */
function guarded(push: Push<unknown>, operator: string): Push<unknown> {
  return (value, timestamp) => {
    assertTransferable(value, "record", operator);
    push(deepFreeze(value), timestamp);
  };
}
