/** Starts a worker in this process: its exchange listens, then it connects to its coordinator and stays until it ends. */

import { randomUUID } from "node:crypto";
import { hostname, totalmem } from "node:os";
import { join } from "node:path";
import { CONNECT_TIMEOUT_MS } from "../../core/limits.ts";
import type { LogLevel } from "../../core/telemetry.ts";
import { systemCallAfter, systemClock } from "../clock.ts";
import type { WorkerId } from "../cluster-ids.ts";
import type { ExchangeAddress, Labels } from "../cluster-protocol.ts";
import { compileCacheEnvironment } from "../compile-cache.ts";
import type { ExchangeListen } from "../exchange/link/link-contract.ts";
import { WorkerExchange } from "../exchange/link/worker-exchange.ts";
import { ownVersion } from "../version.ts";
import type { NetworkAddress } from "../wire/address.ts";
import { connectControl } from "../wire/connect-control.ts";
import { nameFromElsewhere } from "../wire/own-name.ts";
import type { TlsIdentity } from "../wire/tls.ts";
import { slotEnvironment } from "./slot-environment.ts";
import { SpillFolder } from "./spill-folder.ts";
import { WorkerStores } from "./stores/worker-stores.ts";
import { Worker } from "./worker.ts";

export interface WorkerOptions {
  readonly coordinator: NetworkAddress;
  readonly slots: number;
  readonly labels: Labels;
  /** Where other workers connect to. */
  readonly listen: ExchangeListen;
  /** What they are told instead, where a proxy or NAT stands between. Only with a port. */
  readonly advertise?: NetworkAddress | undefined;
  readonly token: string;
  readonly tls?: TlsIdentity | undefined;
  /** The machine that it counts as running on; absent: the system's name of it. Copies of checkpoints go to another one. */
  readonly host?: string | undefined;
  /** The folder of the worker's own files. Workers of one machine may share it. */
  readonly data: string;
  /** Names of environment variables that slots get beside the usual ones. */
  readonly env?: readonly string[];
  readonly log: (level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>) => void;
}

export interface StartedWorker {
  readonly id: WorkerId;
  /** Resolves when it was stopped or shut down, with nothing left running; rejects with why no coordinator takes it. */
  readonly ended: Promise<void>;
  stop(reason: string): void;
}

/** @throws MillraceError when its exchange cannot listen; INSECURE when it must not there. */
export async function startWorker(options: WorkerOptions): Promise<StartedWorker> {
  const { coordinator, token, tls, log, slots, labels, listen, advertise } = options;
  const id = randomUUID() as WorkerId;
  const exchange = new WorkerExchange({
    worker: id,
    token,
    listen,
    tls,
    log,
    onLinkLost: (peer, attempts, reason) => worker.linkLost(peer, attempts, reason),
    onStoresConnection: (connection) => stores?.serve(connection),
  });
  let stores: WorkerStores | undefined;
  const address = advertised(await exchange.listen(), advertise, tls);
  const memoryBytes = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
  const worker = new Worker({
    description: {
      worker: id,
      host: options.host ?? hostname(),
      pid: process.pid,
      slots,
      labels,
      memoryBytes,
      exchange: address,
    },
    version: ownVersion(),
    bundleFolder: join(options.data, "worker-bundles"),
    env: { ...compileCacheEnvironment(), ...slotEnvironment(process.env, options.env ?? []) },
    exchange,
    spill: new SpillFolder(join(options.data, "spill"), id),
    stores: (announce) => {
      stores = new WorkerStores({
        ...{ folder: join(options.data, "stores"), worker: id, exchange, callAfter: systemCallAfter, announce, log },
      });
      return stores;
    },
    connect: () => connectControl({ ...coordinator, token, tls, timeoutMs: CONNECT_TIMEOUT_MS }),
    clock: systemClock,
    callAfter: systemCallAfter,
    random: Math.random,
    rssBytes: () => process.memoryUsage.rss(),
    log,
  });
  worker.start();
  return { id, ended: worker.ended, stop: (reason) => worker.shutDown(reason) };
}

/** What other workers are told. */
function advertised(
  bound: ExchangeAddress,
  given: NetworkAddress | undefined,
  tls: TlsIdentity | undefined,
): ExchangeAddress {
  if (bound.kind === "unix") return bound;
  return { kind: "tcp", host: nameFromElsewhere(bound.host, tls), port: bound.port, ...given };
}
