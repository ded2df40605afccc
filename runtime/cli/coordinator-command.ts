/** `millrace coordinator`: a coordinator in this process, until it is told to end. */

import { resolve } from "node:path";
import type { StartedCoordinator } from "../coordinator/coordinator-process.ts";
import { formatAddress } from "../wire/address.ts";
import { removeClusterFile, writeClusterFile } from "./cluster-file.ts";
import { type TlsOptions, tlsFiles, type Whereabouts } from "./connection.ts";
import { type ExitCode, exitCodes } from "./exit-code.ts";
import { hasEnded } from "./find-job.ts";
import { type OutputOptions, print, say } from "./output.ts";
import { onStopSignal } from "./stop-signal.ts";
import { printable } from "./table.ts";

export interface CoordinatorCommandOptions extends TlsOptions, OutputOptions {
  readonly host: string;
  readonly port: number;
  readonly data: string;
  /** Further names by which it is called. */
  readonly allowHost: readonly string[];
  /** In milliseconds, as the next two. */
  readonly heartbeatEvery?: number;
  readonly heartbeatTimeout?: number;
  readonly slotTimeout?: number;
  /** Where checkpoints go: "workers", a folder or a URL. */
  readonly checkpoints?: string;
  readonly verbose: boolean;
}

/** @throws MillraceError when the address, the data folder or a certificate cannot be used. */
export async function coordinatorCommand(options: CoordinatorCommandOptions): Promise<ExitCode> {
  const coordinator = await startedCoordinator(options);
  const place = placeOf(coordinator, options);
  try {
    await announce(place, options);
    print(options, { ...place, clusterId: coordinator.clusterId, pid: process.pid }, () => placeText(place));
    say(`workers join by: millrace worker --coordinator ${place.address} --token-file ${place.tokenFile}`);
    using stop = onStopSignal(() => process.exit(exitCodes.interrupted));
    say(`${await stop.received}: the coordinator ends${unfinishedText(coordinator)}`);
  } finally {
    await coordinator.close();
    await removeClusterFile(resolve(options.data));
  }
  return exitCodes.done;
}

/** Its address is one that can be connected to from here. */
export async function startedCoordinator(options: CoordinatorCommandOptions): Promise<StartedCoordinator> {
  const [{ startCoordinator }, { createLog }] = await Promise.all([
    import("../coordinator/coordinator-process.ts"),
    import("../telemetry/pino-log.ts"),
  ]);
  const files = tlsFiles(options);
  const tls = files && (await (await import("../wire/tls.ts")).loadTls(files));
  const coordinator = await startCoordinator({
    host: options.host,
    port: options.port,
    data: options.data,
    allowHosts: options.allowHost,
    heartbeatEveryMs: options.heartbeatEvery,
    heartbeatTimeoutMs: options.heartbeatTimeout,
    slotTimeoutMs: options.slotTimeout,
    checkpoints: sharedPlace(options.checkpoints),
    tls,
    log: createLog({ level: options.verbose ? "info" : "warn" }),
  });
  const { nameFromHere } = await import("../wire/own-name.ts");
  const { host, port } = coordinator.address;
  return { ...coordinator, address: { host: nameFromHere(host, tls), port } };
}

/** Undefined: the workers keep checkpoints themselves. */
function sharedPlace(place: string | undefined): string | undefined {
  if (place === undefined || place === "workers") return undefined;
  return place.startsWith("s3://") ? place : resolve(place);
}

export function placeOf({ address, tokenFile }: StartedCoordinator, options: TlsOptions): Whereabouts {
  return { address: formatAddress(address), tokenFile, tls: tlsFiles(options) };
}

/** From now on commands in the same folder find it. */
export async function announce(
  { address, tokenFile, tls }: Whereabouts,
  { data }: { readonly data: string },
): Promise<void> {
  await writeClusterFile(resolve(data), {
    address,
    pid: process.pid,
    tokenFile,
    ...(tls === undefined ? {} : { tls }),
  });
}

export function placeText({ address, tokenFile }: Whereabouts): string {
  return `coordinator  ${address}\ntoken file   ${tokenFile}\n`;
}

const namedMax = 3;

/** What nobody has asked to end: it goes on with the next coordinator of the data folder. */
export function unfinishedText({ cluster }: StartedCoordinator): string {
  const unfinished = cluster.jobs.filter(({ status }) => !hasEnded({ state: status }));
  const names = unfinished.map(({ plan }) => printable(plan.name));
  if (names.length === 0) return "";
  const shown = names.slice(0, namedMax).join(", ") + (names.length > namedMax ? ", …" : "");
  const jobs = names.length === 1 ? "1 job has" : `${names.length} jobs have`;
  return `; ${jobs} not ended (${shown}) and will begin anew when a coordinator starts with this data folder`;
}
