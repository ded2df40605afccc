/** `millrace worker`: a worker in this process, until it is told to end or its coordinator does not take it. */

import { resolve } from "node:path";
import { MillraceError } from "../../core/errors.ts";
import type { StartedWorker, WorkerOptions } from "../worker/start-worker.ts";
import { type ConnectionOptions, type Whereabouts, whereabouts } from "./connection.ts";
import { type ExitCode, exitCodes } from "./exit-code.ts";
import { say } from "./output.ts";
import { listenToParent, type Parent } from "./parent-process.ts";
import { onStopSignal } from "./stop-signal.ts";
import type { SlotOptions } from "./worker-options.ts";

export interface WorkerCommandOptions extends ConnectionOptions, SlotOptions {
  readonly exitWithParent: boolean;
  /** Where other workers connect to, instead of a unix socket. */
  readonly exchangeHost?: string;
  readonly exchangePort?: number;
  /** What other workers are told of it: host:port. */
  readonly exchangeAdvertise?: string;
  /** The machine that it counts as running on. */
  readonly hostName?: string;
  readonly verbose: boolean;
}

/** How long a worker whose cluster is gone may take to end its slots. */
const LEAVE_WITHIN_MS = 12_000;

/** @throws MillraceError when the coordinator does not take it, or its exchange cannot listen. */
export async function workerCommand(options: WorkerCommandOptions): Promise<ExitCode> {
  const parent = options.exitWithParent ? listenToParent() : undefined;
  // Ctrl-C on a terminal reaches all its processes: the one that started the workers says when they end.
  if (parent !== undefined) process.on("SIGINT", () => {});
  // Loading takes longer than the coordinator's start.
  const [{ startWorker }, place] = await Promise.all([
    import("../worker/start-worker.ts"),
    parent?.told ?? whereabouts(options),
  ]);
  const worker = await startWorker(await workerOptions(options, place));
  if (parent === undefined) {
    say(`worker ${worker.id} with ${options.slots} slots, for the coordinator at ${place.address}`);
    await untilSignalled(worker);
  } else await untilLeft(worker, parent);
  return exitCodes.done;
}

async function workerOptions(options: WorkerCommandOptions, place: Whereabouts): Promise<WorkerOptions> {
  const { parseAddress, isLoopback } = await import("../wire/address.ts");
  const { readToken } = await import("../wire/token.ts");
  const { createLog } = await import("../telemetry/pino-log.ts");
  const { slots, label, passEnv, exchangeAdvertise } = options;
  const data = resolve(options.data);
  const coordinator = parseAddress(place.address);
  return {
    coordinator,
    slots,
    labels: label,
    listen: exchangeListen(options, resolve(data, "run"), isLoopback(coordinator.host)),
    advertise: exchangeAdvertise === undefined ? undefined : parseAddress(exchangeAdvertise),
    token: await readToken(place.tokenFile),
    tls: place.tls && (await (await import("../wire/tls.ts")).loadTls(place.tls)),
    host: options.hostName,
    data,
    env: passEnv,
    log: createLog({ level: options.verbose ? "info" : "warn" }),
  };
}

function exchangeListen(options: WorkerCommandOptions, folder: string, local: boolean): WorkerOptions["listen"] {
  const { exchangeHost: host, exchangePort: port, exchangeAdvertise: advertise } = options;
  if (host !== undefined) return { kind: "tcp", host, ...(port === undefined ? {} : { port }) };
  if (local && port === undefined && advertise === undefined) return { kind: "unix", folder };
  if (local) {
    throw new MillraceError(
      "BAD_OPTION",
      "--exchange-port and --exchange-advertise are of a port; give --exchange-host with the address to listen on",
    );
  }
  throw new MillraceError(
    "BAD_OPTION",
    "workers of other machines have to reach this one; give --exchange-host with an address of this machine",
  );
}

async function untilSignalled(worker: StartedWorker): Promise<void> {
  using stop = onStopSignal(() => process.exit(exitCodes.interrupted));
  void stop.received.then((signal) => worker.stop(`it got ${signal}`));
  await worker.ended;
}

async function untilLeft(worker: StartedWorker, parent: Parent): Promise<void> {
  process.once("SIGTERM", () => worker.stop("the cluster stops"));
  void parent.gone.then(() => {
    worker.stop("the process that started it is gone");
    setTimeout(() => process.exit(exitCodes.failed), LEAVE_WITHIN_MS).unref();
  });
  await worker.ended;
  parent.close();
}
