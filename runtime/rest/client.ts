/**
 * The REST interface as the command line uses it: one method a request, the views back, and the coordinator's errors as
 * the same named errors. Knows nothing of the server.
 */

import { Agent as PlainAgent, request as plainRequest, type RequestOptions } from "node:http";
import { Agent as SecureAgent, request as secureRequest } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { MillraceError } from "../../core/errors.ts";
import { BUNDLE_BYTES_MAX, CHECKPOINT_TIMEOUT_MS, REST_ANSWER_BYTES_MAX } from "../../core/limits.ts";
import type { BundleHash } from "../cluster-ids.ts";
import { formatAddress, type NetworkAddress } from "../wire/address.ts";
import { type Answer, answerError, connectError, timeoutError } from "../wire/connect-error.ts";
import { checkConnect } from "../wire/listen-rule.ts";
import { readAnswer } from "../wire/read-answer.ts";
import { clientTls, type TlsIdentity } from "../wire/tls.ts";
import type {
  BundleView,
  CheckpointsView,
  ExceptionsView,
  ExpectedSubmission,
  JobConfigView,
  JobResultView,
  JobSummaryView,
  JobView,
  LogLine,
  LogPage,
  OverviewView,
  PlanView,
  RowsPage,
  SavepointRequest,
  SavepointView,
  SubmitRequest,
  VertexDetailView,
  WorkerView,
} from "./views.ts";

export interface RestClientOptions extends NetworkAddress {
  readonly token: string;
  readonly tls?: TlsIdentity | undefined;
  /** Of one request; a submission, which is planned first, may take longer. */
  readonly timeoutMs?: number;
}

interface Call {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly body?: Uint8Array | string;
  readonly type?: string;
  readonly timeoutMs?: number;
}

const timeoutMsDefault = 10_000;
/** As long as a checkpoint may take when a job says nothing. */
const savepointTimeoutMs = CHECKPOINT_TIMEOUT_MS;

/** Planning is bounded by itself; this is more than it may take. */
const submitTimeoutMs = 120_000;
const followEveryMs = 250;

/** Every method throws COORDINATOR_UNREACHABLE, NOT_A_COORDINATOR, TLS, or what the coordinator refuses with. */
export class RestClient {
  readonly #options: RestClientOptions;
  readonly #agent: PlainAgent;

  /** @throws INSECURE when the token would leave the machine unencrypted. */
  constructor(options: RestClientOptions) {
    checkConnect(options.host, { tls: options.tls });
    this.#options = options;
    const reuse = { keepAlive: true, maxSockets: 4 };
    this.#agent =
      options.tls === undefined ? new PlainAgent(reuse) : new SecureAgent({ ...reuse, ...clientTls(options.tls) });
  }

  overview(): Promise<OverviewView> {
    return this.#get("/overview");
  }

  async jobs(): Promise<readonly JobSummaryView[]> {
    return (await this.#get<{ readonly jobs: readonly JobSummaryView[] }>("/jobs/overview")).jobs;
  }

  job(jid: string): Promise<JobView> {
    return this.#get(jobPath(jid));
  }

  plan(jid: string): Promise<PlanView> {
    return this.#get<{ readonly plan: PlanView }>(`${jobPath(jid)}/plan`).then(({ plan }) => plan);
  }

  async explain(jid: string): Promise<string> {
    return (await this.#call({ method: "GET", path: `${jobPath(jid)}/explain` })).body;
  }

  vertex(jid: string, vertex: string): Promise<VertexDetailView> {
    return this.#get(`${jobPath(jid)}/vertices/${encodeURIComponent(vertex)}`);
  }

  checkpoints(jid: string): Promise<CheckpointsView> {
    return this.#get(`${jobPath(jid)}/checkpoints`);
  }

  exceptions(jid: string): Promise<ExceptionsView> {
    return this.#get(`${jobPath(jid)}/exceptions`);
  }

  config(jid: string): Promise<JobConfigView> {
    return this.#get(`${jobPath(jid)}/config`);
  }

  metrics(jid: string): Promise<unknown> {
    return this.#get(`${jobPath(jid)}/metrics`);
  }

  result(jid: string): Promise<JobResultView> {
    return this.#get(`${jobPath(jid)}/result`);
  }

  rows(jid: string, sink: string, from: number, max: number): Promise<RowsPage> {
    return this.#get(`${jobPath(jid)}/rows/${encodeURIComponent(sink)}?from=${from}&max=${max}`);
  }

  log(jid: string, from: number): Promise<LogPage> {
    return this.#get(`${jobPath(jid)}/log?from=${from}`);
  }

  /** The lines of a job's log as they come, until the job has ended or the signal says so. */
  async *followLog(
    jid: string,
    { from = 0, everyMs = followEveryMs, signal }: { from?: number; everyMs?: number; signal?: AbortSignal } = {},
  ): AsyncGenerator<LogLine, void, void> {
    for (let next = from; signal?.aborted !== true; ) {
      const page = await this.log(jid, next);
      yield* page.lines;
      if (page.lines.length === 0) {
        if (page.ended) return;
        await sleep(everyMs, undefined, signal === undefined ? {} : { signal }).catch(() => {});
      }
      next = page.next;
    }
  }

  async workers(): Promise<readonly WorkerView[]> {
    return (await this.#get<{ readonly workers: readonly WorkerView[] }>("/workers")).workers;
  }

  async bundles(): Promise<readonly BundleView[]> {
    return (await this.#get<{ readonly bundles: readonly BundleView[] }>("/bundles")).bundles;
  }

  async putBundle(hash: BundleHash, code: Uint8Array): Promise<BundleView> {
    // The coordinator would cut the connection, and its reason could be lost.
    if (code.length > BUNDLE_BYTES_MAX) {
      const message = `the bundled program has ${code.length} bytes, and at most ${BUNDLE_BYTES_MAX} are taken; load data at run time`;
      throw new MillraceError("BAD_REQUEST", message);
    }
    return await this.#json({ method: "PUT", path: `/bundles/${hash}`, body: code, type: "application/javascript" });
  }

  async deleteBundle(hash: BundleHash): Promise<void> {
    await this.#call({ method: "DELETE", path: `/bundles/${hash}` });
  }

  /** A submission will follow: the cluster prepares for it. */
  async expectSubmission(expected: ExpectedSubmission): Promise<void> {
    const body = JSON.stringify(expected);
    await this.#call({ method: "POST", path: "/submissions", body, type: "application/json" });
  }

  submit(request: SubmitRequest): Promise<JobSummaryView> {
    const body = JSON.stringify(request);
    return this.#json({ method: "POST", path: "/jobs", body, type: "application/json", timeoutMs: submitTimeoutMs });
  }

  /** @throws JOB_ENDED when it has ended by itself already. */
  async cancel(jid: string): Promise<void> {
    await this.#call({ method: "POST", path: `${jobPath(jid)}/cancel` });
  }

  /** Resolves when the savepoint is complete. */
  savepoint(jid: string, request: SavepointRequest): Promise<SavepointView> {
    const body = JSON.stringify(request);
    const path = `${jobPath(jid)}/savepoints`;
    return this.#json({ method: "POST", path, body, type: "application/json", timeoutMs: savepointTimeoutMs });
  }

  /** @throws JOB_ENDED */
  async stop(jid: string): Promise<void> {
    await this.#call({ method: "POST", path: `${jobPath(jid)}/stop` });
  }

  /** @throws NOT_READY */
  async ready(): Promise<void> {
    await this.#call({ method: "GET", path: "/ready" });
  }

  /** Ends the connections that are kept for further requests. */
  close(): void {
    this.#agent.destroy();
  }

  #get<View>(path: string): Promise<View> {
    return this.#json({ method: "GET", path });
  }

  async #json<View>(call: Call): Promise<View> {
    const answer = await this.#call(call);
    try {
      return JSON.parse(answer.body) as View;
    } catch (cause) {
      const where = formatAddress(this.#options);
      throw new MillraceError("NOT_A_COORDINATOR", `${where} answered no JSON; check host and port`, { cause });
    }
  }

  async #call(call: Call): Promise<Answer> {
    const answer = await this.#send(call);
    if (answer.status < 200 || answer.status > 299) throw answerError(answer, this.#options);
    return answer;
  }

  /** A connection that was kept may have been closed just now: then once more, where that can do no harm. */
  async #send(call: Call): Promise<Answer> {
    try {
      return await this.#attempt(call);
    } catch (error) {
      if (call.method !== "GET" || !(error instanceof StaleConnection)) throw plain(error);
      return await this.#attempt(call).catch((again: unknown) => {
        throw plain(again);
      });
    }
  }

  #attempt(call: Call): Promise<Answer> {
    const timeoutMs = call.timeoutMs ?? this.#options.timeoutMs ?? timeoutMsDefault;
    return new Promise<Answer>((resolve, reject) => {
      const request = (this.#options.tls === undefined ? plainRequest : secureRequest)(this.#request(call));
      const timer = setTimeout(() => request.destroy(timeoutError(this.#options, timeoutMs)), timeoutMs);
      const fail = (cause: unknown): void => {
        const error = connectError(cause, this.#options, this.#options.tls !== undefined);
        reject(request.reusedSocket && !(cause instanceof MillraceError) ? new StaleConnection(error) : error);
      };
      request.on("error", fail);
      request.on("close", () => clearTimeout(timer));
      request.on("response", (response) => {
        readAnswer(response, REST_ANSWER_BYTES_MAX).then(resolve, fail);
      });
      request.end(call.body);
    });
  }

  #request({ method, path, body, type }: Call): RequestOptions {
    const { host, port, token } = this.#options;
    return {
      host,
      port,
      method,
      path: `/v1${path}`,
      agent: this.#agent,
      headers: {
        accept: "application/json",
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { "content-length": Buffer.byteLength(body) }),
        ...(type === undefined ? {} : { "content-type": type }),
      },
    };
  }
}

class StaleConnection extends Error {
  readonly error: MillraceError;

  constructor(error: MillraceError) {
    super(error.message);
    this.error = error;
  }
}

function plain(error: unknown): unknown {
  return error instanceof StaleConnection ? error.error : error;
}

function jobPath(jid: string): string {
  return `/jobs/${encodeURIComponent(jid)}`;
}
