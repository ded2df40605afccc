/** Other versions of a program go on from what the first one has saved: embedded on real threads, and on a cluster. */

import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { afterAll, expect, test } from "vitest";
import { types, valueState } from "../../../index.ts";
import { type JobHandle, type RunOptions, run } from "../../../runtime/run.ts";
import { newSavepoint, openSavepoint } from "../../../runtime/state-processor/index.ts";
import { Cluster, eventually } from "../cluster/cluster.ts";
import { endsAllProcesses, freePort, millrace, workFolder } from "../cluster/processes.ts";
import { USERS } from "./fixtures/accounts.ts";
import first from "./fixtures/accounts-1.ts";
import second from "./fixtures/accounts-2.ts";
import third from "./fixtures/accounts-3.ts";
import fourth from "./fixtures/accounts-4.ts";

endsAllProcesses();

const COUNT = 8000;
const folder = await workFolder();
afterAll(() => folder[Symbol.asyncDispose]());

const moduleOf = (version: number): string => resolve(import.meta.dirname, `fixtures/accounts-${version}.ts`);

/** So slow that no machine is too slow to take some checkpoints before its end. */
const slowly = { perSecond: 150 };

/** Runs it, slowly, until it has completed so many checkpoints into the folder. */
async function runUntil(
  job: typeof first,
  directory: string,
  checkpoints: number,
  options: RunOptions = {},
): Promise<JobHandle> {
  const abort = new AbortController();
  const handle = await run(job, {
    ...options,
    params: slowly,
    checkpoints: { directory },
    signal: abort.signal,
    logLevel: "silent",
  });
  const before = (await readdir(join(directory, "manifests"))).length;
  let ended = false;
  handle.result
    .finally(() => {
      ended = true;
    })
    .catch(() => {}); // looked at below
  const newest = new Set<string>();
  await eventually(`${checkpoints} checkpoints are complete`, async () => {
    for (const name of await readdir(join(directory, "manifests"))) newest.add(name);
    return newest.size >= before + checkpoints || ended;
  });
  abort.abort();
  await expect(handle.result).rejects.toMatchObject({ code: "CANCELLED" });
  return handle;
}

interface Count {
  readonly user: string;
  readonly count: number;
  readonly since?: string;
}

function sorted<T>(rows: Iterable<T>): readonly T[] {
  return [...rows].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

/** The last count of each user. */
function lastCounts(rows: readonly Count[]): readonly Count[] {
  const last = new Map<string, Count>();
  for (const row of rows) if (row.count > (last.get(row.user)?.count ?? 0)) last.set(row.user, row);
  return sorted(last.values());
}

function everyone(before = 0): readonly Count[] {
  const count = before + COUNT / USERS;
  return sorted(Array.from({ length: USERS }, (_, at) => ({ user: `user-${at}`, count, since: "version 1" })));
}

function sums(): readonly unknown[] {
  const rows: { key: string; windowStart: number; windowEnd: number; value: number }[] = [];
  for (let start = 0; start < COUNT; start += 1000) {
    for (let user = 0; user < USERS; user++) {
      let value = 0;
      for (let index = start + user; index < start + 1000; index += USERS) value += index;
      rows.push({ key: `user-${user}`, windowStart: start, windowEnd: start + 1000, value });
    }
  }
  return sorted(rows);
}

/** Rows behind the checkpoint came twice. */
function distinct(rows: readonly unknown[]): readonly unknown[] {
  return sorted(new Map(rows.map((row) => [JSON.stringify(row), row])).values());
}

test("state survives a new version at parallelism 8, and back at 1: renamed, converted, added and dropped", async () => {
  const [one, two] = [join(folder.path, "one"), join(folder.path, "two")];
  const before = await runUntil(first, one, 3);
  const from = { directory: one, allowDropped: true };
  const middle = await runUntil(second, two, 3, { from, parallelism: 8 });
  const last = await run(second, { from: two, parallelism: 1, logLevel: "silent" });
  await last.result;
  // Each payment was counted once over all three, in state that has gone from one subtask to eight and back.
  expect(lastCounts(last.collect("counts"))).toEqual(everyone());
  expect(distinct([before, middle, last].flatMap((each) => each.collect("sums")))).toEqual(sums());
  const firsts = [...middle.collect<{ first: number }>("firsts"), ...last.collect<{ first: number }>("firsts")];
  expect(firsts).toHaveLength(USERS);
  expect(Math.min(...firsts.map((row) => row.first))).toBeGreaterThan(0);
});

test("what does not fit is refused before anything runs, in the words of diff", async () => {
  const from = join(folder.path, "one");
  const refused = await run(third, { from, logLevel: "silent" }).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: "UPGRADE_REFUSED" });
  const { code, stdout } = await millrace(["diff", from, moduleOf(3)], { cwd: folder.path });
  expect(code).toBe(1);
  const [, ...table] = stdout.split("\n");
  for (const fault of [
    "its values.count: int32 became string",
    "windows were tumbling by 1000 ms and are sliding by 2000 ms every 1000 ms",
    'the program has no operator "extra"',
  ])
    expect(stdout).toContain(fault);
  expect((refused as Error).message).toContain(table.join("\n").trimEnd());
});

test("diff says what becomes of each state, as text and as JSON, and its exit code whether the job can go on", async () => {
  const from = join(folder.path, "one");
  const options = { cwd: folder.path };
  expect(await millrace(["diff", from, moduleOf(2)], options)).toMatchObject({ code: 1 });
  const { code, stdout } = await millrace(["diff", from, moduleOf(2), "--allow-dropped", "--json"], options);
  expect(code).toBe(0);
  const { possible, states } = JSON.parse(stdout) as {
    possible: boolean;
    states: { operator: string; state: string }[];
  };
  expect(possible).toBe(true);
  expect(states.map((state) => ({ ...state, changes: undefined }))).toMatchObject([
    { operator: "payments", state: "position", outcome: "kept" },
    { operator: "balance", was: "account", state: "account", outcome: "converted" },
    { operator: "sum", state: "panes", outcome: "kept" },
    { operator: "sum", state: "fired", outcome: "kept" },
    { operator: "new", state: "first", outcome: "added" },
    { operator: "extra", state: "seen", outcome: "dropped" },
  ]);
  expect(await millrace(["diff", join(folder.path, "nowhere"), moduleOf(2)], options)).toMatchObject({ code: 2 });
  expect(await millrace(["diff", from, moduleOf(2), "--drop", "gone"], options)).toMatchObject({ code: 2 });
});

test("a job's own folder goes by the same rules, but without permissions, and from is not looked at there", async () => {
  const directory = join(folder.path, "one");
  const from = { directory: join(folder.path, "nowhere"), allowDropped: true };
  const handle = await run(second, { from, checkpoints: { directory }, logLevel: "silent" });
  await expect(handle.result).rejects.toMatchObject({ code: "UPGRADE_REFUSED" });
  const elsewhere = run(second, { from, checkpoints: { directory: join(folder.path, "own") }, logLevel: "silent" });
  await expect(elsewhere).rejects.toMatchObject({ code: "NOT_FOUND" });
});

test("keys of another kind than the state's fail the job with their name", async () => {
  const from = { directory: join(folder.path, "one"), allowDropped: true };
  const handle = await run(fourth, { from, logLevel: "silent" });
  await expect(handle.result).rejects.toMatchObject({ code: "KEYS_CHANGED", operator: "account" });
});

test("a job goes on from a savepoint that a program has changed, and from one that it has made", async () => {
  const [changed, made] = [join(folder.path, "changed"), join(folder.path, "made")];
  const saved = await openSavepoint(join(folder.path, "one"));
  const account = types.object({ count: types.int32, note: types.string });
  const counted = new Map<unknown, number>();
  for await (const { key, value } of saved.operator("account").read("account", valueState(account)))
    counted.set(key, value.count);
  expect(counted.size).toBe(USERS);
  await saved
    .change()
    .map("account", "account", valueState(account), ({ count, note }) => ({ count: count + 1000, note }))
    .removeOperator("extra")
    .write(changed);
  const next = await run(second, { from: changed, logLevel: "silent" });
  await next.result;
  expect(lastCounts(next.collect("counts"))).toEqual(everyone(1000));
  const now = types.object({ count: types.bigint, since: types.withDefault(types.string, "version 1") });
  await newSavepoint({ job: "accounts" })
    .fill("balance", "account", valueState(now), [{ key: "user-3", value: { count: 5000n, since: "a program" } }])
    .write(made);
  const begun = await run(second, { from: made, parallelism: 3, logLevel: "silent" });
  await begun.result;
  const user = lastCounts(begun.collect("counts")).find((row) => row.user === "user-3");
  expect(user).toEqual({ user: "user-3", count: 5000 + COUNT / USERS, since: "a program" });
  expect(distinct(begun.collect("sums"))).toEqual(sums());
});

test("on a cluster: savepoint, refusal in the words of diff, and the next version at another parallelism", async () => {
  const port = await freePort();
  await using cluster = await Cluster.coordinator({ folder: folder.path, port });
  await Promise.all([1, 2].map(() => cluster.worker(["--slots", "4"])));
  const cli = (...args: readonly string[]) => millrace(args, { cwd: folder.path });
  const submitted = await cli("submit", moduleOf(1), "--detach", "--param", "perSecond=150");
  const jid = submitted.stdout.trim();
  await cluster.reaches(jid, "RUNNING");
  await eventually(
    "checkpoints are complete",
    async () => (await cluster.client.checkpoints(jid)).counts.completed >= 2,
  );
  const stopped = await cli("stop", jid, "--savepoint", "saved", "--wait");
  expect(stopped.code).toBe(0);
  const savepoint = join(folder.path, "saved");
  const diff = await cli("diff", savepoint, moduleOf(2));
  const refused = await cli("submit", moduleOf(2), "--from", savepoint);
  expect([diff.code, refused.code]).toEqual([1, 2]);
  const [, ...table] = diff.stdout.split("\n");
  expect(refused.stderr).toContain("UPGRADE_REFUSED");
  expect(refused.stderr).toContain(table.join("\n").trimEnd());
  const next = await cli(
    "submit",
    moduleOf(2),
    "--from",
    savepoint,
    "--drop",
    "extra",
    "--parallelism",
    "8",
    "--detach",
  );
  expect(next.code).toBe(0);
  const nextId = next.stdout.trim();
  await cluster.reaches(nextId, "FINISHED");
  expect(lastCounts((await cluster.rows(nextId, "counts")) as readonly Count[])).toEqual(everyone());
  const rows = [...(await cluster.rows(jid, "sums")), ...(await cluster.rows(nextId, "sums"))];
  expect(distinct(rows)).toEqual(sums());
});
