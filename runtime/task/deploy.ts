/**
 * From a deployment to running subtasks: builds a slot's share of the job with its channels.
 *
 * The graph is built anew for each subtask, so that user functions with fields of their own are never shared.
 */

import { assert } from "../../core/assert.ts";
import { MillraceError } from "../../core/errors.ts";
import type { VertexId } from "../../core/ids.ts";
import { buildGraph, type Job } from "../../core/job.ts";
import type { EdgeSpec, StreamNode } from "../../core/node.ts";
import type { ArrowAdapter } from "../../core/operator.ts";
import type { Partitioning } from "../../core/partitioning.ts";
import type { TextOutput } from "../../core/sink.ts";
import type { StreamGraph } from "../../core/stream-graph.ts";
import type { LogLevel } from "../../core/telemetry.ts";
import type { WindowSpec } from "../../operators/window/partials.ts";
import type { InputChannel, OutputChannel } from "../exchange/channel.ts";
import { Doorbell } from "../exchange/doorbell.ts";
import { LocalChannel } from "../exchange/local-channel.ts";
import { SegmentPool } from "../exchange/segment-pool.ts";
import { SharedInputChannel, SharedOutputChannel } from "../exchange/shared-channel.ts";
import type { ChannelPlacement, SubtaskPlacement } from "../graph/execution-graph.ts";
import type { JobEdge, JobGraph, JobVertex } from "../graph/job-graph.ts";
import { structuralHash } from "../graph/structural-hash.ts";
import type { DealtSplit, SlotDeployment } from "../protocol.ts";
import type { SlotState } from "../state/slot-state.ts";
import { Chain } from "./chain.ts";
import { EdgeOutput } from "./edge-output.ts";
import { batchModule } from "./load-batch.ts";
import type { OperatorHost, SubtaskEnvironment } from "./operator-host.ts";
import type { ChannelOrigin } from "./overtaken-inputs.ts";
import { withPartialWindows } from "./partial-windows.ts";
import { behindInFlight, inFlightAbout } from "./restore-in-flight.ts";
import type { RestoredSubtasks } from "./restore-slot.ts";
import type { Slot, SlotHost } from "./slot.ts";
import { SourceInput } from "./source-input.ts";
import { Subtask } from "./subtask.ts";
import type { Checkpoints } from "./subtask-cut.ts";
import { SubtaskGate } from "./subtask-gate.ts";
import { ChannelInput, type SubtaskInput } from "./subtask-input.ts";

/** What the slot's surroundings do for it. */
export interface SlotServices {
  readonly host: SlotHost;
  readonly signal: AbortSignal;
  requestSplit(vertex: VertexId, subtask: number): Promise<DealtSplit | undefined>;
  /** Says how far a source's subtask is to those of its group; undefined: nobody has to wait for it. */
  align(vertex: VertexId, subtask: number, group: string, watermark: number | undefined): void;
  /** Absent: no checkpoints are taken. */
  readonly checkpoints: Checkpoints | undefined;
  readonly state: SlotState;
  /** What the operators go on from; absent: they begin. */
  readonly restored: RestoredSubtasks | undefined;
  collect(operator: string, rows: readonly unknown[]): void | Promise<void>;
  standardStream(name: "stdout" | "stderr"): TextOutput;
  sendOversize(toSlot: number, channel: number, serial: number, frame: SharedArrayBuffer): void;
  log(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>): void;
  arrow(): Promise<ArrowAdapter>;
}

export interface DeployedSlot {
  readonly subtasks: readonly DeployedSubtask[];
  receiveOversize(channel: number, serial: number, frame: SharedArrayBuffer): void;
}

export interface DeployedSubtask {
  readonly placement: SubtaskPlacement;
  readonly subtask: Subtask;
}

export function deploySlot(job: Job, deployment: SlotDeployment, slot: Slot, services: SlotServices): DeployedSlot {
  const channels = new SlotChannels(deployment, services);
  const own = deployment.executionGraph.subtasks.filter((placement) => placement.slot === deployment.slot);
  const subtasks = own.map((placement) => ({
    placement,
    subtask: deploySubtask(job, placement, deployment, slot, channels, services),
  }));
  slot.deploy(subtasks.map((deployed) => deployed.subtask));
  return { subtasks, receiveOversize: (channel, serial, frame) => channels.receiveOversize(channel, serial, frame) };
}

function deploySubtask(
  job: Job,
  placement: SubtaskPlacement,
  deployment: SlotDeployment,
  slot: Slot,
  channels: SlotChannels,
  services: SlotServices,
): Subtask {
  const program = rebuiltGraph(job, deployment);
  const restored = services.restored?.get(placement);
  const graph = withPartialWindows(program, deployment.jobGraph, restored);
  const vertex = deployment.jobGraph.vertices.find((candidate) => candidate.id === placement.vertex) as JobVertex;
  const wake = (): void => services.host.wake();
  const gate = new SubtaskGate(wake);
  const environment: SubtaskEnvironment = {
    job: deployment.jobName,
    subtask: placement.subtask,
    parallelism: vertex.parallelism,
    attempt: deployment.attempt,
    workingDirectory: deployment.workingDirectory,
    keyGroups: deployment.jobGraph.keyGroups,
    signal: services.signal,
    clock: services.host.clock,
    gate,
    showRecordsInErrors: deployment.showRecordsInErrors,
    freeze: deployment.freeze,
    checkpointing: services.checkpoints !== undefined,
    lineage: deployment.lineage,
    wantCheckpoint: () => services.checkpoints?.want(),
    createBackend: (options) => services.state.createBackend(options),
    log: (level, message, fields) => services.log(level, message, { subtask: placement.subtask, ...fields }),
    post: (callback) => slot.callAt(services.host.clock.now(), callback),
    callAt: (timeMs, callback) => slot.callAt(timeMs, callback),
    collect: (operator, rows) => services.collect(operator, rows),
    standardStream: (name) => services.standardStream(name),
    arrow: () => services.arrow(),
  };
  const chain = new Chain({
    vertex,
    graph,
    environment,
    ...(restored === undefined ? {} : { restored }),
    batch: deployment.batch && batchModule().wholeKeysOperators(deployment.jobGraph),
    edgeOutput: (edge, host) =>
      createEdgeOutput(
        deployment.jobGraph.edges[edge] as JobEdge,
        placement.subtask,
        { program, graph },
        environment,
        channels,
        deployment,
        host,
      ),
  });
  const own =
    sortedInput(graph, placement, deployment, chain, gate) ??
    createInput(graph, vertex, placement, chain, gate, channels, services, deployment.jobGraph);
  const { jobGraph } = deployment;
  const parts = { jobGraph, graph, vertex, placement, chain, gate };
  const input = restored === undefined ? own : behindInFlight({ ...parts, operators: restored }, own);
  return new Subtask({
    name: `${vertex.id} ${placement.subtask + 1}/${vertex.parallelism}`,
    chain,
    graph,
    gate,
    input,
    wake,
    checkpoints: services.checkpoints,
  });
}

/** @throws GRAPH_NOT_DETERMINISTIC when the module gives another graph here than where the job was planned. */
export function rebuiltGraph(job: Job, deployment: SlotDeployment): StreamGraph {
  const graph = buildGraph(job, deployment.params);
  if (structuralHash(graph) === deployment.graphHash) return graph;
  throw new MillraceError(
    "GRAPH_NOT_DETERMINISTIC",
    `job "${job.name}" gave another graph in this thread than where it was submitted; the builder must not read the clock, random numbers, the environment or files: pass what varies by params`,
  );
}

/** Of a batch: the input by key, if the vertex has one. */
function sortedInput(
  { nodes }: StreamGraph,
  { vertex, subtask }: SubtaskPlacement,
  { batch, jobGraph }: SlotDeployment,
  chain: Chain,
  gate: SubtaskGate,
): SubtaskInput | undefined {
  const head = nodes.find(({ id }) => id === chain.head.operator);
  if (batch === undefined || head === undefined) return undefined;
  return batchModule().sortedInput(batch, { jobGraph, head, vertex, subtask }, chain, gate);
}

function createInput(
  graph: StreamGraph,
  vertex: JobVertex,
  placement: SubtaskPlacement,
  chain: Chain,
  gate: SubtaskGate,
  channels: SlotChannels,
  services: SlotServices,
  jobGraph: JobGraph,
): SubtaskInput {
  const head = graph.nodes.find((node) => node.id === chain.head.operator);
  if (head?.spec.kind === "source") {
    const { source, watermarks } = head.spec;
    return new SourceInput(chain, gate, {
      source,
      watermarks,
      requestSplit: () => services.requestSplit(vertex.id, placement.subtask),
      align: (group, watermark) => services.align(vertex.id, placement.subtask, group, watermark),
    });
  }
  assert(head !== undefined, `operator ${chain.head.operator} is in the job graph but not in the program`);
  const { subtask } = placement;
  const about = inFlightAbout(head, subtask, vertex.parallelism, jobGraph.keyGroups);
  return new ChannelInput(channels.inputsOf(vertex.id, subtask, head), chain, gate, {
    operator: head.id,
    subtask,
    about,
  });
}

function createEdgeOutput(
  edge: JobEdge,
  subtask: number,
  { program, graph }: { readonly program: StreamGraph; readonly graph: StreamGraph },
  { gate, clock }: SubtaskEnvironment,
  channels: SlotChannels,
  deployment: SlotDeployment,
  host: () => OperatorHost,
): EdgeOutput {
  const consumer = graph.nodes.find((node) => node.id === edge.toOperator);
  const written = program.nodes.find((node) => node.id === edge.toOperator);
  assert(consumer !== undefined, `operator ${edge.toOperator} is in the job graph but not in the program`);
  // Records that are aggregated first are no partials yet.
  const { partitioning } = (edge.preAggregated === undefined ? consumer : (written ?? consumer)).inputs[edge.input] as {
    readonly partitioning: Partitioning;
  };
  const failure = (cause: unknown, value: unknown): Error => host().failure(cause, value);
  return new EdgeOutput({
    kind: edge.partitioning,
    partitioning,
    channels:
      deployment.batch !== undefined && edge.blocking === true
        ? batchModule().sortedOutputs(deployment.batch, { edge, subtask, partitioning, failure })
        : channels.outputsOf(edge, subtask),
    keyGroups: deployment.jobGraph.keyGroups,
    gate,
    toOperator: edge.toOperator,
    failure,
    ...(edge.preAggregated === undefined
      ? {}
      : { preAggregate: { spec: written?.spec as WindowSpec, keys: edge.preAggregated, clock } }),
  });
}

/** The channel ends that belong to one slot. A channel within the slot is one object with both ends. */
class SlotChannels {
  readonly #deployment: SlotDeployment;
  readonly #services: SlotServices;
  readonly #doorbells: readonly Doorbell[];
  readonly #pool: SegmentPool;
  readonly #local = new Map<number, LocalChannel>();
  readonly #sharedInputs = new Map<number, SharedInputChannel>();

  constructor(deployment: SlotDeployment, services: SlotServices) {
    this.#deployment = deployment;
    this.#services = services;
    const { executionGraph, memory, slot } = deployment;
    this.#doorbells = Array.from({ length: executionGraph.slots + 1 }, (_, at) => new Doorbell(memory.doorbells, at));
    const outgoing = executionGraph.channels.filter((channel) => channel.fromSlot === slot && channel.toSlot !== slot);
    this.#pool = new SegmentPool(memory.pools[slot] as SharedArrayBuffer, outgoing.length);
  }

  outputsOf(edge: JobEdge, subtask: number): OutputChannel[] {
    return this.#deployment.executionGraph.channels
      .filter((channel) => channel.edge === edge.index && channel.fromSubtask === subtask)
      .sort((a, b) => a.toSubtask - b.toSubtask)
      .map((channel) => this.#output(channel, edge));
  }

  /** `head`: the operator that reads them. */
  inputsOf(vertex: VertexId, subtask: number, head: StreamNode): ChannelOrigin[] {
    const { executionGraph, jobGraph } = this.#deployment;
    return executionGraph.channels
      .filter((channel) => (jobGraph.edges[channel.edge] as JobEdge).to === vertex && channel.toSubtask === subtask)
      .map((channel) => {
        const { input, partitioning: settled, fields } = jobGraph.edges[channel.edge] as JobEdge;
        const { partitioning, port } = head.inputs[input] as EdgeSpec;
        return { channel: this.#input(channel), input, port, wanted: partitioning.kind, settled, fields };
      });
  }

  receiveOversize(channel: number, serial: number, frame: SharedArrayBuffer): void {
    this.#sharedInputs.get(channel)?.receiveOversize(serial, frame);
  }

  /** Whose pool and doorbell a slot has in this process: those of others stand behind the network. */
  #endOf(slot: number): number {
    const { executionGraph, memory } = this.#deployment;
    return memory.remote[slot] === true ? executionGraph.slots : slot;
  }

  #output(channel: ChannelPlacement, edge: JobEdge): OutputChannel {
    if (channel.fromSlot === channel.toSlot) return this.#localChannel(channel);
    return new SharedOutputChannel({
      operator: edge.fromOperator,
      control: this.#deployment.memory.channels[channel.index] as SharedArrayBuffer,
      pool: this.#pool,
      doorbell: this.#doorbells[this.#endOf(channel.toSlot)] as Doorbell,
      sendOversize: (serial, frame) => this.#services.sendOversize(channel.toSlot, channel.index, serial, frame),
      fields: edge.fields,
    });
  }

  #input(channel: ChannelPlacement): InputChannel {
    if (channel.fromSlot === channel.toSlot) return this.#localChannel(channel);
    const input = new SharedInputChannel({
      operator: (this.#deployment.jobGraph.edges[channel.edge] as JobEdge).toOperator,
      control: this.#deployment.memory.channels[channel.index] as SharedArrayBuffer,
      segments: this.#deployment.memory.pools[this.#endOf(channel.fromSlot)] as SharedArrayBuffer,
      doorbell: this.#doorbells[this.#endOf(channel.fromSlot)] as Doorbell,
    });
    this.#sharedInputs.set(channel.index, input);
    return input;
  }

  #localChannel(channel: ChannelPlacement): LocalChannel {
    let local = this.#local.get(channel.index);
    if (local === undefined) {
      local = new LocalChannel();
      this.#local.set(channel.index, local);
    }
    return local;
  }
}
