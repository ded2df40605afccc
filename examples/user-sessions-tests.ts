/** How a job is tested, by Node's own test runner: `node --test examples/user-sessions-tests.ts`. */

import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { fromArray } from "millrace";
import { openJob, simulate } from "millrace/testing";
import sessions from "./user-sessions.ts";

const source = "parquet:examples/data/online-retail.parquet";

interface Session {
  readonly user: number;
  readonly purchases: number;
  readonly pieces: number;
}

const minute = 60_000;

const sale = (user: number, atMinute: number, quantity = 1) => ({
  user_id: user,
  quantity,
  timestamp: atMinute * minute,
});

const shown = ({ user, purchases, pieces }: Session) => ({ user, purchases, pieces });

test("purchases within half an hour are one session, also when they come out of order", async () => {
  const job = await openJob(sessions, { params: { minutes: 0 } });
  await job.pushAll(source, [sale(1, 0, 2), sale(1, 50, 3), sale(1, 25, 5)]);
  deepEqual(job.rows("print"), []);
  await job.end();
  deepEqual(job.rows<Session>("print").map(shown), [{ user: 1, purchases: 3, pieces: 10 }]);
  await job.close();
});

test("a session goes on behind a savepoint, with more subtasks", async () => {
  const before = await openJob(sessions, { params: { minutes: 0 } });
  await before.push(source, sale(1, 0));
  const snapshot = await before.snapshot();
  await before.close();
  const job = await openJob(sessions, { params: { minutes: 0 }, parallelism: 2, restore: snapshot });
  await job.pushAll(source, [sale(1, 10), sale(2, 10)]);
  await job.end();
  const ended = job.rows<Session>("print").map(shown);
  deepEqual(
    ended.toSorted((a, b) => a.user - b.user),
    [
      { user: 1, purchases: 2, pieces: 2 },
      { user: 2, purchases: 1, pieces: 1 },
    ],
  );
  await job.close();
});

test("sales without a user are left out", async () => {
  const job = await openJob(sessions, { params: { minutes: 0 } });
  await job.push(source, { ...sale(1, 0), user_id: null });
  await job.end();
  deepEqual(job.rows("print"), []);
  await job.close();
});

test("whatever fails, the sessions are the same", async () => {
  const sales = Array.from({ length: 120 }, (_, i) => sale(i % 12, 90 * Math.floor(i / 60) + (i % 60) / 3));
  const results = await simulate(sessions, { seeds: 5, sources: { [source]: fromArray(sales) } });
  equal(results.length, 5);
});
