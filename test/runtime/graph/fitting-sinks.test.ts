import { expect, test } from "vitest";
import { MillraceError } from "../../../core/errors.ts";
import type { Sink, SinkJob } from "../../../core/sink.ts";
import { checkSinks } from "../../../runtime/graph/fitting-sinks.ts";
import { run } from "../../../runtime/run.ts";
import { items, jobOf, nothing, planOf } from "./programs.ts";

const endless = { ...items("endless"), bounded: false };
const checkpoints = { intervalMs: 1000, timeoutMs: 2000 };

/** Tells what it is asked. */
function asking(asked: SinkJob[], answer?: string): Sink<unknown> {
  const fits = (job: SinkJob): string | undefined => {
    asked.push(job);
    return answer;
  };
  return { ...nothing, fits };
}

test("each sink is asked whether it fits to the checkpoints, and what they warn of is given on", () => {
  const asked: SinkJob[] = [];
  const { graph } = planOf((env) => {
    env.from(items()).to(nothing, { name: "any" });
    env.from(items("others")).to(asking(asked), { name: "content" });
    env.from(items("further")).to(asking(asked, "careful"), { name: "careful" });
  });
  expect(checkSinks(graph, checkpoints)).toEqual(["careful"]);
  expect(asked).toEqual([
    { checkpoints, bounded: true },
    { checkpoints, bounded: true },
  ]);
});

test("a sink is bounded when every source before it is, however far", () => {
  const asked: SinkJob[] = [];
  const { graph } = planOf((env) => {
    const both = env.from(items()).union(env.from(endless)).keyBy("group");
    both.map((item) => item).to(asking(asked), { name: "of both" });
    env.from(items("more")).to(asking(asked), { name: "of one" });
  });
  checkSinks(graph, undefined);
  expect(asked.map(({ bounded }) => bounded)).toEqual([false, true]);
});

test("a sink that does not fit ends the job before it starts, in its own name", async () => {
  const unfit: Sink<unknown> = {
    ...nothing,
    fits: () => {
      throw new MillraceError("CHECKPOINT_NEEDED", "give it checkpoints");
    },
    writer: () => {
      throw new Error("it was started");
    },
  };
  const job = jobOf((env) => env.from(endless).to(unfit, { name: "unfit" }));
  const refused = expect.objectContaining({ code: "CHECKPOINT_NEEDED", operator: "unfit" });
  await expect(run(job)).rejects.toEqual(refused);
});
