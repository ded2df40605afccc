/** Connections between workers' stores that do not keep to the protocol, fall silent or end: each question has an answer. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { MillraceError } from "../../../../core/errors.ts";
import { STORE_ANSWER_MS, STORE_MESSAGE_BYTES_MAX } from "../../../../core/limits.ts";
import type { Connection } from "../../../../runtime/exchange/link/connection.ts";
import type { CallAfter } from "../../../../runtime/exchange/link/link-contract.ts";
import { checkpointName } from "../../../../runtime/state/checkpoint-store.ts";
import type { StoreRequest } from "../../../../runtime/store-protocol.ts";
import { StoreConnection, serveStores } from "../../../../runtime/worker/stores/store-connection.ts";
import { PLACE, StoreCluster, type StoreWorker } from "./store-cluster.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "mr-conn-"));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const list: StoreRequest = { kind: "list", place: PLACE };
const unreachable = expect.objectContaining({ code: "CHECKPOINT_STORE" });

async function two(): Promise<[of: StoreCluster, a: StoreWorker, b: StoreWorker]> {
  const of = new StoreCluster(folder);
  return [of, await of.worker("a", "one"), await of.worker("b", "two")];
}

/** What is made of a connection has to be made at once. */
function dialed<T>(from: StoreWorker, to: StoreWorker, make: (connection: Connection) => T): Promise<T> {
  return new Promise((resolve, reject) => {
    from.exchange.dialStores(to.place, (connection, reason) => {
      if (connection === undefined) reject(new Error(reason));
      else resolve(make(connection));
    });
  });
}

const never = () => () => {};

function asking(from: StoreWorker, to: StoreWorker, callAfter: CallAfter = never, onEnd = () => {}) {
  return dialed(from, to, (connection) => new StoreConnection(connection, `worker ${to.id}`, callAfter, onEnd));
}

test("either of two workers may ask the other, and more questions than one at a time", async () => {
  const [, a, b] = await two();
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    const connection = await asking(from, to);
    const answers = await Promise.all(Array.from({ length: 20 }, () => connection.ask(list)));
    expect(answers).toEqual(answers.map(() => ({ kind: "listed", manifests: [], withBlocks: [] })));
    connection.end("the test is over");
  }
});

test("what the other side failed with comes back as it was", async () => {
  const [, a, b] = await two();
  b.stores.serve = (connection) =>
    serveStores(connection, async () => Promise.reject(new MillraceError("STATE_CORRUPT", "x")));
  const connection = await asking(a, b);
  await expect(connection.ask(list)).rejects.toMatchObject({ code: "STATE_CORRUPT", message: "x" });
});

test("an end answers all that was asked, and all that is asked behind it", async () => {
  const [of, a, b] = await two();
  b.stores.serve = (connection) => serveStores(connection, () => new Promise(() => {}));
  let ended = 0;
  const connection = await asking(a, b, never, () => ended++);
  const asked = [connection.ask(list), connection.ask(list)];
  const settled = Promise.allSettled(asked);
  await of.lose(b);
  expect(await settled).toMatchObject([{ reason: unreachable }, { reason: unreachable }]);
  await expect(connection.ask(list)).rejects.toThrow(/worker b cannot be reached/);
  expect(ended).toBe(1);
});

test("a worker that does not answer in time is given up", async () => {
  const [, a, b] = await two();
  b.stores.serve = (connection) => serveStores(connection, () => new Promise(() => {}));
  const times: (readonly [ms: number, ring: () => void])[] = [];
  const callAfter = (ms: number, ring: () => void) => {
    times.push([ms, ring]);
    return () => {};
  };
  const connection = await asking(a, b, callAfter);
  const asked = connection.ask(list);
  expect(times.map(([ms]) => ms)).toEqual([STORE_ANSWER_MS]);
  times[0]?.[1]();
  await expect(asked).rejects.toThrow(unreachable);
});

test("a message that is larger than may be is not sent, and the connection goes on", async () => {
  const [, a, b] = await two();
  const connection = await asking(a, b);
  const blocks = [new Uint8Array(STORE_MESSAGE_BYTES_MAX)];
  const large = {
    kind: "writeBlocks",
    place: PLACE,
    checkpoint: checkpointName(1),
    worker: "w",
    first: 0,
    blocks,
  } as const;
  await expect(connection.ask(large)).rejects.toMatchObject({ code: "RECORD_TOO_LARGE" });
  await expect(connection.ask(list)).resolves.toMatchObject({ kind: "listed" });
});

test.each([
  ["a length of nothing", Buffer.alloc(4)],
  ["a length that is too large", Buffer.from([0xff, 0xff, 0xff, 0xff])],
  ["bytes that are no value", Buffer.from([3, 0, 0, 0, 1, 2, 3])],
])("%s ends the connection, and the worker goes on", async (_, garbage) => {
  const [, a, b] = await two();
  const ended = Promise.withResolvers<string>();
  await dialed(a, b, (connection) => {
    connection.use({ space: new Uint8Array(64), received: () => {} }, ended.resolve);
    connection.socket.write(garbage);
  });
  await ended.promise;
  const connection = await asking(a, b);
  await expect(connection.ask(list)).resolves.toMatchObject({ kind: "listed" });
});

test("a worker of another epoch is not reached", async () => {
  const [, a, b] = await two();
  const stale = { ...b, place: { ...b.place, epoch: 7 } } as unknown as StoreWorker;
  await expect(asking(a, stale)).rejects.toThrow(/another epoch/);
});
