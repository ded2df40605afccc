import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { Level } from "level";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DocumentStore } from "../../../runtime/state/document-store.ts";

let folder: string;
let store: DocumentStore;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-documents-"));
  store = await DocumentStore.open(folder);
});

afterEach(async () => {
  await store.close();
  await rm(folder, { recursive: true });
});

async function reopen(): Promise<void> {
  await store.close();
  store = await DocumentStore.open(folder);
}

describe("documents", () => {
  test("are what they were after the store was opened anew", async () => {
    await store.change([
      { kind: "put", name: "job/1", value: { state: "RUNNING", nested: [1, null, "ä"] } },
      { kind: "put", name: "job/2", value: { watermark: Number.NEGATIVE_INFINITY, mean: Number.NaN } },
    ]);
    await reopen();
    expect(await store.get("job/1")).toEqual({ state: "RUNNING", nested: [1, null, "ä"] });
    expect(await store.get("job/2")).toEqual({ watermark: Number.NEGATIVE_INFINITY, mean: Number.NaN });
    expect(await store.get("job/3")).toBeUndefined();
  });

  test("are found by the beginning of their names, in order", async () => {
    await store.change(["job/b", "plan/a", "job/a"].map((name) => ({ kind: "put", name, value: name })));
    expect(await store.all("job/")).toEqual([
      ["job/a", "job/a"],
      ["job/b", "job/b"],
    ]);
  });

  test("change together", async () => {
    await store.change([{ kind: "put", name: "old", value: 1 }]);
    await store.change([
      { kind: "delete", name: "old" },
      { kind: "put", name: "new", value: 2 },
    ]);
    expect(await store.all("")).toEqual([["new", 2]]);
  });

  test("any JSON comes back as it was", async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ noUnicodeString: false }), async (value) => {
        await store.change([{ kind: "put", name: "any", value }]);
        // JSON knows no negative zero.
        expect(await store.get("any")).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      { numRuns: 50 },
    );
  });
});

test("a second coordinator on the same folder is refused by name", async () => {
  await expect(DocumentStore.open(folder)).rejects.toMatchObject({
    code: "STORE_LOCKED",
    message: expect.stringContaining("is open in another coordinator"),
  });
});

test("a damaged document is refused by name, not read", async () => {
  await store.change([{ kind: "put", name: "job/1", value: { state: "RUNNING" } }]);
  await store.close();
  const level = new Level<string, string>(folder);
  const text = (await level.get("job/1")) as string;
  await level.put("job/1", text.replace("RUNNING", "RUNNINF"));
  await level.close();
  store = await DocumentStore.open(folder);
  await expect(store.get("job/1")).rejects.toMatchObject({
    code: "STATE_CORRUPT",
    message: expect.stringContaining('"job/1"'),
  });
});
