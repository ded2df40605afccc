import { afterEach, describe, expect, test } from "vitest";
import { deploymentOf, graphOf, takeAll, Workers, writeAll } from "./workers.ts";

const workers = new Workers();
afterEach(() => workers.close());

function numbered(count: number, filler = 40): { id: number; text: string }[] {
  return Array.from({ length: count }, (_, id) => ({ id, text: "x".repeat(filler) }));
}

const oneToOne = graphOf(2, [[0, 1]]);
const bothWays = graphOf(2, [
  [0, 1],
  [1, 0],
]);

describe.each([
  ["unix", undefined],
  ["tcp", { kind: "tcp", host: "127.0.0.1" }],
] as const)("over %s", (_, listen) => {
  const options = listen === undefined ? {} : { listen };

  test("records come to the other worker, each once, in order, in both directions", async () => {
    const a = await workers.start("a", options);
    const b = await workers.start("b", options);
    const deployment = deploymentOf("job/0/1", bothWays, [a.place(0), b.place(1)]);
    const atA = a.attach(deployment);
    const atB = b.attach(deployment);
    const there = numbered(50_000);
    const back = numbered(30_000, 90);
    const [cameThere, cameBack] = await Promise.all([
      takeAll(atB.input(0)),
      takeAll(atA.input(1)),
      writeAll(atA.output(0), there),
      writeAll(atB.output(1), back),
    ]);
    expect(cameThere).toEqual(there);
    expect(cameBack).toEqual(back);
    expect([...a.lost, ...b.lost]).toEqual([]);
  });
});

void oneToOne;
