/** The simulated disk: what a loss of power takes, and what it must not take. */

import { describe, expect, test } from "vitest";
import type { JobId } from "../../../../runtime/cluster-ids.ts";
import { JobResultFiles } from "../../../../runtime/coordinator/job-result-files.ts";
import { type Files, syncFolder } from "../../../../runtime/state/files.ts";
import { Disk } from "../../../../runtime/testing/simulation/disk.ts";
import { filesOf } from "../../../../runtime/testing/simulation/disk-files.ts";
import { Host, SimulatedProcess } from "../../../../runtime/testing/simulation/process.ts";
import { quietFiles } from "../../../../runtime/testing/simulation/quiet-files.ts";
import { World } from "../../../../runtime/testing/simulation/world.ts";

const SEEDS = 30;

interface Machine {
  readonly world: World;
  readonly disk: Disk;
  readonly host: Host;
  readonly process: SimulatedProcess;
  readonly files: Files;
}

function machine(seed: number): Machine {
  const world = new World(seed);
  const disk = new Disk(world);
  const host = new Host("host");
  const process = new SimulatedProcess("process", host, world);
  return { world, disk, host, process, files: filesOf(process, disk) };
}

/** Does it in the world's time. */
async function within(world: World, act: () => Promise<void>): Promise<void> {
  let done = false;
  let failure: unknown;
  const run = (): void => {
    act().then(
      () => {
        done = true;
      },
      (cause) => {
        failure = cause;
        done = true;
      },
    );
  };
  await world.run(run, Number.POSITIVE_INFINITY, () => done);
  if (failure !== undefined) throw failure;
}

async function write(files: Files, path: string, text: string, sync: boolean): Promise<void> {
  await using file = await files.open(path, "a");
  await file.writeFile(text);
  if (sync) await file.sync();
}

function textOf(disk: Disk, path: string): string | undefined {
  const node = disk.find(path);
  return node?.kind === "file" ? Buffer.from(node.bytes).toString() : undefined;
}

describe("a loss of power", () => {
  test("leaves what was synced, with the names of all folders above it", async () => {
    for (let seed = 0; seed < SEEDS; seed++) {
      const { world, disk, host, files } = machine(seed);
      await within(world, async () => {
        await files.mkdir("/a/b", { recursive: true });
        await write(files, "/a/b/c", "synced", true);
        for (const folder of ["/a/b", "/a", "/"]) await syncFolder(files, folder);
      });
      disk.losePower(host);
      expect(textOf(disk, "/a/b/c")).toBe("synced");
    }
  });

  test("takes of what was not synced all, nothing or the end", async () => {
    const left = new Set<string | undefined>();
    for (let seed = 0; seed < SEEDS; seed++) {
      const { world, disk, host, files } = machine(seed);
      await within(world, async () => {
        await write(files, "/file", "synced ", true);
        await syncFolder(files, "/");
        await write(files, "/file", "torn", false);
      });
      disk.losePower(host);
      left.add(textOf(disk, "/file"));
    }
    expect([...left].every((text) => "synced torn".startsWith(text ?? "x"))).toBe(true);
    expect(left.size).toBe(5);
  });

  test("undoes the latest names first: of two renames never the first alone", async () => {
    const left = new Set<string>();
    for (let seed = 0; seed < SEEDS; seed++) {
      const { world, disk, host, files } = machine(seed);
      await within(world, async () => {
        await write(files, "/1", "", true);
        await syncFolder(files, "/");
        await files.rename("/1", "/2");
        await files.rename("/2", "/3");
      });
      disk.losePower(host);
      left.add([...disk.folder("/").names.keys()].join());
    }
    expect([...left].sort()).toEqual(["1", "2", "3"]);
  });

  test("of another host takes nothing, nor does the death of the process", async () => {
    const { world, disk, process, files } = machine(1);
    await within(world, () => write(files, "/file", "visible", false));
    process.die();
    disk.losePower(new Host("other"));
    expect(textOf(disk, "/file")).toBe("visible");
  });
});

test("a full disk takes a part of what is written, and says so", async () => {
  const { world, disk, files } = machine(1);
  await within(world, () => write(files, "/file", "before", true));
  disk.fullUntilMs = Number.POSITIVE_INFINITY;
  await expect(within(world, () => write(files, "/file", "behind", true))).rejects.toMatchObject({ code: "ENOSPC" });
  await expect(within(world, () => write(files, "/new", "", true))).rejects.toMatchObject({ code: "ENOSPC" });
  expect("beforebehind".startsWith(textOf(disk, "/file") ?? "x")).toBe(true);
});

test("collected rows that were made safe survive a loss of power, and those taken back stay away", async () => {
  const job = "job" as JobId;
  for (let seed = 0; seed < SEEDS; seed++) {
    const { world, disk, host, files } = machine(seed);
    const origin = (attempt: number) => ({ attempt, slot: 0 });
    await within(world, async () => {
      const results = new JobResultFiles({ folder: "/data/results", files });
      await results.append(job, "sink", [1, 2], origin(1));
      await results.append(job, "sink", [3], origin(1));
      await results.keep(job, "sink", { attempt: 1, bySlot: new Map([[0, 2]]) });
      await results.append(job, "sink", [4], origin(2));
      await results.sync(job, ["sink", "other"]);
      await results.append(job, "sink", [5], origin(2));
    });
    disk.losePower(host);
    const left = new JobResultFiles({ folder: "/data/results", files: quietFiles(disk) });
    expect([
      [1, 2, 4],
      [1, 2, 4, 5],
    ]).toContainEqual(await left.read(job, "sink", 0, 10));
  }
});
