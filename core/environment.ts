/** The environment: where streams begin, and the owner of a job's nodes while it is being built. */

import { DataStream } from "./data-stream.ts";
import { MillraceError } from "./errors.ts";
import type { OperatorId } from "./ids.ts";
import { KEY_GROUPS_MAX } from "./limits.ts";
import type { EdgeSpec, OperatorSpec, StreamNode } from "./node.ts";
import { checkedRequirements, joinedRequirements, type Requirements } from "./requirements.ts";
import type { Source } from "./source.ts";
import { type StreamGraph, validateGraph } from "./stream-graph.ts";
import { type SourceWatermarks, sourceWatermarks } from "./watermark.ts";

export interface OperatorOptions {
  readonly name?: string;
  /** How many subtasks the operator has; default: the job's parallelism. */
  readonly parallelism?: number;
  /** The labels that a worker must have to run it, as in `{ gpu: true }`. Without effect where a job runs embedded. */
  readonly requires?: Requirements;
  /** The names that the operator had in earlier versions of the program: state that is saved under one of them is its own. */
  readonly previously?: string | readonly string[];
}

export interface SourceOptions<T> extends OperatorOptions {
  /** Makes watermarks of each partition or split in the source. Absent: `withTimestamps` makes them of each subtask. */
  readonly watermarks?: SourceWatermarks<T>;
}

export interface NodeRequest extends OperatorOptions {
  readonly spec: OperatorSpec;
  readonly inputs: readonly EdgeSpec[];
  readonly reads?: readonly string[] | undefined;
}

export class Environment {
  readonly jobName: string;
  readonly #nodes: StreamNode[] = [];
  readonly #names = new Set<string>();

  constructor(jobName: string) {
    this.jobName = jobName;
  }

  /** The stream that a source makes. Its name identifies its positions over restarts; name it when two are alike. */
  from<T>(source: Source<T>, options: SourceOptions<T> = {}): DataStream<T> {
    const { watermarks, name = source.name, ...others } = options;
    const spec: OperatorSpec = {
      kind: "source",
      source,
      ...(watermarks !== undefined && { watermarks: sourceWatermarks(watermarks, name) }),
    };
    const id = this.addNode({ ...others, name, spec, inputs: [] });
    return new DataStream<T>(this, [{ from: id, side: undefined, partitioning: { kind: "forward" } }]);
  }

  /** The finished program. @throws MillraceError when it is not valid. */
  graph(): StreamGraph {
    const graph = Object.freeze({ jobName: this.jobName, nodes: Object.freeze([...this.#nodes]) });
    validateGraph(graph);
    return graph;
  }

  /** Makes and freezes a node. For the fluent API. */
  addNode(request: NodeRequest): OperatorId {
    const id = this.#claimName(request.name, request.spec.kind);
    checkParallelism(request.parallelism, id);
    const node: StreamNode = {
      id,
      spec: Object.freeze(request.spec),
      inputs: Object.freeze([...request.inputs]),
      parallelism: request.parallelism,
      reads: request.reads,
      requires: request.requires === undefined ? undefined : checkedRequirements(request.requires, id),
      ...(request.previously === undefined ? {} : { previously: formerNames(request.previously, id) }),
    };
    this.#nodes.push(Object.freeze(node));
    return id;
  }

  /** Adds to what an operator requires of its worker. For the fluent API. */
  require(id: OperatorId, requirements: Requirements): void {
    const at = this.#nodes.findIndex((node) => node.id === id);
    const node = this.#nodes[at] as StreamNode;
    const requires = joinedRequirements([node, { id, requires: checkedRequirements(requirements, id) }]);
    this.#nodes[at] = Object.freeze({ ...node, requires });
  }

  #claimName(given: string | undefined, kind: string): OperatorId {
    if (given === "")
      throw new MillraceError(
        "MISSING_NAME",
        `a ${kind} operator of job "${this.jobName}" has an empty name; give it one: state is kept under it`,
      );
    const name = given ?? this.#derivedName(kind);
    if (this.#names.has(name)) {
      throw new MillraceError(
        "DUPLICATE_NAME",
        `job "${this.jobName}" has two operators named "${name}"; give one of them another name, e.g. { name: "${name}-2" }`,
        { operator: name },
      );
    }
    this.#names.add(name);
    return name as OperatorId;
  }

  #derivedName(kind: string): string {
    let name = kind;
    for (let i = 2; this.#names.has(name); i++) name = `${kind}-${i}`;
    return name;
  }
}

function checkParallelism(parallelism: number | undefined, operator: string): void {
  if (parallelism === undefined) return;
  if (!Number.isInteger(parallelism) || parallelism < 1 || parallelism > KEY_GROUPS_MAX) {
    throw new MillraceError(
      "PARALLELISM",
      `the parallelism of "${operator}" is ${parallelism}; it must be a whole number from 1 to ${KEY_GROUPS_MAX}`,
      { operator },
    );
  }
}

function formerNames(given: string | readonly string[], operator: string): readonly string[] {
  const names = Object.freeze([...new Set(typeof given === "string" ? [given] : given)]);
  if (names.every((name) => typeof name === "string" && name !== "" && name !== operator)) return names;
  throw new MillraceError(
    "BAD_OPTION",
    `previously of "${operator}" is ${JSON.stringify(given)}; it must be the names that the operator had before, other than its present one`,
    { operator },
  );
}
