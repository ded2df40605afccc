/**
 * Rows that are collected, on a machine that loses its power again and again: what is there after a restart is what the
 * newest complete checkpoint holds, whatever the files were left like.
 */

import { expect, test } from "vitest";
import type { HeldRows } from "../../../runtime/checkpoints/collected-rows.ts";
import type { JobId } from "../../../runtime/cluster-ids.ts";
import { JobResultFiles } from "../../../runtime/coordinator/job-result-files.ts";
import { Disk } from "../../../runtime/testing/simulation/disk.ts";
import { filesOf } from "../../../runtime/testing/simulation/disk-files.ts";
import { Host, SimulatedProcess } from "../../../runtime/testing/simulation/process.ts";
import { World } from "../../../runtime/testing/simulation/world.ts";

const SEEDS = 1200;
const LIVES = 8;
const SLOTS = 2;
const job = "job" as JobId;

/** What a complete checkpoint holds. */
interface Complete {
  readonly held: HeldRows;
  readonly rows: readonly number[];
}

/** A job whose coordinator is started again and again; it is one attempt each time. */
class Machine {
  readonly #world: World;
  readonly #disk: Disk;
  readonly #host = new Host("host");
  #complete: Complete | undefined;
  #attempt = 0;
  #row = 0;
  readonly found: (readonly unknown[])[] = [];
  readonly expected: (readonly unknown[])[] = [];

  constructor(seed: number) {
    this.#world = new World(seed);
    this.#disk = new Disk(this.#world);
  }

  /** One process, until it dies at some moment. */
  async live(): Promise<void> {
    const world = this.#world;
    const process = new SimulatedProcess("coordinator", this.#host, world);
    const results = new JobResultFiles({ folder: "/data", files: filesOf(process, this.#disk) });
    const run = (): void => {
      world.after(world.between(0, world.chance(0.8) ? 12 : 60), "death", () => process.die());
      void this.#attemptOf(results);
    };
    await world.run(run, Number.POSITIVE_INFINITY, () => !process.alive);
    if (world.chance(0.7)) this.#disk.losePower(this.#host);
  }

  async #attemptOf(results: JobResultFiles): Promise<void> {
    const attempt = ++this.#attempt;
    const complete = this.#complete;
    if (complete === undefined) await results.clear(job, ["sink"]);
    else await results.keep(job, "sink", complete.held);
    this.found.push(await results.read(job, "sink", 0, 1000));
    this.expected.push(complete?.rows ?? []);
    const rows = [...(complete?.rows ?? [])];
    const bySlot = new Map(Array.from({ length: SLOTS }, (_, slot) => [slot, 0]));
    for (;;) {
      for (let lots = this.#world.whole(-2, 2); lots > 0; lots--) await this.#append(results, attempt, rows, bySlot);
      const barrier: Complete = { held: { attempt, bySlot: new Map(bySlot) }, rows: [...rows] };
      if (this.#world.chance(0.5)) await this.#append(results, attempt, rows, bySlot);
      await results.sync(job, ["sink"]);
      this.#complete = barrier;
    }
  }

  async #append(results: JobResultFiles, attempt: number, rows: number[], bySlot: Map<number, number>): Promise<void> {
    const slot = this.#world.whole(0, SLOTS - 1);
    const lot = Array.from({ length: this.#world.whole(1, 3) }, () => this.#row++);
    rows.push(...lot);
    bySlot.set(slot, (bySlot.get(slot) ?? 0) + lot.length);
    await results.append(job, "sink", lot, { attempt, slot });
  }
}

test("rows that a checkpoint holds are there after each loss of power, and no others", {
  timeout: 120_000,
}, async () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const machine = new Machine(seed);
    for (let life = 0; life < LIVES; life++) await machine.live();
    expect(machine.found, `seed ${seed}`).toEqual(machine.expected);
  }
});
