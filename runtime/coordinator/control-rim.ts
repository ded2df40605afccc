/**
 * From control connections to the cluster: the first message introduces a worker, all further ones are its envelopes.
 *
 * The law: whatever comes by a connection harms that worker only. A message that makes the cluster fail ends the
 * connection; the coordinator lives on.
 */

import { MillraceError } from "../../core/errors.ts";
import type { LogLevel } from "../../core/telemetry.ts";
import type { Envelope, FromWorker, Greeting, WorkerHello } from "../cluster-protocol.ts";
import { toErrorReport } from "../error-report.ts";
import type { ConnectionToWorker } from "../wire/connection.ts";
import type { Cluster } from "./cluster.ts";

export interface RimOptions {
  readonly cluster: Pick<Cluster, "ready" | "workerSaysHello" | "receive" | "connectionLost">;
  log(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>): void;
}

export function attachConnection(connection: ConnectionToWorker, options: RimOptions): void {
  const guarded = <T>(act: (message: T) => void) => {
    return (message: unknown): void => {
      try {
        act(message as T);
      } catch (cause) {
        options.log("error", "a worker's message made the coordinator fail; its connection is ended", {
          peer: connection.peer,
          error: (cause as Error).stack,
        });
        connection.destroy("its message could not be handled");
      }
    };
  };
  connection.onMessage(
    guarded<WorkerHello>((hello) => {
      // Not a refusal, after which a worker would not come again.
      if (!options.cluster.ready) {
        connection.close("the coordinator is starting or stopping");
        return;
      }
      const greeting = isHello(hello) ? greet(connection, hello, options) : refusal(connection.peer);
      connection.send(greeting);
      if (greeting.kind === "refused") {
        connection.close("refused");
        return;
      }
      const { worker } = hello.description;
      connection.onMessage(guarded<Envelope<FromWorker>>((envelope) => options.cluster.receive(worker, envelope)));
      connection.closed.then(() => options.cluster.connectionLost(worker, greeting.epoch)).catch(() => {});
    }),
  );
}

function greet(connection: ConnectionToWorker, hello: WorkerHello, { cluster, log }: RimOptions): Greeting {
  return cluster.workerSaysHello(hello, {
    send: (envelope) => {
      try {
        connection.send(envelope);
      } catch (cause) {
        // Larger than a message may be: what waits for it would wait for ever.
        log("error", `a message cannot be sent to a worker: ${(cause as Error).message}`, { peer: connection.peer });
        connection.destroy("a message to it is too large");
      }
    },
    close: () => connection.close("it left the cluster"),
  });
}

/** Other versions are told apart later; what is not even a hello is of no worker. */
function isHello(message: Partial<WorkerHello> | null): boolean {
  const { worker, slots, labels } = message?.description ?? {};
  return (
    message?.kind === "hello" &&
    typeof worker === "string" &&
    /^[A-Za-z0-9_-]{1,64}$/.test(worker) &&
    Number.isInteger(slots) &&
    typeof labels === "object" &&
    labels !== null
  );
}

function refusal(peer: string): Greeting {
  const error = new MillraceError("WORKER_REFUSED", `the first message of ${peer} does not introduce a worker`);
  return { kind: "refused", error: toErrorReport(error) };
}
