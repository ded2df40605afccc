import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type AsyncContext, type AsyncOptions, collectTo, fromArray } from "../../../index.ts";
import { type OperatorHarness, type OutputElement, openHarness } from "../../../runtime/testing/index.ts";
import { runEverywhere } from "../run-everywhere.ts";

/** A service whose answers come when the test says so. */
class Service {
  readonly asked: { readonly value: number; readonly attempt: number; readonly signal: AbortSignal }[] = [];
  readonly #answers = new Map<number, PromiseWithResolvers<string>>();

  readonly ask = (value: number, { attempt, signal }: AsyncContext): Promise<string> => {
    this.asked.push({ value, attempt, signal });
    const answer = Promise.withResolvers<string>();
    this.#answers.set(value, answer);
    return answer.promise;
  };

  get values(): readonly number[] {
    return this.asked.map(({ value }) => value);
  }

  answer(value: number): void {
    this.#answers.get(value)?.resolve(`answer ${value}`);
  }

  fail(value: number): void {
    this.#answers.get(value)?.reject(new Error(`no answer to ${value}`));
  }
}

async function open(
  service: Service,
  options: AsyncOptions<number, string> = {},
  more: Parameters<typeof openHarness>[1] = {},
): Promise<OperatorHarness<number, string>> {
  return openHarness<number, string>((numbers) => numbers.asyncMap("ask", service.ask, options), more);
}

/** Lets what has settled come into the mailbox. */
async function passOn(harness: OperatorHarness<number, string>): Promise<void> {
  for (let turn = 0; turn < 30; turn++) {
    await Promise.resolve();
    if (turn % 10 === 9) harness.advanceTime(0);
  }
}

describe("results", () => {
  test("keep the order of their records, and their timestamps", async () => {
    const service = new Service();
    const harness = await open(service);
    for (const value of [1, 2, 3]) harness.push(value, value * 10);
    service.answer(3);
    service.answer(2);
    await passOn(harness);
    expect(harness.records).toEqual([]);
    service.answer(1);
    await passOn(harness);
    expect(harness.elements).toEqual([
      { kind: "record", value: "answer 1", timestamp: 10 },
      { kind: "record", value: "answer 2", timestamp: 20 },
      { kind: "record", value: "answer 3", timestamp: 30 },
    ]);
    await harness.close();
  });

  test("come as soon as they are there, if they need no order", async () => {
    const service = new Service();
    const harness = await open(service, { ordered: false });
    for (const value of [1, 2, 3]) harness.push(value);
    service.answer(3);
    await passOn(harness);
    service.answer(1);
    await passOn(harness);
    expect(harness.records).toEqual(["answer 3", "answer 1"]);
    await harness.close();
  });

  test("of a function that does not wait come at once", async () => {
    const harness = await openHarness<number, number>((numbers) => numbers.asyncMap("double", (n) => 2 * n));
    harness.push(4);
    expect(harness.records).toEqual([8]);
    await harness.close();
  });
});

describe("watermarks stay behind the results of the records before them", () => {
  test.each([true, false])("ordered: %s", async (ordered) => {
    const service = new Service();
    const harness = await open(service, { ordered });
    harness.push(1, 10);
    harness.watermark(10);
    harness.push(2, 20);
    harness.watermark(20);
    service.answer(2);
    await passOn(harness);
    expect(harness.watermarks).toEqual([]);
    service.answer(1);
    await passOn(harness);
    expect(harness.watermarks).toEqual([10, 20]);
    await harness.close();
  });
});

describe("capacity", () => {
  test("no more records are under way at a time; the others wait", async () => {
    const service = new Service();
    const harness = await open(service, { capacity: 2 });
    for (const value of [1, 2, 3, 4]) harness.push(value);
    expect(service.values).toEqual([1, 2]);
    expect(harness.isOpen).toBe(false);
    service.answer(1);
    await passOn(harness);
    expect(service.values).toEqual([1, 2, 3]);
    service.answer(2);
    await passOn(harness);
    service.answer(3);
    await passOn(harness);
    expect(service.values).toEqual([1, 2, 3, 4]);
    expect(harness.isOpen).toBe(true);
    await harness.close();
  });

  test("the end of the input waits for what is under way", async () => {
    const service = new Service();
    const harness = await open(service);
    harness.push(1);
    harness.finish();
    expect(harness.isOpen).toBe(false);
    service.answer(1);
    await harness.settled();
    expect(harness.records).toEqual(["answer 1"]);
    await harness.close();
  });
});

describe("failures", () => {
  test("fail the job with the record's operator", async () => {
    const service = new Service();
    const harness = await open(service);
    harness.push(1);
    service.fail(1);
    await expect(passOn(harness)).rejects.toMatchObject({
      code: "USER_FUNCTION",
      message: expect.stringContaining('a function of "ask" threw Error: no answer to 1'),
    });
    await harness.close();
  });

  test("are tried again after a wait that grows, up to its limit", async () => {
    const service = new Service();
    const retry = { attempts: 4, backoff: "100ms", factor: 3, max: "500ms", jitter: 0 } as const;
    const harness = await open(service, { retry });
    harness.push(1);
    const waits: number[] = [];
    for (let attempt = 1; attempt < 4; attempt++) {
      service.fail(1);
      await passOn(harness);
      const from = harness.clock.now();
      while (service.asked.length === attempt) harness.advanceTime(50);
      waits.push(harness.clock.now() - from);
    }
    expect(waits).toEqual([100, 300, 500]);
    service.answer(1);
    await passOn(harness);
    expect(harness.records).toEqual(["answer 1"]);
    expect(service.asked.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4]);
    expect(harness.metrics().counters).toMatchObject({ retries: 3 });
    await harness.close();
  });

  test("that cannot pass are not tried again", async () => {
    const service = new Service();
    const harness = await open(service, { retry: { attempts: 9, when: () => false }, onFailure: () => "none" });
    harness.push(1);
    service.fail(1);
    await passOn(harness);
    expect(service.asked).toHaveLength(1);
    expect(harness.records).toEqual(["none"]);
    await harness.close();
  });

  test("may have a result of their own", async () => {
    const service = new Service();
    const onFailure = (error: unknown, value: number): string => `${value}: ${(error as Error).message}`;
    const harness = await open(service, { onFailure });
    harness.push(1);
    service.fail(1);
    await passOn(harness);
    expect(harness.records).toEqual(["1: no answer to 1"]);
    expect(harness.metrics().counters).toMatchObject({ failures: 1 });
    await harness.close();
  });

  test("a call that takes too long is given up, told so, and what it gives later is passed over", async () => {
    const service = new Service();
    const harness = await open(service, { timeout: "1s", onFailure: (error) => (error as { code: string }).code });
    harness.push(1);
    harness.advanceTime(400);
    harness.push(2);
    expect(service.asked[0]?.signal.aborted).toBe(false);
    harness.advanceTime(600);
    expect(harness.records).toEqual(["TIMEOUT"]);
    expect(service.asked[0]?.signal.aborted).toBe(true);
    service.answer(1);
    service.answer(2);
    await passOn(harness);
    expect(harness.records).toEqual(["TIMEOUT", "answer 2"]);
    await harness.close();
  });
});

describe("a snapshot", () => {
  test("holds the records under way, for which the function is called again", async () => {
    const [before, after] = [new Service(), new Service()];
    const first = await open(before);
    first.push(1, 10);
    first.watermark(10);
    first.push(2, 20);
    before.answer(2);
    await passOn(first);
    const snapshot = first.snapshot();
    await first.close();
    const second = await open(after, {}, { restore: [snapshot] });
    await passOn(second);
    expect(after.values).toEqual([1, 2]);
    second.push(3, 30);
    for (const value of [1, 2, 3]) after.answer(value);
    await passOn(second);
    expect(second.elements).toEqual([
      { kind: "record", value: "answer 1", timestamp: 10 },
      { kind: "record", value: "answer 2", timestamp: 20 },
      { kind: "watermark", timestamp: 10 },
      { kind: "record", value: "answer 3", timestamp: 30 },
    ]);
    await second.close();
  });

  test("is dealt out over more subtasks", async () => {
    const service = new Service();
    const first = await open(service);
    for (const value of [1, 2, 3]) first.push(value);
    const snapshot = first.snapshot();
    await first.close();
    const calls: number[][] = [];
    for (const subtask of [0, 1]) {
      const after = new Service();
      const harness = await open(after, {}, { restore: [snapshot], subtask, parallelism: 2 });
      await passOn(harness);
      calls.push([...after.values]);
      await harness.close();
    }
    expect(calls).toEqual([[1, 3], [2]]);
  });

  test("holds no more calls than its capacity, however many records come back", async () => {
    const [before, after] = [new Service(), new Service()];
    const first = await open(before, { capacity: 10 });
    for (const value of [1, 2, 3, 4]) first.push(value);
    const second = await open(after, { capacity: 2 }, { restore: [first.snapshot()] });
    await first.close();
    await passOn(second);
    expect(after.values).toEqual([1, 2]);
    for (const value of [1, 2, 3, 4]) {
      after.answer(value);
      await passOn(second);
    }
    expect(second.records).toEqual(["answer 1", "answer 2", "answer 3", "answer 4"]);
    await second.close();
  });
});

test("whatever order the answers come in: every record once, in order if that is wanted, watermarks right", async () => {
  const steps = fc.array(
    fc.oneof(
      fc.constant({ kind: "record" as const }),
      fc.constant({ kind: "watermark" as const }),
      fc.record({ kind: fc.constant("answer" as const), which: fc.nat(1000) }),
      fc.constant({ kind: "restart" as const }),
    ),
    { maxLength: 50 },
  );
  await fc.assert(
    fc.asyncProperty(
      steps,
      fc.boolean(),
      fc.integer({ min: 1, max: 4 }),
      fc.constantFrom(1, 3, 99),
      async (given, ordered, capacity, blockEvery) => {
        const elements: OutputElement<string>[] = [];
        let service = new Service();
        let harness = await open(service, { ordered, capacity }, { blockEvery });
        let records = 0;
        for (const step of given) {
          const asked = service.values;
          if (step.kind === "record") harness.push(++records, records);
          else if (step.kind === "watermark") harness.watermark(records);
          else if (step.kind === "answer" && asked.length > 0)
            service.answer(asked[step.which % asked.length] as number);
          else if (step.kind === "restart" && harness.isOpen) {
            elements.push(...harness.elements);
            const snapshot = harness.snapshot();
            await harness.close();
            service = new Service();
            harness = await open(service, { ordered, capacity }, { blockEvery, restore: [snapshot] });
          }
          await passOn(harness);
        }
        harness.finish();
        for (let turn = 0; turn <= records; turn++) {
          for (const value of service.values) service.answer(value);
          await passOn(harness);
        }
        elements.push(...harness.elements);
        await harness.close();
        const out = elements.flatMap((element) => (element.kind === "record" ? [element.timestamp] : []));
        const expected = Array.from({ length: records }, (_, at) => at + 1);
        expect(ordered ? out : out.toSorted((a, b) => a - b)).toEqual(expected);
        let highest = 0;
        for (const element of elements) {
          if (element.kind === "watermark") highest = Math.max(highest, element.timestamp);
          if (element.kind === "record") expect(element.timestamp).toBeGreaterThan(highest);
        }
        expect(highest).toBe(Number.POSITIVE_INFINITY);
      },
    ),
    { numRuns: 60 },
  );
});

test("wrong options are refused", () => {
  const openWith = (options: AsyncOptions<number, string>) => open(new Service(), options);
  return Promise.all([
    expect(openWith({ capacity: 0 })).rejects.toThrow(/capacity of "ask" is 0; it must be a whole number from 1/),
    expect(openWith({ ordered: "no" as never })).rejects.toThrow(/ordered of "ask" is no; it must be true or false/),
    expect(openWith({ retry: { attempts: 2, factor: 0.5 } })).rejects.toThrow(/retry.factor of "ask" is 0.5/),
    expect(openWith({ timeout: "0s" })).rejects.toThrow(/timeout of "ask" must be longer than zero/),
  ]);
});

test("at any parallelism", async () => {
  const numbers = Array.from({ length: 200 }, (_, at) => at);
  await runEverywhere(
    (env) => {
      env
        .from(fromArray(numbers))
        .asyncMap("double", (n) => Promise.resolve(2 * n), { capacity: 7 })
        .to(collectTo("out"));
    },
    ({ rows }) => expect(rows<number>("out").toSorted((a, b) => a - b)).toEqual(numbers.map((n) => 2 * n)),
  );
});
