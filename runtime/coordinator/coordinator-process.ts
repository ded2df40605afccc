/**
 * Starts a coordinator in this process: its data folder, store, cluster, REST interface and control connections.
 *
 *   <data>/token                 what every request carries; mode 0600
 *   <data>/store/                the jobs (`stored-jobs.ts`); one coordinator has it open
 *   <data>/bundles/<hash>.mjs    programs
 *   <data>/logs/<job>/           `job-log-files.ts`
 *   <data>/results/<job>/        `job-result-files.ts`
 *   <data>/checkpoints/<job>/, <data>/savepoints/    `checkpoint-folders.ts`
 */

import { randomBytes, randomUUID } from "node:crypto";
import { join, resolve } from "node:path";
import { MillraceError } from "../../core/errors.ts";
import {
  DEPLOY_TIMEOUT_MS,
  HEARTBEAT_EVERY_MS,
  HEARTBEAT_TIMEOUT_MS,
  SLOT_KILL_GRACE_MS,
  SLOT_STOP_GRACE_MS,
  SLOT_TIMEOUT_MS,
} from "../../core/limits.ts";
import { systemCallAfter, systemClock } from "../clock.ts";
import type { ClusterId, JobId } from "../cluster-ids.ts";
import type { Planner } from "../planned-job.ts";
import { type RestServer, startRestServer } from "../rest/rest-server.ts";
import { DocumentStore } from "../state/document-store.ts";
import { makeFolder, systemFiles } from "../state/files.ts";
import type { Log } from "../telemetry/pino-log.ts";
import { ownVersion } from "../version.ts";
import { acceptControl, type ControlAcceptor } from "../wire/accept-control.ts";
import type { NetworkAddress } from "../wire/address.ts";
import { checkListen } from "../wire/listen-rule.ts";
import type { TlsIdentity } from "../wire/tls.ts";
import { ensureToken } from "../wire/token.ts";
import { BundleStore } from "./bundle-store.ts";
import { CheckpointFolders } from "./checkpoint-folders.ts";
import { Cluster } from "./cluster.ts";
import { CoordinatorService } from "./cluster-service.ts";
import { ClusterStores } from "./cluster-stores.ts";
import { attachConnection } from "./control-rim.ts";
import { JobLogFiles } from "./job-log-files.ts";
import { JobResultFiles } from "./job-result-files.ts";
import { StoredJobs } from "./stored-jobs.ts";

export interface CoordinatorOptions extends NetworkAddress {
  /** The data folder. */
  readonly data: string;
  readonly tls?: TlsIdentity | undefined;
  /** Where jobs' checkpoints go: a folder or URL that all workers reach; undefined: the workers' own stores. */
  readonly checkpoints?: string | undefined;
  /** Names by which it is called, beside the loopback ones and `host`. */
  readonly allowHosts?: readonly string[];
  readonly slotTimeoutMs?: number | undefined;
  readonly heartbeatEveryMs?: number | undefined;
  readonly heartbeatTimeoutMs?: number | undefined;
  readonly log: Log;
}

export interface StartedCoordinator {
  /** Where it listens, with the port that it got when 0 was asked for. */
  readonly address: NetworkAddress;
  readonly tokenFile: string;
  readonly clusterId: ClusterId;
  readonly cluster: Cluster;
  /** `shutdown`: why its workers shall end too; absent: they wait for the next coordinator. Jobs go on with that one. */
  close(shutdown?: string): Promise<void>;
}

/** @throws INSECURE, STORE_LOCKED, STORE_FAILED, STATE_CORRUPT, TOKEN_FILE, TLS, BAD_OPTION */
export async function startCoordinator(options: CoordinatorOptions): Promise<StartedCoordinator> {
  const data = resolve(options.data);
  const tokenFile = join(data, "token");
  // Refused before anything is touched: the token would be of no use.
  checkListen(options.host, { token: tokenFile, tls: options.tls });
  checkHeartbeats(options);
  await makeDataFolder(data);
  // The lock comes first: what follows is one coordinator's.
  const store = await StoredJobs.open(await DocumentStore.open(join(data, "store")), () => randomUUID() as ClusterId);
  let cluster: Cluster | undefined;
  try {
    const token = await ensureToken(tokenFile);
    const files = await openFiles(data, options);
    cluster = createCluster(options, store, files);
    await cluster.recover();
    return await open(options, { token, tokenFile, planner: lazyPlanner(options.log), cluster, store, files });
  } catch (cause) {
    cluster?.close();
    await store.close();
    throw cause;
  }
}

/** A single heartbeat that is late would make a worker a dead one. */
function checkHeartbeats({ heartbeatEveryMs, heartbeatTimeoutMs }: CoordinatorOptions): void {
  const every = heartbeatEveryMs ?? HEARTBEAT_EVERY_MS;
  const timeout = heartbeatTimeoutMs ?? HEARTBEAT_TIMEOUT_MS;
  if (timeout >= 2 * every) return;
  throw new MillraceError(
    "BAD_OPTION",
    `a heartbeat timeout of ${timeout} ms is too short for a heartbeat every ${every} ms; let it be twice that at least`,
  );
}

interface Inside {
  readonly token: string;
  readonly tokenFile: string;
  readonly planner: Planner;
  readonly cluster: Cluster;
  readonly store: StoredJobs;
  readonly files: Files;
}

/** Lets people and workers in. */
async function open(options: CoordinatorOptions, inside: Inside): Promise<StartedCoordinator> {
  const { token, tokenFile, planner, cluster, store, files } = inside;
  const rest = await startRest(options, inside);
  const acceptor = acceptControl(rest.server, {
    token,
    allowHosts: [...(options.allowHosts ?? []), options.host],
    ready: () => cluster.ready,
    onConnection: (connection) => attachConnection(connection, { cluster, log: options.log }),
  });
  // What the first request would wait for is loaded when nobody waits.
  const cancelWarmUp = systemCallAfter(WARM_UP_AFTER_MS, () => rest.warmUp());
  return {
    ...{ address: rest.address, tokenFile, clusterId: store.cluster, cluster },
    close: async (shutdown) => {
      cancelWarmUp();
      planner.close();
      await closeAll({ cluster, acceptor, rest, files, store }, shutdown);
    },
  };
}

/** Workers join first. */
const WARM_UP_AFTER_MS = 300;

interface Files {
  readonly bundles: BundleStore;
  readonly logs: JobLogFiles;
  readonly results: JobResultFiles;
  readonly storage: CheckpointFolders;
}

/** Together with the store's, as LevelDB does not see to it that its folder's name survives a loss of power. */
async function makeDataFolder(path: string): Promise<void> {
  try {
    await makeFolder(systemFiles, join(path, "store"), 0o700);
  } catch (cause) {
    throw new MillraceError("STORE_FAILED", `the data folder ${path} cannot be made: ${(cause as Error).message}`, {
      cause,
    });
  }
}

async function openFiles(data: string, { checkpoints, log }: CoordinatorOptions): Promise<Files> {
  const bundles = new BundleStore(join(data, "bundles"));
  await bundles.open();
  const logs = new JobLogFiles({
    folder: join(data, "logs"),
    failed: (cause) => log("error", `a job's log cannot be written: ${cause.message}`, {}),
  });
  const results = new JobResultFiles({ folder: join(data, "results") });
  const stores = new ClusterStores({ nowMs: () => systemClock.monotonicMs(), callAfter: systemCallAfter, log });
  const storage = new CheckpointFolders({ data, location: checkpoints, stores, log });
  return { bundles, logs, results, storage };
}

function createCluster(options: CoordinatorOptions, store: StoredJobs, files: Files): Cluster {
  const { bundles, logs, results, storage } = files;
  return new Cluster({
    version: ownVersion(),
    clock: systemClock,
    random: () => randomBytes(4).readUInt32LE() / 2 ** 32,
    callAfter: systemCallAfter,
    newJobId: () => randomUUID().replaceAll("-", "") as JobId,
    ...{ store, logs, results, storage },
    readBundle: (hash) => bundles.read(hash),
    log: options.log,
    jobDeleted: (id) => {
      Promise.all([logs.remove(id), results.remove(id), storage.remove(id)]).catch((cause: Error) =>
        options.log("warn", `what job ${id} left cannot be deleted: ${cause.message}`, { jobId: id }),
      );
    },
    heartbeatEveryMs: options.heartbeatEveryMs ?? HEARTBEAT_EVERY_MS,
    heartbeatTimeoutMs: options.heartbeatTimeoutMs ?? HEARTBEAT_TIMEOUT_MS,
    slotTimeoutMs: options.slotTimeoutMs ?? SLOT_TIMEOUT_MS,
    times: {
      deployTimeoutMs: DEPLOY_TIMEOUT_MS,
      stopGraceMs: SLOT_STOP_GRACE_MS,
      killGraceMs: SLOT_KILL_GRACE_MS,
    },
  });
}

function startRest(
  options: CoordinatorOptions,
  { token, cluster, store, files, planner }: Inside,
): Promise<RestServer> {
  const { host, port, tls, allowHosts = [], log } = options;
  const version = ownVersion();
  const clock = systemClock;
  const service = new CoordinatorService({ cluster, clusterId: store.cluster, version, clock, planner, ...files });
  return startRestServer({
    ...{ host, port, tls, token, allowHosts, service, version },
    logFault: (message, error) =>
      log("error", message, { error: error instanceof Error ? error.stack : String(error) }),
  });
}

/** Loaded with the first submission. */
function lazyPlanner(log: Log): Planner {
  let loading: Promise<Planner> | undefined;
  let closed = false;
  const loaded = (): Promise<Planner> => {
    loading ??= import("../planner/create-planner.ts").then(({ createPlanner }) => createPlanner({ log }));
    return loading;
  };
  return {
    plan: async (request) => (await loaded()).plan(request),
    expect: () => {
      void loaded().then((planner) => closed || planner.expect());
    },
    close: () => {
      closed = true;
      void loading?.then((planner) => planner.close());
    },
  };
}

interface Parts {
  readonly cluster: Cluster;
  readonly acceptor: ControlAcceptor;
  readonly rest: RestServer;
  readonly files: Files;
  readonly store: StoredJobs;
}

/** Who may still ask goes first, what they asked for is written last. */
async function closeAll({ cluster, acceptor, rest, files, store }: Parts, shutdown?: string): Promise<void> {
  cluster.close(shutdown);
  await acceptor.close(shutdown ?? "the coordinator ends");
  await rest.close();
  await Promise.all([files.logs.close(), files.results.close()]);
  await store.close();
}
