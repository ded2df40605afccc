/**
 * A cluster as a user starts it, by the `millrace` command, and what a test asks of it: by REST, as any program would.
 *
 * Nothing here measures time: what has to happen is looked for again and again, up to a time that only a hanging test
 * reaches.
 */

import { writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { bundleJob, type JobBundle } from "../../../runtime/bundle/bundle-job.ts";
import { RestClient, type RestClientOptions } from "../../../runtime/rest/client.ts";
import type { ExceptionView, JobStatus, JobView, SubmitRequest, WorkerView } from "../../../runtime/rest/views.ts";
import { parseAddress } from "../../../runtime/wire/address.ts";
import { Process, watch } from "./processes.ts";

const HANGS_AFTER_MS = 90_000;
const LOOK_EVERY_MS = 40;

/** What `look` finds, once it finds something. Errors of the look are answers that did not come yet. */
export async function eventually<Found>(
  what: string,
  look: () => Promise<Found | false | undefined> | Found | false | undefined,
): Promise<Found> {
  let last: unknown;
  for (const start = performance.now(); performance.now() - start < HANGS_AFTER_MS; await sleep(LOOK_EVERY_MS)) {
    try {
      const found = await look();
      if (found !== undefined && found !== false) return found;
      last = undefined;
    } catch (error) {
      last = error;
    }
  }
  throw new Error(`it never came about that ${what}`, { cause: last });
}

interface Place {
  readonly address: string;
  readonly tokenFile: string;
  readonly pid: number;
  readonly clusterId: string;
  readonly workers?: readonly { readonly id: string; readonly pid: number; readonly slots: number }[];
}

export interface StartOptions {
  /** The working directory; the data folder is below. */
  readonly folder: string;
  /** Absent: any. */
  readonly port?: number;
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly tls?: RestClientOptions["tls"];
}

export interface GatedJob {
  readonly jid: string;
  /** Lets the job come to its end. */
  open(): void;
}

let gates = 0;

export class Cluster implements AsyncDisposable {
  readonly folder: string;
  readonly client: RestClient;
  readonly place: Place;
  readonly main: Process;
  readonly workers: Process[] = [];

  private constructor(main: Process, place: Place, { folder, tls }: StartOptions, token: string) {
    this.main = main;
    this.place = place;
    this.folder = folder;
    this.client = new RestClient({ ...parseAddress(place.address), token, tls, timeoutMs: 60_000 });
    for (const { pid } of place.workers ?? []) watch(pid);
  }

  /** `millrace coordinator`; its workers are started singly. */
  static coordinator(options: StartOptions): Promise<Cluster> {
    return Cluster.#started(["coordinator"], options);
  }

  /** `millrace cluster start`. */
  static start(options: StartOptions): Promise<Cluster> {
    return Cluster.#started(["cluster", "start"], options);
  }

  static async #started(command: readonly string[], options: StartOptions): Promise<Cluster> {
    const { folder, port = 0, args = [], env = {} } = options;
    const main = new Process([...command, "--port", String(port), "--json", ...args], { cwd: folder, env });
    const place = JSON.parse(await main.line(/^\{/)) as Place;
    return new Cluster(main, place, options, (await readFile(place.tokenFile, "utf8")).trim());
  }

  get port(): number {
    return parseAddress(this.place.address).port;
  }

  get data(): string {
    return join(this.folder, ".millrace");
  }

  /** `millrace worker`, a member when this resolves. */
  async worker(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Process> {
    const worker = new Process(["worker", ...args], { cwd: this.folder, env });
    this.workers.push(worker);
    await this.member(worker.pid);
    return worker;
  }

  /** The worker of a process, as soon as it is a member, and of a later epoch than `after` if that is given. */
  member(pid: number, after = 0): Promise<WorkerView> {
    return eventually(`process ${pid} is a member`, async () =>
      (await this.client.workers()).find((worker) => worker.pid === pid && worker.epoch > after),
    );
  }

  async pids(): Promise<number[]> {
    return (await this.client.workers()).map(({ pid }) => pid);
  }

  async putFixture(fixture: string): Promise<JobBundle> {
    const bundle = await bundleOf(fixture);
    await this.client.putBundle(bundle.hash, bundle.code);
    return bundle;
  }

  async submit(fixture: string, options: Partial<SubmitRequest> = {}): Promise<string> {
    const { hash } = await this.putFixture(fixture);
    const { jid } = await this.client.submit({ bundle: hash, workingDirectory: this.folder, ...options });
    return jid;
  }

  /** The job, once it is in one of these states; fails when it ends in another. */
  reaches(jid: string, ...states: readonly JobStatus[]): Promise<JobView> {
    const ends: readonly JobStatus[] = ["FINISHED", "FAILED", "CANCELED"];
    return eventually(`job ${jid} is ${states.join(" or ")}`, async () => {
      const job = await this.client.job(jid);
      if (states.includes(job.state)) return job;
      expect(ends, `it ended with ${JSON.stringify(job.failure)}`).not.toContain(job.state);
      return undefined;
    });
  }

  /** The job `sums`, with records in its channels and rows in its result, which ends only when it is opened. */
  async gatedSums(params: SubmitRequest["params"] = {}): Promise<GatedJob> {
    const gate = join(this.folder, `gate-${++gates}`);
    const jid = await this.submit("sums", { params: { ...params, gate } });
    await this.reaches(jid, "RUNNING");
    await this.flows(jid, "seen");
    return { jid, open: () => writeFileSync(gate, "") };
  }

  /** That the job `sums` finishes with its known answer, all of it made by one attempt. */
  async expectSums(jid: string, attempt: number): Promise<JobView> {
    const job = await this.reaches(jid, "FINISHED");
    const { "user-config": params } = (await this.client.config(jid))["execution-config"];
    const count = params["count"] as number;
    expect(byField(await this.rows(jid, "sums"), "key")).toEqual(sumsBelow(count));
    expect(byField(await this.rows(jid, "seen"), "index")).toEqual(seenBelow(count, attempt));
    return job;
  }

  async rows(jid: string, sink: string): Promise<readonly unknown[]> {
    return (await this.client.rows(jid, sink, 0, 10_000)).rows;
  }

  /** The job, once a sink has rows: then records flow through all of it. */
  flows(jid: string, sink: string): Promise<number> {
    return eventually(`job ${jid} has rows of "${sink}"`, async () => {
      const { collected, state, error } = await this.client.result(jid);
      expect(state, error?.message).not.toBe("FAILED");
      const count = collected[sink] ?? 0;
      return count > 0 && count;
    });
  }

  /** The history of failures, the first one first. */
  async exceptions(jid: string): Promise<readonly ExceptionView[]> {
    return (await this.client.exceptions(jid)).exceptionHistory.entries.toReversed();
  }

  async freeSlots(): Promise<number> {
    return (await this.client.overview())["slots-available"];
  }

  /** On which processes each subtask of a vertex runs. */
  async placesOf(jid: string, vertex: string): Promise<readonly number[]> {
    const { subtasks } = await this.client.vertex(jid, vertex);
    return subtasks.map(({ endpoint }) => Number(endpoint.slice(endpoint.lastIndexOf(":") + 1)));
  }

  /** Everything is killed: ends that are to be clean are asked for by the tests of them. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    for (const { pid } of this.place.workers ?? []) tryToKill(pid);
    await Promise.all([this.main, ...this.workers].map((each) => each.end()));
  }
}

function tryToKill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}

export function fixturePath(name: string): string {
  return resolve(import.meta.dirname, "fixtures", `${name}.ts`);
}

const bundles = new Map<string, Promise<JobBundle>>();

function bundleOf(fixture: string): Promise<JobBundle> {
  const bundle = bundles.get(fixture) ?? bundleJob(fixturePath(fixture));
  bundles.set(fixture, bundle);
  return bundle;
}

/** The known answer of the job `sums`. */
function sumsBelow(count: number): unknown[] {
  return Array.from({ length: 8 }, (_, key) => {
    let value = 0;
    for (let index = key; index < count; index += 8) value += index;
    return { key, windowStart: 0, windowEnd: 86_400_000, value };
  });
}

/** What it must have seen: each hundredth number once, all in the same attempt. */
function seenBelow(count: number, attempt: number): unknown[] {
  return Array.from({ length: Math.ceil(count / 100) }, (_, at) => ({ index: at * 100, attempt }));
}

/** Rows in an order of their own: between subtasks there is none. */
export function byField<Name extends string>(rows: readonly unknown[], name: Name): readonly unknown[] {
  const of = (row: unknown): number => (row as Record<Name, number>)[name];
  return rows.toSorted((a, b) => of(a) - of(b));
}
