import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { toJsonl } from "../../../connectors/file/jsonl-sink.ts";
import { sinkConformance } from "../../conformance/sink.ts";
import { twoPhaseSinkConformance } from "../../conformance/two-phase-sink.ts";
import { fakeContext } from "../fake-context.ts";
import { tempFolder } from "../temp-folder.ts";

const folder = tempFolder();

function linesOf(path: string): unknown[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

sinkConformance("toJsonl", () => {
  const path = join(folder.path, "conformance/out.jsonl");
  return {
    sink: toJsonl<{ id: number; text: string }>(path),
    record: (id) => ({ id, text: "ä€𝄞".repeat(id % 20) }),
    visible: () => linesOf(path),
    shown: (record) => record,
    folder: folder.path,
  };
});

async function lineOf(value: unknown): Promise<string> {
  const path = join(folder.path, "one.jsonl");
  const writer = toJsonl(path).writer(fakeContext());
  await writer.open?.();
  try {
    await writer.write(value, 0);
    await writer.flush?.();
  } finally {
    await writer.close?.();
  }
  return readFileSync(path, "utf8");
}

test.each([
  [{ big: 2n ** 64n }, '{"big":"18446744073709551616"}\n'],
  [{ at: new Date(0) }, '{"at":"1970-01-01T00:00:00.000Z"}\n'],
  [{ nan: Number.NaN, inf: Number.POSITIVE_INFINITY }, '{"nan":null,"inf":null}\n'],
  [{ text: "two\nlines" }, '{"text":"two\\nlines"}\n'],
  [null, "null\n"],
])("a record with %o is written as %j", async (value, line) => {
  expect(await lineOf(value)).toBe(line);
});

test("what JSON does not have is a BAD_RECORD, not an empty line", async () => {
  await expect(lineOf(undefined)).rejects.toMatchObject({ code: "BAD_RECORD" });
  const cycle: { self?: unknown; id: bigint } = { id: 1n };
  cycle.self = cycle;
  await expect(lineOf(cycle)).rejects.toMatchObject({ code: "BAD_RECORD" });
});

test("a relative path begins at the job's folder, not at the process's", async () => {
  const writer = toJsonl("deep/relative.jsonl").writer(fakeContext({ workingDirectory: folder.path }));
  await writer.open?.();
  await writer.write(1, 0);
  await writer.flush?.();
  await writer.close?.();
  expect(linesOf(join(folder.path, "deep/relative.jsonl"))).toEqual([1]);
});

test("what the file held before is gone when it is opened", async () => {
  const path = folder.write("old.jsonl", "old\n");
  const writer = toJsonl(path).writer(fakeContext());
  await writer.open?.();
  expect(readFileSync(path, "utf8")).toBe("");
  await writer.close?.();
});

test("rows are held back until about 64 KiB are there, and then written before more are taken", async () => {
  const path = join(folder.path, "buffered.jsonl");
  const writer = toJsonl(path).writer(fakeContext());
  await writer.open?.();
  expect(writer.write("x".repeat(60_000), 0)).toBeUndefined();
  expect(linesOf(path)).toEqual([]);
  const written = writer.write("y".repeat(10_000), 0);
  expect(written).toBeInstanceOf(Promise);
  await written;
  expect(linesOf(path).length).toBe(2);
  await writer.close?.();
});

test("one subtask writes the file", () => {
  expect(toJsonl("a.jsonl").parallelism).toBe(1);
});

test("a file that cannot be opened or written is OUTPUT_UNWRITABLE, named by its absolute path", async () => {
  const blocking = folder.write("file", "");
  for (const path of [folder.path, join(blocking, "below.jsonl")]) {
    const writer = toJsonl(path).writer(fakeContext());
    await expect(Promise.resolve(writer.open?.())).rejects.toMatchObject({
      code: "OUTPUT_UNWRITABLE",
      message: expect.stringContaining(path),
    });
    await writer.close?.();
  }
});

// A device that is always full, where there is one.
test.runIf(process.platform === "linux")("a full disk is OUTPUT_UNWRITABLE", async () => {
  const writer = toJsonl("/dev/full").writer(fakeContext());
  await writer.open?.();
  await writer.write({ a: 1 }, 0);
  await expect(Promise.resolve(writer.flush?.())).rejects.toMatchObject({ code: "OUTPUT_UNWRITABLE" });
  await writer.close?.();
});

test("no path is refused", () => {
  expect(() => toJsonl("")).toThrow(/toJsonl expects the path of a file/);
});

let folders = 0;

function partsOf(path: string): string[] {
  return existsSync(path) ? readdirSync(path).sort() : [];
}

twoPhaseSinkConformance("toJsonl with exactlyOnce", () => {
  const path = join(folder.path, `parts-${folders++}`);
  return {
    sink: toJsonl<number>(path, { exactlyOnce: true }),
    visible: async () =>
      partsOf(path)
        .filter((name) => !name.startsWith("."))
        .flatMap((name) => linesOf(join(path, name)) as number[]),
    leftovers: async () => partsOf(path).filter((name) => name.startsWith(".")).length,
  };
});

test("exactlyOnce at a first start removes what an earlier job has published, and nothing else", async () => {
  const path = join(folder.path, "before");
  mkdirSync(path);
  for (const name of ["part-0000000000007-0-0.jsonl", ".part-3-1-0-0.writing", "notes.txt"])
    writeFileSync(join(path, name), "1\n");
  const writer = toJsonl(path, { exactlyOnce: true }).writer(fakeContext());
  await writer.open?.();
  expect(partsOf(path)).toEqual(["notes.txt"]);
});

test("exactlyOnce refuses to go on behind what it has published", async () => {
  const path = join(folder.path, "behind");
  mkdirSync(path);
  writeFileSync(join(path, "part-0000000000007-0-0.jsonl"), "1\n");
  const context = fakeContext({ restored: { checkpoint: 6, parts: [] } });
  const writer = toJsonl(path, { exactlyOnce: true }).writer(context);
  await expect(writer.open?.()).rejects.toMatchObject({ code: "CHECKPOINT_BEHIND_OUTPUT" });
});

test("a prepared part that is gone without having been published is an error", async () => {
  const path = join(folder.path, "gone");
  const writer = toJsonl(path, { exactlyOnce: true }).writer(fakeContext());
  await writer.open?.();
  const part = { written: ".part-0-1-0-0.writing", published: "part-0000000000001-0-0.jsonl" };
  await expect(writer.commit?.(1, part)).rejects.toMatchObject({ code: "OUTPUT_UNWRITABLE" });
});
