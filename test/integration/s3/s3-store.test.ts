/** Checkpoints in S3, on a real server that checks signatures: the store itself, embedded runs, and a cluster. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from "vitest";
import { removeCheckpoints } from "../../../runtime/checkpoints/open-store.ts";
import { run } from "../../../runtime/run.ts";
import { type CheckpointStore, checkpointName } from "../../../runtime/state/checkpoint-store.ts";
import { openS3Store } from "../../../runtime/state/s3-store.ts";
import { checkpointNotesSuite, checkpointStoreSuite } from "../../conformance/checkpoint-store.ts";
import { completed, expectAnswer, restarted, submitCounted } from "../checkpoints/counted-job.ts";
import failsOnce from "../checkpoints/fixtures/fails-once.ts";
import { byField, Cluster } from "../cluster/cluster.ts";
import { endsAllProcesses, workFolder } from "../cluster/processes.ts";
import "../../s3-server/global-setup.ts";

const s3 = inject("s3");
const { env, bucket } = s3 ?? { env: {}, bucket: "s3://none" };
const failed = expect.objectContaining({ code: "CHECKPOINT_STORE" });
const first = checkpointName(1);
let places = 0;

endsAllProcesses();

beforeAll(() => {
  Object.assign(process.env, env);
});

const open = () => openS3Store(`${bucket}/suite-${process.pid}/${++places}`, env);
const reopen = async (store: CheckpointStore) => {
  await store.close();
  return openS3Store(`${bucket}/suite-${process.pid}/${places}`, env);
};

describe.skipIf(s3 === undefined)("checkpoints in S3", () => {
  checkpointStoreSuite("S3", { open, reopen });
  checkpointNotesSuite("S3", { open, reopen });

  test("blocks beside each other, and more of them than one request lists or reads, come back in order", async () => {
    const store = await open();
    const blocks = Array.from({ length: 30 }, (_, at) => new Uint8Array(1_000_000).fill(at));
    await store.writeBlocks({ checkpoint: first, worker: "a", first: 0, blocks });
    const places = [...blocks.keys()].map((number) => ({ checkpoint: first, worker: "a", number }));
    let at = 0;
    for await (const block of store.readBlocks(places)) {
      expect(block?.length).toBe(1_000_000);
      expect(block?.every((byte) => byte === at)).toBe(true);
      at++;
    }
    expect(at).toBe(30);
  });

  test("a list goes on where one answer ends", async () => {
    const store = await open();
    const many = Array.from({ length: 1100 }, (_, number) => checkpointName(number));
    for (let at = 0; at < many.length; at += 50)
      await Promise.all(many.slice(at, at + 50).map((name) => store.writeManifest(name, Uint8Array.of(1))));
    expect(await store.manifests()).toEqual(many);
  });

  test("who may not is told so by the server's words, and nothing secret is in them", async () => {
    const wrong = { ...env, AWS_SECRET_ACCESS_KEY: "a-wrong-secret" };
    const refused = await openS3Store(`${bucket}/x`, wrong).catch((error: Error) => error);
    expect(refused).toEqual(failed);
    expect((refused as Error).message).toMatch(/403 SignatureDoesNotMatch/);
    const everything = JSON.stringify(refused, Object.getOwnPropertyNames(refused)) + String((refused as Error).cause);
    expect(everything).not.toContain("a-wrong-secret");
    await expect(openS3Store("s3://no-such-bucket/x", env)).rejects.toThrow(/404 NoSuchBucket/);
  });

  test("an embedded job takes its checkpoints there, and another run goes on from them", async () => {
    const directory = `${bucket}/embedded-${process.pid}`;
    const abort = new AbortController();
    const quiet = { logLevel: "silent" } as const;
    const first = await run(failsOnce, { ...quiet, checkpoints: { directory }, signal: abort.signal });
    const store = await openS3Store(directory, env);
    await expect.poll(async () => (await store.manifests()).length, { timeout: 60_000 }).toBeGreaterThan(2);
    abort.abort();
    await expect(first.result).rejects.toMatchObject({ code: "CANCELLED" });
    const second = await run(failsOnce, { ...quiet, checkpoints: { directory } });
    await second.result;
    const seen = second.collect<{ index: number }>("seen");
    expect(seen.length).toBeLessThan(400);
    const all = [...first.collect<{ index: number }>("seen"), ...seen];
    expect(new Set(all.map(({ index }) => index)).size).toBe(400);
    await removeCheckpoints(directory);
    expect([await store.manifests(), await store.checkpointsWithBlocks()]).toEqual([[], []]);
  });

  test("a cluster keeps them there: a worker is killed, and nothing of its disk is needed", async () => {
    await using folder = await workFolder();
    const location = `${bucket}/cluster-${process.pid}`;
    await using cluster = await Cluster.coordinator({ folder: folder.path, args: ["--checkpoints", location], env });
    const [victim] = await Promise.all([1, 2].map(() => cluster.worker(["--slots", "1"], env)));
    const jid = await submitCounted(cluster);
    await cluster.reaches(jid, "RUNNING");
    await completed(cluster, jid, 3);
    process.kill(victim?.pid ?? 0, "SIGKILL");
    await cluster.worker(["--slots", "1"], env);
    await restarted(cluster, jid);
    expect((await cluster.client.checkpoints(jid)).counts.restored).toBe(1);
    expect(await expectAnswer(cluster, jid)).toEqual(new Set([1, 2]));
    const log = (await cluster.client.log(jid, 0)).lines.map((line) => JSON.stringify(line)).join();
    expect(log + cluster.main.stderr.join()).not.toContain(env["AWS_SECRET_ACCESS_KEY"]);
    expect(byField(await cluster.rows(jid, "seen"), "index")).toHaveLength(200);
  });
});

describe("a location in S3", () => {
  test.each([["s3://"], ["s3://UPPER/x"], ["s3://key:secret@bucket/x"], ["s3://bucket/a b"], ["s3://bucket/x?y"]])(
    "%s is none, and what it holds is not repeated",
    async (location) => {
      const refused = await openS3Store(location, env).catch((error: Error) => error);
      expect(refused).toMatchObject({ code: "BAD_OPTION" });
      expect((refused as Error).message).not.toContain("secret@");
    },
  );

  test("needs to be told who asks", async () => {
    const nobody = { AWS_SHARED_CREDENTIALS_FILE: "/nowhere" };
    await expect(openS3Store("s3://bucket/x", nobody)).rejects.toMatchObject({ code: "BAD_OPTION" });
    await expect(openS3Store("s3://bucket/x", nobody)).rejects.toThrow(/AWS_ACCESS_KEY_ID/);
  });

  test("a server that is busy is asked again, one that is down is named", async () => {
    let asked = 0;
    const server = createServer((_, response) => {
      asked++;
      response.writeHead(asked < 3 ? 503 : 200);
      response.end(asked < 3 ? "<Error><Code>SlowDown</Code></Error>" : "<ListBucketResult></ListBucketResult>");
    }).listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const who = { AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "b" };
    const store = await openS3Store("s3://bucket/x", { ...who, AWS_ENDPOINT_URL: endpoint });
    expect(await store.manifests()).toEqual([]);
    expect(asked).toBe(4);
    const down = openS3Store("s3://bucket/x", { ...who, AWS_ENDPOINT_URL: "http://127.0.0.1:1" });
    await expect(down).rejects.toThrow(failed);
    await expect(down).rejects.toThrow(/s3:\/\/bucket\/x could not list manifests/);
  });
});

afterAll(() => {
  for (const name of Object.keys(env)) delete process.env[name];
});
