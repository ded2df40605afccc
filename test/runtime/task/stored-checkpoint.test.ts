import { expect, test } from "vitest";
import { MillraceError } from "../../../core/errors.ts";
import { toErrorReport } from "../../../runtime/error-report.ts";
import type { FromSlot } from "../../../runtime/protocol.ts";
import { BLOCKS_READ_AHEAD, checkpointName } from "../../../runtime/state/checkpoint-store.ts";
import { StoredCheckpoint } from "../../../runtime/task/stored-checkpoint.ts";

const checkpoint = checkpointName(3);

function storeOf(): { store: StoredCheckpoint; asked: FromSlot[] } {
  const asked: FromSlot[] = [];
  return { store: new StoredCheckpoint((message) => asked.push(message)), asked };
}

test("answers find their questions, whatever their order", async () => {
  const { store, asked } = storeOf();
  const first = store.readManifest(checkpoint);
  const second = store.readManifest(checkpointName(4));
  expect(asked).toEqual([
    { kind: "readManifest", serial: 1, checkpoint },
    { kind: "readManifest", serial: 2, checkpoint: checkpointName(4) },
  ]);
  store.receive({ kind: "stored", serial: 2, found: [null], error: null });
  store.receive({ kind: "stored", serial: 1, found: [Uint8Array.of(9)], error: null });
  expect([await first, await second]).toEqual([Uint8Array.of(9), undefined]);
});

test("blocks are asked for some at a time, and come in their order", async () => {
  const { store, asked } = storeOf();
  const places = Array.from({ length: BLOCKS_READ_AHEAD + 2 }, (_, number) => ({ checkpoint, worker: "w", number }));
  const came: (number | undefined)[] = [];
  const reading = (async () => {
    for await (const block of store.readBlocks(places)) came.push(block?.[0]);
  })();
  for (let serial = 1; serial <= 2; serial++) {
    await expect.poll(() => asked.length).toBe(serial);
    const { places: some } = asked.at(-1) as Extract<FromSlot, { kind: "readBlocks" }>;
    const found = some.map(({ number }) => (number === 1 ? null : Uint8Array.of(number)));
    store.receive({ kind: "stored", serial, found, error: null });
  }
  await reading;
  expect(came).toEqual(places.map(({ number }) => (number === 1 ? undefined : number)));
});

test("the next blocks are asked for while those before are used, and their failure waits for its turn", async () => {
  const { store, asked } = storeOf();
  const places = Array.from({ length: BLOCKS_READ_AHEAD + 1 }, (_, number) => ({ checkpoint, worker: "w", number }));
  const reading = store.readBlocks(places);
  const first = reading.next();
  await expect.poll(() => asked.length).toBe(1);
  store.receive({ kind: "stored", serial: 1, found: places.slice(1).map(() => Uint8Array.of(1)), error: null });
  expect(await first).toEqual({ value: Uint8Array.of(1), done: false });
  expect(asked.length).toBe(2);
  const error = toErrorReport(new MillraceError("CHECKPOINT_STORE", "the disk is gone"));
  store.receive({ kind: "stored", serial: 2, found: [], error });
  for (let block = 1; block < BLOCKS_READ_AHEAD; block++) expect((await reading.next()).done).toBe(false);
  await expect(reading.next()).rejects.toMatchObject({ code: "CHECKPOINT_STORE" });
});

test("what the store failed with fails the reading, and a cancel ends it", async () => {
  const { store } = storeOf();
  const error = toErrorReport(new MillraceError("CHECKPOINT_STORE", "the disk is gone"));
  const failed = store.readManifest(checkpoint);
  store.receive({ kind: "stored", serial: 1, found: [], error });
  await expect(failed).rejects.toMatchObject({ code: "CHECKPOINT_STORE" });
  const waiting = store.readManifest(checkpoint);
  store.close();
  await expect(waiting).rejects.toMatchObject({ code: "CANCELLED" });
  await expect(store.readManifest(checkpoint)).rejects.toMatchObject({ code: "CANCELLED" });
});
