/** Jobs: what runs, how it does, what it left, and what can be done to it. */

import { MillraceError } from "../../core/errors.ts";
import type { JobId } from "../cluster-ids.ts";
import { backpressure, backpressureSchema } from "./backpressure.ts";
import { checkReady } from "./cluster-routes.ts";
import {
  cancelQuery,
  expectBody,
  jobParams,
  logQuery,
  rowsQuery,
  savepointBody,
  sinkParams,
  submitBody,
  subtaskParams,
  vertexParams,
} from "./request-schemas.ts";
import { type Answer, type Call, known, knownJob, type Route } from "./route.ts";
import { anything, fieldsOf, text } from "./schema.ts";
import {
  checkpoints,
  empty,
  exceptions,
  job,
  jobConfig,
  jobResult,
  jobSummary,
  listing,
  logPage,
  plan,
  rowsPage,
  savepoint,
  subtask,
  vertexDetail,
} from "./view-schemas.ts";
import type { ClusterService, ExpectedSubmission, SavepointRequest, SubmitRequest, VertexDetailView } from "./views.ts";

export function jobRoutes(service: ClusterService): readonly Route[] {
  return [
    ...listRoutes(service),
    ...viewRoutes(service),
    ...vertexRoutes(service),
    ...outputRoutes(service),
    ...actionRoutes(service),
  ];
}

function listRoutes(service: ClusterService): readonly Route[] {
  return [
    {
      method: "GET",
      path: "/jobs",
      summary: "The jobs' ids and states",
      answers: { 200: listing("jobs", fieldsOf<{ id: string; status: string }>({ id: text, status: text })) },
      answer: () => ({ body: { jobs: service.jobs().map(({ jid, state }) => ({ id: jid, status: state })) } }),
    },
    {
      method: "GET",
      path: "/jobs/overview",
      summary: "The jobs with times, parallelism and restarts",
      answers: { 200: listing("jobs", jobSummary) },
      answer: () => ({ body: { jobs: service.jobs() } }),
    },
    {
      method: "POST",
      path: "/submissions",
      summary:
        "Announces that a program is about to be submitted: what it would wait for is started ahead, for a while",
      body: expectBody,
      answers: { 202: empty },
      answer: ({ body }) => {
        checkReady(service);
        service.expectSubmission(body as ExpectedSubmission);
        return { status: 202, body: {} };
      },
    },
    {
      method: "POST",
      path: "/jobs",
      summary: "Validates a stored program and starts it; 202 when it has to wait for slots",
      body: submitBody,
      answers: { 201: jobSummary, 202: jobSummary },
      answer: ({ body }) => submit(service, body as SubmitRequest),
    },
  ];
}

async function submit(service: ClusterService, request: SubmitRequest): Promise<Answer> {
  checkReady(service);
  const body = await service.submit(request);
  return { status: body.state === "WAITING" ? 202 : 201, body, location: `/jobs/${body.jid}` };
}

/** A GET of one job's view. */
function view(path: string, summary: string, schema: Route["answers"][number], read: (id: JobId) => unknown): Route {
  return {
    method: "GET",
    path: `/jobs/:jid${path}`,
    summary,
    params: jobParams,
    answers: { 200: schema },
    answer: ({ params: { jid = "" } }) => ({ body: knownJob(read(jid as JobId), jid) }),
  };
}

function viewRoutes(service: ClusterService): readonly Route[] {
  const planOf = (id: JobId) => {
    const found = service.job(id);
    return found && { plan: found.plan };
  };
  return [
    view("", "One job with its vertices", job, (id) => service.job(id)),
    view("/plan", "The job's graph", fieldsOf<{ plan: unknown }>({ plan }), planOf),
    view("/explain", "The plan for people, as `millrace explain` prints it", "text", (id) => service.explain(id)),
    view("/exceptions", "What went wrong, and whether it was restarted", exceptions, (id) => service.exceptions(id)),
    view("/checkpoints", "Checkpoints and savepoints: counts, the latest ones, history", checkpoints, (id) =>
      service.checkpoints(id),
    ),
    view("/config", "How the job was submitted", jobConfig, (id) => service.config(id)),
    view("/metrics", "The job's metrics by operator", anything, (id) => service.metrics(id)),
    view("/result", "What a finished job left", jobResult, (id) => service.result(id)),
  ];
}

function vertexRoutes(service: ClusterService): readonly Route[] {
  const vertex = ({ params: { jid = "", vid = "" } }: Call): VertexDetailView => {
    const found = service.vertex(jid as JobId, vid);
    if (found === undefined) knownJob(service.job(jid as JobId), jid);
    return known(found, `vertex "${vid}" in job ${jid}`, `/jobs/${jid}`);
  };
  const path = "/jobs/:jid/vertices/:vid";
  return [
    {
      method: "GET",
      path,
      summary: "One vertex with its subtasks",
      params: vertexParams,
      answers: { 200: vertexDetail },
      answer: (call) => ({ body: vertex(call) }),
    },
    {
      method: "GET",
      path: `${path}/subtasks/:n`,
      summary: "One subtask with its metrics",
      params: subtaskParams,
      answers: { 200: subtask },
      answer: (call) => {
        const wanted = Number(call.params["n"]);
        const found = vertex(call).subtasks.find((each) => each.subtask === wanted);
        return {
          body: known(found, `subtask ${wanted}`, `/jobs/${call.params["jid"]}/vertices/${call.params["vid"]}`),
        };
      },
    },
    {
      method: "GET",
      path: `${path}/backpressure`,
      summary: "How busy, idle and held back the subtasks of a vertex are",
      params: vertexParams,
      answers: { 200: backpressureSchema },
      answer: (call) => ({ body: backpressure(vertex(call)) }),
    },
  ];
}

function outputRoutes(service: ClusterService): readonly Route[] {
  return [
    {
      method: "GET",
      path: "/jobs/:jid/rows/:sink",
      summary: "Collected rows of one sink",
      params: sinkParams,
      query: rowsQuery,
      answers: { 200: rowsPage },
      answer: (call) => rows(service, call),
    },
    {
      method: "GET",
      path: "/jobs/:jid/log",
      summary: "The next lines of the job's log",
      params: jobParams,
      query: logQuery,
      answers: { 200: logPage },
      answer: async ({ params: { jid = "" }, query }) => ({
        body: knownJob(await service.log(jid as JobId, Number(query["from"])), jid),
      }),
    },
  ];
}

async function rows(service: ClusterService, { params: { jid = "", sink = "" }, query }: Call): Promise<Answer> {
  const from = Number(query["from"]);
  const found = await service.rows(jid as JobId, sink, from, Number(query["max"]));
  if (found === undefined) knownJob(service.job(jid as JobId), jid);
  const page = known(found, `sink "${sink}" with collected rows in job ${jid}`, `/jobs/${jid}/result`);
  return { body: { rows: page, next: from + page.length } };
}

function actionRoutes(service: ClusterService): readonly Route[] {
  const cancel = async ({ params: { jid = "" } }: Call) => accepted(await service.cancel(jid as JobId), jid);
  const stop = async ({ params: { jid = "" } }: Call) => accepted(await service.stop(jid as JobId), jid);
  const common = { params: jobParams, answers: { 202: empty } };
  const cancels = "Ends the job at once";
  return [
    {
      ...common,
      method: "PATCH",
      path: "/jobs/:jid",
      query: cancelQuery,
      summary: `${cancels}, as Flink's`,
      answer: cancel,
    },
    { ...common, method: "POST", path: "/jobs/:jid/cancel", summary: cancels, answer: cancel },
    {
      ...common,
      method: "POST",
      path: "/jobs/:jid/stop",
      summary: "Lets the sources end, so that windows fire and the job finishes",
      answer: stop,
    },
    {
      method: "POST",
      path: "/jobs/:jid/savepoints",
      summary:
        "Takes a savepoint, and answers when it is complete; with cancel-job the job ends with it, with drain its windows fire before",
      params: jobParams,
      body: savepointBody,
      answers: { 200: savepoint },
      answer: async ({ params: { jid = "" }, body }) => ({
        body: knownJob(await service.savepoint(jid as JobId, body as SavepointRequest), jid),
      }),
    },
  ];
}

/** @throws JOB_ENDED when it is too late. */
function accepted(done: boolean | undefined, jid: string): Answer {
  if (knownJob(done, jid)) return { status: 202, body: {} };
  throw new MillraceError("JOB_ENDED", `job ${jid} has ended already; GET /v1/jobs/${jid} says how`);
}
