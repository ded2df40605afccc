/** From the path that a user types to the job that the module there defines. */

import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { MillraceError } from "../../core/errors.ts";
import { definedJob, type Job } from "../../core/job.ts";

/** @throws MillraceError BAD_JOB_MODULE when there is no such module, it fails, or its default export is no job. */
export async function loadJob(path: string): Promise<Job> {
  const file = resolve(path);
  if (!(await isFile(file)))
    throw new MillraceError("BAD_JOB_MODULE", `there is no file ${path}; give the path of a job's module`);
  const job = exportedJob(path, await importDefault(path, pathToFileURL(file).href));
  checkCopy(path, job);
  return job;
}

/** @throws MillraceError BAD_JOB_MODULE when what the module exports as its default is no job. */
export function exportedJob(path: string, exported: unknown): Job {
  if (isJob(exported)) return exported;
  throw new MillraceError(
    "BAD_JOB_MODULE",
    `${path} does not export a job: its default export is ${kindOf(exported)}; end it with "export default job", where job is what defineJob returned`,
  );
}

async function isFile(file: string): Promise<boolean> {
  return await stat(file).then(
    (found) => found.isFile(),
    () => false,
  );
}

async function importDefault(path: string, url: string): Promise<unknown> {
  try {
    const module: { readonly default?: unknown } = await import(url);
    return module.default;
  } catch (cause) {
    if (cause instanceof MillraceError) throw cause;
    throw new MillraceError("BAD_JOB_MODULE", `${path} could not be imported`, { cause });
  }
}

function isJob(value: unknown): value is Job {
  if (typeof value !== "object" || value === null) return false;
  const { name, module, build, options } = value as Partial<Job>;
  const texts = typeof name === "string" && typeof module === "string";
  return texts && typeof build === "function" && typeof options === "object";
}

function kindOf(value: unknown): string {
  if (value === undefined || value === null) return "missing";
  return typeof value === "object" ? "another object" : `a ${typeof value}`;
}

/** Worker threads look jobs up in this command's copy of core: one that another copy defined would not be found there. */
function checkCopy(path: string, job: Job): void {
  try {
    definedJob(job.module, job.name);
  } catch {
    throw new MillraceError(
      "BAD_JOB_MODULE",
      `the job of ${path} was defined by another copy of millrace than the one that this command belongs to; install millrace once, and start that copy's command`,
    );
  }
}
