/** A coordinator that does what the test says, connected to workers in the same process. */
import { deserialize, serialize } from "node:v8";
import type { AttemptId, ClusterId, WorkerId } from "../../../runtime/cluster-ids.ts";
import type { FromWorker, RegionDeployment, ToWorker, WorkerHello } from "../../../runtime/cluster-protocol.ts";
import type { FromSlot } from "../../../runtime/protocol.ts";
import type {
  CloseReason,
  ConnectionToCoordinator,
  CoordinatorMessage,
  WorkerMessage,
} from "../../../runtime/wire/connection.ts";

type FromSlotOf<Kind extends FromSlot["kind"]> = Extract<FromSlot, { readonly kind: Kind }>;

/** One connection of one worker. */
export class FakeConnection {
  readonly worker: WorkerId | undefined;
  hello: WorkerHello | undefined;
  epoch = 0;
  closed = false;
  readonly messages: FromWorker[] = [];
  readonly #end = Promise.withResolvers<CloseReason>();
  #receive: (message: CoordinatorMessage) => void = () => {};
  #onMessage: (message: FromWorker) => void = () => {};

  /** The worker's end. */
  readonly end: ConnectionToCoordinator = {
    peer: "coordinator",
    queuedBytes: 0,
    closed: this.#end.promise,
    send: (message) => this.#sent(copyOf(message)),
    onMessage: (receive) => {
      this.#receive = receive;
    },
    close: () => this.cut("closed"),
    destroy: () => this.cut("closed"),
  };

  /** What the worker says is answered by this, beside being kept. */
  onMessage(answer: (message: FromWorker) => void): void {
    this.#onMessage = answer;
  }

  welcome(epoch: number, heartbeatTimeoutMs = 60_000): void {
    this.epoch = epoch;
    const cluster = "cluster" as ClusterId;
    this.#receive({ kind: "welcome", cluster, epoch, heartbeatEveryMs: 500, heartbeatTimeoutMs });
  }

  say(message: CoordinatorMessage): void {
    this.#receive(copyOf(message));
  }

  send(message: ToWorker, epoch = this.epoch): void {
    this.say({ epoch, message });
  }

  cut(message = "cut"): void {
    this.closed = true;
    this.#end.resolve({ kind: "lost", message });
  }

  /** What its slots said of one kind. */
  fromSlots<Kind extends FromSlot["kind"]>(kind: Kind): FromSlotOf<Kind>[] {
    return this.messages.flatMap((each) =>
      each.kind === "fromSlot" && each.message.kind === kind ? [each.message as FromSlotOf<Kind>] : [],
    );
  }

  get slotsEnded(): Extract<FromWorker, { readonly kind: "slotEnded" }>[] {
    return this.messages.filter((message) => message.kind === "slotEnded");
  }

  #sent(message: WorkerMessage): void {
    if ("kind" in message) {
      this.hello = message;
      return;
    }
    if (message.epoch !== this.epoch) throw new Error(`a message of epoch ${message.epoch} in ${this.epoch}`);
    this.messages.push(message.message);
    this.#onMessage(message.message);
  }
}

export class FakeCoordinator {
  readonly connections: FakeConnection[] = [];
  /** Refuses the next connections with it. */
  failure: Error | undefined;

  readonly connect = async (): Promise<ConnectionToCoordinator> => {
    if (this.failure !== undefined) throw this.failure;
    const connection = new FakeConnection();
    this.connections.push(connection);
    return connection.end;
  };

  get last(): FakeConnection {
    return this.connections.at(-1) as FakeConnection;
  }
}

/** Relays for one attempt what the coordinator of a cluster relays. */
export function relay(connections: readonly FakeConnection[], deployment: RegionDeployment, code: Uint8Array): void {
  const { attempt, executionGraph, placement } = deployment;
  const slotOf = (vertex: string, subtask: number): number =>
    executionGraph.subtasks.find((each) => each.vertex === vertex && each.subtask === subtask)?.slot ?? -1;
  const toSlot = (slot: number, message: Extract<ToWorker, { kind: "toSlot" }>["message"]): void => {
    const at = placement.find((each) => each.slot === slot)?.worker;
    const connection = connections.find(({ hello }) => hello?.description.worker === at);
    connection?.send({ kind: "toSlot", attempt, slot, message });
  };
  for (const connection of connections) {
    connection.onMessage((message) => {
      if (message.kind === "bundleWanted") connection.send({ kind: "bundle", hash: message.hash, code });
      if (message.kind !== "fromSlot" || message.attempt !== (attempt as AttemptId)) return;
      const said = message.message;
      if (said.kind === "collect" || said.kind === "printed")
        toSlot(message.slot, { kind: "collected", serial: said.serial });
      if (said.kind === "requestSplit") toSlot(slotOf(said.vertex, 0), { ...said, kind: "dealSplit" });
      if (said.kind === "splitDealt") toSlot(slotOf(said.vertex, said.subtask), { ...said, kind: "split" });
    });
  }
}

function copyOf<M>(message: M): M {
  return deserialize(serialize(message)) as M;
}
