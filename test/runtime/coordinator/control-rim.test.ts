import { expect, test } from "vitest";
import { attachConnection, type RimOptions } from "../../../runtime/coordinator/control-rim.ts";
import type {
  CloseReason,
  ConnectionToWorker,
  CoordinatorMessage,
  WorkerMessage,
} from "../../../runtime/wire/connection.ts";

/** The worker's end in the test's hands. */
class FakeConnection implements ConnectionToWorker {
  readonly peer = "127.0.0.1:5";
  readonly queuedBytes = 0;
  readonly sent: CoordinatorMessage[] = [];
  readonly #closed = Promise.withResolvers<CloseReason>();
  readonly closed = this.#closed.promise;
  ends: string[] = [];
  #receive: (message: WorkerMessage) => void = () => {};
  tooLarge = false;

  send(message: CoordinatorMessage): void {
    if (this.tooLarge) throw new Error("too large");
    this.sent.push(message);
  }

  onMessage(receive: (message: WorkerMessage) => void): void {
    this.#receive = receive;
  }

  close(reason = ""): void {
    this.ends.push(`close: ${reason}`);
  }

  destroy(reason = ""): void {
    this.ends.push(`destroy: ${reason}`);
  }

  says(message: unknown): void {
    this.#receive(message as WorkerMessage);
  }

  breaks(): void {
    this.#closed.resolve({ kind: "lost", message: "reset" });
  }
}

const hello = { kind: "hello", description: { worker: "w1", slots: 1, labels: {} } };
const welcome = { kind: "welcome", epoch: 5 } as never;

function attached(cluster: Partial<RimOptions["cluster"]> = {}): { connection: FakeConnection; calls: unknown[][] } {
  const connection = new FakeConnection();
  const calls: unknown[][] = [];
  attachConnection(connection, {
    cluster: {
      ready: true,
      workerSaysHello: () => welcome,
      receive: (...args) => void calls.push(["receive", ...args]),
      connectionLost: (...args) => void calls.push(["lost", ...args]),
      ...cluster,
    },
    log: () => {},
  });
  return { connection, calls };
}

test("a worker is greeted first, then its envelopes count, and its end is told with its epoch", async () => {
  const { connection, calls } = attached();
  connection.says(hello);
  expect(connection.sent).toEqual([welcome]);
  const envelope = { epoch: 5, message: { kind: "heartbeat", serial: 1, rssBytes: 1 } };
  connection.says(envelope);
  connection.breaks();
  await connection.closed;
  await null;
  expect(calls).toEqual([
    ["receive", "w1", envelope],
    ["lost", "w1", 5],
  ]);
});

test.each<[string, unknown]>([
  ["nothing", null],
  ["a text", "hello"],
  ["an envelope", { epoch: 1, message: {} }],
  ["a hello of nobody", { kind: "hello" }],
  ["a name that is a path", { ...hello, description: { ...hello.description, worker: "../w" } }],
  ["half a slot", { ...hello, description: { ...hello.description, slots: 0.5 } }],
])("%s is no introduction", (_, message) => {
  const { connection, calls } = attached();
  connection.says(message);
  expect(connection.sent).toMatchObject([{ kind: "refused", error: { code: "WORKER_REFUSED" } }]);
  expect(connection.ends).toEqual(["close: refused"]);
  expect(calls).toEqual([]);
});

test("who is refused is told why, and the connection ends", () => {
  const refused = { kind: "refused", error: { message: "another version" } } as never;
  const { connection, calls } = attached({ workerSaysHello: () => refused });
  connection.says(hello);
  expect(connection.sent).toEqual([refused]);
  expect(connection.ends).toEqual(["close: refused"]);
  expect(calls).toEqual([]);
});

test("a coordinator that is not ready refuses nobody for good", () => {
  const { connection } = attached({ ready: false });
  connection.says(hello);
  expect(connection.sent).toEqual([]);
  expect(connection.ends).toEqual(["close: the coordinator is starting or stopping"]);
});

test("a message that makes the cluster fail ends its connection only", () => {
  const { connection } = attached({
    receive: () => {
      throw new TypeError("attempt.split is not a function");
    },
  });
  connection.says(hello);
  connection.says({ epoch: 5, message: { kind: "slotEnded", attempt: 7 } });
  expect(connection.ends).toEqual(["destroy: its message could not be handled"]);
});

test("a message that cannot be sent ends the connection instead of being waited for", () => {
  let send: (envelope: never) => void = () => {};
  const { connection } = attached({
    workerSaysHello: (_, own) => {
      send = own.send as typeof send;
      return welcome;
    },
  });
  connection.says(hello);
  connection.tooLarge = true;
  send({} as never);
  expect(connection.ends).toEqual(["destroy: a message to it is too large"]);
});
