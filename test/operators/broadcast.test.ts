import { describe, expect, test } from "vitest";
import {
  type BroadcastFunction,
  collectTo,
  type DataStream,
  fromArray,
  listState,
  mapState,
  valueState,
  withTtl,
} from "../../index.ts";
import { openTwoInputHarness } from "../../runtime/testing/index.ts";
import { driveTwoInEveryWay, type TwoInputStep } from "./drive-two.ts";
import { runEverywhere } from "./run-everywhere.ts";

interface Payment {
  readonly user: string;
  readonly cents: number;
}

interface Rule {
  readonly name: string;
  readonly above: number;
}

const payment = (user: string, cents: number): TwoInputStep<Payment, Rule> => ({ first: { user, cents }, at: cents });
const rule = (name: string, above: number): TwoInputStep<Payment, Rule> => ({ second: { name, above }, at: 1 });

const broadcast = { rules: mapState<string, number>(), limit: valueState<number>(1000) };

const alerts: BroadcastFunction<Payment, Rule, never, Record<string, never>, typeof broadcast, string> = {
  broadcast,
  process({ user, cents }, { broadcast: { rules, limit } }) {
    if (cents > limit.get()) return [`${user} is over ${limit.get()}`];
    return [...rules.entries()].filter(([, above]) => cents > above).map(([name]) => `${user}: ${name}`);
  },
  processBroadcast({ name, above }, { broadcast: { rules, limit } }) {
    if (name === "limit") limit.set(above);
    else if (above < 0) rules.remove(name);
    else rules.put(name, above);
    return [`${rules.size} rules`];
  },
};

describe("broadcast state", () => {
  test("is changed by the broadcast stream and read by the other", async () => {
    const { records } = await driveTwoInEveryWay<Payment, Rule, string>(
      (payments, rules) => payments.connect(rules.broadcast()).process("alerts", alerts),
      [payment("u", 500), rule("big", 400), payment("u", 500), rule("limit", 450), payment("v", 500), rule("big", -1)],
    );
    expect(records).toEqual(["1 rules", "u: big", "1 rules", "v is over 450", "0 rules"]);
  });

  test("stands beside state and timers of a key", async () => {
    const { records } = await driveTwoInEveryWay<Payment, Rule, string>(
      (payments, rules) =>
        payments
          .keyBy("user")
          .connect(rules.broadcast())
          .process("sums", {
            state: { sum: valueState(0) },
            broadcast: { limit: valueState(100) },
            process({ cents }, { state: { sum }, broadcast: { limit }, key, timers }) {
              sum.update((before) => before + cents);
              timers.register("event", 50);
              return sum.get() > limit.get() ? [`${key}: ${sum.get()}`] : [];
            },
            processBroadcast({ above }, { broadcast: { limit } }) {
              limit.set(above);
            },
            onTimer: (_, { key, broadcast: { limit } }) => [`${key} under ${limit.get()}`],
          }),
      [payment("u", 60), payment("u", 70), rule("", 200), payment("u", 60), payment("u", 70), { watermark: 50 }],
    );
    expect(records).toEqual(["u: 130", "u: 260", "u under 200"]);
  });

  test("a broadcast record may go through all keys of a state", async () => {
    const { records } = await driveTwoInEveryWay<Payment, Rule, string>(
      (payments, rules) =>
        payments
          .keyBy("user")
          .connect(rules.broadcast())
          .process("held", {
            state: { held: listState<number>() },
            broadcast: { limit: valueState<number>() },
            process({ cents }, { state: { held } }) {
              held.add(cents);
            },
            *processBroadcast({ above }, { state: { held }, eachKey }) {
              for (const user of eachKey("held")) {
                const over = held.get().filter((cents) => cents > above);
                held.clear();
                if (over.length > 0) yield `${user}: ${over}`;
              }
            },
          }),
      [payment("u", 5), payment("v", 7), payment("u", 9), rule("", 5), rule("", 0)],
      { keysInAnyOrder: true },
    );
    expect(records.toSorted()).toEqual(["u: 9", "v: 7"]);
  });

  test("cannot be changed by the stream that reads it", async () => {
    const harness = await openTwoInputHarness<Payment, Rule, string>((payments, rules) =>
      payments.connect(rules.broadcast()).process<string, typeof broadcast>("alerts", {
        ...alerts,
        process: (_, { broadcast: { rules } }) => (rules as unknown as { clear(): void }).clear() ?? [],
      }),
    );
    expect(() => harness.push({ user: "u", cents: 1 })).toThrow(/clear is not a function/);
    await harness.close();
  });

  test("of other kinds is refused by name", async () => {
    const open = (state: unknown) =>
      openTwoInputHarness<Payment, Rule, string>((payments, rules) =>
        payments.connect(rules.broadcast()).process("alerts", { ...alerts, broadcast: { rules: state } as never }),
      );
    await expect(open(listState())).rejects.toThrow(
      /broadcast state "rules" of "alerts" must be a valueState or a mapState/,
    );
    await expect(open(withTtl(mapState(), "1h"))).rejects.toThrow(/without withTtl/);
  });
});

test("after a restart at another parallelism every subtask has all of it", async () => {
  const build = (payments: DataStream<Payment>, rules: DataStream<Rule>): DataStream<string> =>
    payments.connect(rules.broadcast()).process("alerts", alerts);
  const snapshots = await Promise.all(
    [0, 1].map(async (subtask) => {
      const harness = await openTwoInputHarness(build, { subtask, parallelism: 2 });
      harness.push2({ name: "big", above: 400 });
      harness.push2({ name: "huge", above: 450 });
      const snapshot = harness.snapshot();
      await harness.close();
      return snapshot;
    }),
  );
  for (const subtask of [0, 1, 2]) {
    const harness = await openTwoInputHarness(build, { subtask, parallelism: 3, restore: snapshots });
    harness.push({ user: "u", cents: 500 });
    expect(harness.records).toEqual(["u: big", "u: huge"]);
    await harness.close();
  }
});

describe("a broadcast join", () => {
  const joined =
    (type: "inner" | "left") =>
    (payments: DataStream<Payment>, rows: DataStream<Rule>): DataStream<string> =>
      payments.connect(rows.broadcast()).join("names", {
        type: type as "left",
        left: ({ user }) => user,
        right: ({ name }) => name,
        deleted: ({ above }) => above < 0,
        join: ({ user, cents }, row) => `${user} ${cents} ${row?.above ?? "-"}`,
      });
  const steps = [
    payment("u", 1),
    rule("u", 10),
    payment("u", 2),
    rule("u", 20),
    payment("u", 3),
    rule("u", -1),
    payment("u", 4),
  ];

  test("finds the latest row of a record's key", async () => {
    expect((await driveTwoInEveryWay(joined("inner"), steps)).records).toEqual(["u 2 10", "u 3 20"]);
  });

  test("or keeps the record without one", async () => {
    expect((await driveTwoInEveryWay(joined("left"), steps)).records).toEqual(["u 1 -", "u 2 10", "u 3 20", "u 4 -"]);
  });
});

test("a broadcast record comes to every subtask, and those of the other stream to one", async () => {
  const payments = Array.from({ length: 50 }, (_, at) => ({ user: `u${at % 5}`, cents: at }));
  await runEverywhere(
    (env) => {
      env
        .from(fromArray(payments), { name: "payments" })
        .connect(env.from(fromArray([{ name: "a", above: 1 }]), { name: "rules" }).broadcast())
        .process<string, typeof broadcast>("alerts", { ...alerts, process: ({ cents }) => [`payment ${cents}`] })
        .to(collectTo("out"));
    },
    ({ rows, parallelism }) => {
      const out = rows<string>("out");
      expect(out.filter((row) => row === "1 rules")).toHaveLength(parallelism);
      expect(out.filter((row) => row.startsWith("payment"))).toHaveLength(50);
    },
  );
});
