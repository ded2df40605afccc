/**
 * `millrace cluster start`: a coordinator in this process, and its workers as child processes.
 *
 * 1. The workers start first: they load while the coordinator does, and are told where it is when it listens.
 * 2. When all have registered, the cluster is announced and its addresses are printed.
 * 3. The first SIGINT or SIGTERM ends all in order, a second one kills the workers. If this process is killed, the workers
 *    see their pipe close and end by themselves.
 */

import { extname, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { MillraceError } from "../../core/errors.ts";
import type { StartedCoordinator } from "../coordinator/coordinator-process.ts";
import { isLoopback } from "../wire/address.ts";
import { removeClusterFile } from "./cluster-file.ts";
import type { Whereabouts } from "./connection.ts";
import {
  announce,
  type CoordinatorCommandOptions,
  placeOf,
  placeText,
  startedCoordinator,
  unfinishedText,
} from "./coordinator-command.ts";
import { type ExitCode, exitCodes } from "./exit-code.ts";
import { print, say } from "./output.ts";
import { greeting } from "./parent-process.ts";
import { onStopSignal, type StopSignal } from "./stop-signal.ts";
import { type SlotOptions, slotArguments } from "./worker-options.ts";
import { WorkerProcesses } from "./worker-processes.ts";

export interface ClusterStartOptions extends CoordinatorCommandOptions, SlotOptions {
  readonly workers: number;
}

/** @throws MillraceError when the coordinator cannot start; no worker is left then. */
export async function clusterStartCommand(options: ClusterStartOptions): Promise<ExitCode> {
  const workers = new WorkerProcesses({ count: options.workers, command: workerCommand(options), say });
  using stop = onStopSignal(() => {
    workers.kill();
    process.exit(exitCodes.interrupted);
  });
  try {
    const coordinator = await startedCoordinator(options);
    try {
      await serve(coordinator, workers, stop, options);
    } finally {
      await coordinator.close("the cluster stops");
      await removeClusterFile(resolve(options.data));
    }
    await workers.stop();
  } catch (error) {
    workers.kill();
    throw error;
  }
  return exitCodes.done;
}

async function serve(
  coordinator: StartedCoordinator,
  workers: WorkerProcesses,
  stop: StopSignal,
  options: ClusterStartOptions,
): Promise<void> {
  const place = placeOf(coordinator, options);
  workers.greet(greeting(place));
  const signal = await Promise.race([stop.received, registered(coordinator, workers, options.workers)]);
  if (signal === "registered") {
    await announce(place, options);
    print(options, ready(coordinator, place), () => readyText(coordinator, place));
    say("submit a job by: millrace submit job.ts      Ctrl-C stops the cluster");
  }
  const received = await stop.received;
  workers.expectEnds();
  say(`${received}: the cluster stops${unfinishedText(coordinator)}`);
}

/** The same program as this one, started anew. */
function workerCommand(options: ClusterStartOptions): [string, ...string[]] {
  const entry = fileURLToPath(new URL(`./millrace${extname(import.meta.filename)}`, import.meta.url));
  const verbose = options.verbose ? ["--verbose"] : [];
  const data = ["--data", resolve(options.data)];
  // What other machines reach has workers that other machines' workers reach.
  const exchange = isLoopback(options.host) ? [] : ["--exchange-host", options.host];
  const own = [...data, ...slotArguments(options), ...exchange, ...verbose];
  return [process.execPath, entry, "worker", "--exit-with-parent", ...own];
}

const lookEveryMs = 10;

/** @throws WORKER_LOST when none is left that could register. */
async function registered(
  coordinator: StartedCoordinator,
  workers: WorkerProcesses,
  count: number,
): Promise<"registered"> {
  let hopeless = false;
  void workers.givenUp.then(() => {
    hopeless = true;
  });
  while (coordinator.cluster.workers.length < count) {
    if (hopeless) throw new MillraceError("WORKER_LOST", "no worker stays up; what they wrote before says why");
    await sleep(lookEveryMs);
  }
  return "registered";
}

function ready({ clusterId, cluster }: StartedCoordinator, place: Whereabouts): unknown {
  const workers = cluster.workers.map(({ description: { worker, pid, slots } }) => ({ id: worker, pid, slots }));
  return { ...place, clusterId, pid: process.pid, workers };
}

function readyText({ cluster }: StartedCoordinator, place: Whereabouts): string {
  const workers = cluster.workers.map(
    ({ description: { pid, slots } }) =>
      `worker       process ${pid} with ${slots} ${slots === 1 ? "slot" : "slots"}\n`,
  );
  return placeText(place) + workers.join("");
}
