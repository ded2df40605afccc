/**
 * The recommender as its user starts it: a process of its own. What it reports is held against counts that plain loops
 * over the file make by the protocol, and its lists against the model fed by such a loop.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { type Column, parquetBytes } from "../connectors/file/parquet-writer.ts";
import { tempFolder } from "../connectors/temp-folder.ts";
import { answersOfNew, type Purchase, shopperEvents } from "../operators/ml/shop.ts";
import { type Exit, type RetailSale, readRetail, startExample } from "./retail.ts";

interface Recommendation {
  readonly user_id: number;
  readonly items: readonly { readonly item_id: number; readonly score: number }[];
  readonly model_version: number;
  readonly ts: number;
}

interface WindowMetrics {
  readonly window: { readonly start: number; readonly end: number };
  readonly "hit_rate@20": number | null;
  readonly conversion: number | null;
  readonly p95_ms: number | null;
  readonly events: number;
  readonly scored: number;
  readonly hits: number;
}

interface Run extends Exit {
  readonly recommendations: string;
  readonly lists: readonly Recommendation[];
  readonly metrics: readonly WindowMetrics[];
}

const folder = tempFolder();
const fullRunMs = 120_000;
let runs = 0;

async function recommend(...options: string[]): Promise<Run> {
  const output = join(folder.path, `out-${runs++}`);
  const exit = await startExample("recommender.ts", "--output", output, ...options);
  expect(exit, exit.stderr).toMatchObject({ code: 0, leftBehind: false });
  const recommendations = readFileSync(`${output}/recommendations.jsonl`, "utf8");
  return {
    ...exit,
    recommendations,
    lists: linesOf<Recommendation>(recommendations),
    metrics: linesOf<WindowMetrics>(readFileSync(`${output}/recommender-metrics.jsonl`, "utf8")),
  };
}

function linesOf<T>(text: string): T[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as T);
}

const itemsOf = ({ items }: Recommendation): number[] => items.map(({ item_id }) => item_id);

/** The protocol's cleaning, row by row in file order. */
function clean(rows: readonly RetailSale[]): {
  readonly purchases: readonly Purchase[];
  readonly dropped: { readonly duplicates: number; readonly nullUsers: number; readonly returns: number };
} {
  const seen = new Set<string>();
  const purchases: Purchase[] = [];
  const dropped = { duplicates: 0, nullUsers: 0, returns: 0 };
  for (const [at, row] of rows.entries()) {
    const text = JSON.stringify(row);
    if (seen.has(text)) dropped.duplicates++;
    else if (row.user_id === null) dropped.nullUsers++;
    else if (row.quantity <= 0) dropped.returns++;
    else {
      const { user_id: user, item_id: item, description } = row;
      purchases.push({ user, item, time: row.timestamp.getTime(), description: description ?? "", row: at });
    }
    seen.add(text);
  }
  return { purchases, dropped };
}

/** Purchases that are new to a shopper who has bought before. */
function scoredOf(purchases: readonly Purchase[]): number {
  const owned = new Map<number, Set<number>>();
  let scored = 0;
  for (const { user, item } of purchases) {
    const had = owned.get(user);
    if (had !== undefined && !had.has(item)) scored++;
    owned.set(user, (had ?? new Set()).add(item));
  }
  return scored;
}

/** Calls back for every purchase with the shopper's last list before it. */
function withLists(
  purchases: readonly Purchase[],
  lists: readonly Recommendation[],
  each: (purchase: Purchase, list: Recommendation | undefined) => void,
): void {
  const byUser = Map.groupBy(lists, ({ user_id }) => user_id);
  for (const purchase of purchases)
    each(
      purchase,
      byUser.get(purchase.user)?.findLast(({ ts }) => ts < purchase.time),
    );
}

let retail: readonly RetailSale[];
let purchases: readonly Purchase[];

beforeAll(async () => {
  retail = await readRetail();
  ({ purchases } = clean(retail));
});

describe("on the recorded file", () => {
  let run: Run;
  let shuffled: Run;

  beforeAll(async () => {
    [run, shuffled] = await Promise.all([recommend("--parallelism", "2"), recommend("--shuffle-baskets", "1")]);
  }, fullRunMs);

  const whole = ({ metrics }: Run): WindowMetrics => metrics.at(-1) as WindowMetrics;

  test("the next purchase is among the first 20 in 36 of 100 cases, in 17 when baskets are shuffled", () => {
    expect(whole(run)["hit_rate@20"]).toBeGreaterThanOrEqual(0.36);
    expect(whole(shuffled)["hit_rate@20"]).toBeGreaterThanOrEqual(0.17);
    expect(whole(shuffled)["hit_rate@20"]).toBeLessThan(whole(run)["hit_rate@20"] as number);
  });

  test("cleaned and scored is what the protocol says", () => {
    const { dropped } = clean(retail);
    expect(dropped).toEqual({ duplicates: 3170, nullUsers: 87_971, returns: 5545 });
    const scored = scoredOf(purchases);
    expect([purchases.length, scored]).toEqual([224_019, 160_111]);
    expect(whole(run)).toMatchObject({ events: purchases.length, scored });
    expect(whole(shuffled).events).toBe(purchases.length);
    expect(run.stdout).toContain("Read 320,705 rows");
    expect(run.stdout).toContain("learnt 224,019 purchases");
    expect(run.stdout).toContain(
      "Dropped: 3,170 exact duplicates, 87,971 rows without a user, 0 without an item, 5,545 returns.",
    );
    expect(run.stdout).toContain(`hit rate@20 ${whole(run)["hit_rate@20"]?.toFixed(4)} over 160,111 purchases`);
  });

  test("each line of the metrics is a day of purchases, the last one the sum of all", () => {
    const days = Map.groupBy(purchases, ({ time }) => Math.floor(time / 86_400_000) * 86_400_000);
    expect(run.metrics.slice(0, -1).map(({ window, events }) => [window.start, window.end, events])).toEqual(
      [...days].map(([start, rows]) => [start, start + 86_400_000, rows.length]),
    );
    for (const field of ["events", "scored", "hits"] as const)
      expect(run.metrics.slice(0, -1).reduce((sum, day) => sum + day[field], 0)).toBe(whole(run)[field]);
    for (const day of run.metrics) {
      expect(Object.keys(day).slice(0, 4)).toEqual(["window", "hit_rate@20", "conversion", "p95_ms"]);
      expect(day["hit_rate@20"]).toBe(day.scored === 0 ? null : day.hits / day.scored);
      expect(day.p95_ms).toBeGreaterThan(0);
    }
    expect(whole(run).window).toEqual({ start: purchases[0]?.time, end: (purchases.at(-1)?.time as number) + 1 });
  });

  test("each moment at which a shopper bought something gives a list, with what the model had learnt by then", () => {
    const versions = new Map(purchases.map(({ user, time }, at) => [`${user} ${time}`, at + 1]));
    expect(run.lists.map(({ user_id, ts, model_version }) => [`${user_id} ${ts}`, model_version])).toEqual(
      [...versions].toSorted(([, a], [, b]) => a - b),
    );
    for (const list of run.lists) {
      expect(Object.keys(list)).toEqual(["user_id", "items", "model_version", "ts"]);
      const scores = list.items.map(({ score }) => score);
      expect(scores).toEqual(scores.toSorted((a, b) => b - a));
      expect(new Set(itemsOf(list)).size).toBe(list.items.length);
      for (const item of list.items) expect(Object.keys(item)).toEqual(["item_id", "score"]);
    }
    expect(run.lists.filter(({ items }) => items.length < 20).length).toBeLessThan(20);
  });

  test("a purchase changes the shopper's next list, and nothing that the shopper has had is on it", () => {
    const owned = new Map<number, Set<number>>();
    const before = new Map<number, string>();
    const bought = Map.groupBy(purchases, ({ user, time }) => `${user} ${time}`);
    let unchanged = 0;
    for (const list of run.lists) {
      const { user_id: user, ts } = list;
      const had = owned.get(user) ?? new Set();
      for (const { item } of bought.get(`${user} ${ts}`) ?? []) had.add(item);
      owned.set(user, had);
      if (itemsOf(list).some((item) => had.has(item))) expect.fail(`${user} has had what is recommended at ${ts}`);
      const text = JSON.stringify(list.items);
      if (list.items.length > 0 && before.get(user) === text) unchanged++;
      before.set(user, text);
    }
    expect(unchanged).toBe(0);
  });

  test("conversion is how many purchases were on the shopper's last list, for each list", () => {
    for (const { lists, metrics } of [run, shuffled]) {
      let conversions = 0;
      withLists(purchases, lists, ({ item }, list) => {
        if (list?.items.some(({ item_id }) => item_id === item)) conversions++;
      });
      expect(conversions).toBeGreaterThan(1000);
      expect(metrics.at(-1)?.conversion).toBe(conversions / lists.length);
    }
  });

  test("the summary names the products that the last shoppers bought and are recommended", () => {
    const names = new Map<number, string>();
    for (const { item, description } of purchases)
      if (!names.has(item)) names.set(item, description.trim().toLowerCase());
    const last = new Map(run.lists.map((list) => [list.user_id, list]));
    const shown = [...run.stdout.matchAll(/^Shopper (\d+)$/gm)].map(([, user]) => Number(user));
    expect(shown).toHaveLength(3);
    for (const user of shown) {
      const latest = purchases.findLast((purchase) => purchase.user === user) as Purchase;
      const section = run.stdout.split(`Shopper ${user}\n`)[1]?.split("\n\n")[0] as string;
      expect(section).toContain(`bought last:  ${names.get(latest.item)}`);
      const expected = itemsOf(last.get(user) as Recommendation).slice(0, 8);
      const listed = [...section.matchAll(/ \d\. (.*)$/gm)].map(([, name]) => name);
      expect(listed).toEqual(expected.map((item) => names.get(item)));
    }
  });

  test("what is printed beside a terminal is plain lines", () => {
    for (const text of [run.stdout, run.stderr]) expect(text).toMatch(/^[\n\x20-\x7e]+\n$/);
    expect(run.stderr).toMatch(/^recommender: [\d,]+ rows, [\d,]+ rows\/s, .*hit rate 0\.\d{3}/m);
    expect(run.stderr).toMatch(/^First list after [\d.]+ s: shopper \d+ gets [a-z]/m);
  });
});

describe("on the first rows", () => {
  const rowCount = 25_000;
  let input: string;
  let all: Run[];

  beforeAll(async () => {
    input = folder.write("first-rows.parquet", parquetOf(retail.slice(0, rowCount)));
    all = [];
    for (const parallelism of ["1", "2", "3", "5"])
      all.push(await recommend("--input", input, "--parallelism", parallelism));
  }, fullRunMs);

  test("recommendations are the same bytes, and metrics the same but for the latency, for any parallelism", () => {
    const [one, two, three] = all as [Run, Run, Run];
    expect(one.lists.length).toBeGreaterThan(500);
    expect(two.recommendations === one.recommendations).toBe(true);
    expect(three.recommendations === one.recommendations).toBe(true);
    const withoutLatency = ({ metrics }: Run): unknown => metrics.map(({ p95_ms, ...others }) => others);
    expect(withoutLatency(two)).toEqual(withoutLatency(one));
    expect(withoutLatency(three)).toEqual(withoutLatency(one));
  });

  test("lists and hits are those of the model fed row by row by the protocol", async () => {
    const events = shopperEvents(clean(retail.slice(0, rowCount)).purchases, 24);
    const answers = await answersOfNew(events);
    const hits = answers.filter(({ wantsList, list, item }) => wantsList && list.includes(item)).length;
    expect(all[0]?.metrics.at(-1)).toMatchObject({ hits });
    const served = answers.filter(({ item }) => item < 0);
    expect(all[0]?.lists).toEqual(
      served.map(({ user, list, scores, modelVersion, time }) => ({
        user_id: user,
        items: list.map((item_id, rank) => ({ item_id, score: scores[rank] })),
        model_version: modelVersion,
        ts: time,
      })),
    );
  });
});

const columnTypes = {
  user_id: { type: "INT32" },
  item_id: { type: "INT32" },
  description: { type: "BYTE_ARRAY", convertedType: 0 },
  quantity: { type: "INT32" },
  unit_price: { type: "DOUBLE" },
  country: { type: "BYTE_ARRAY", convertedType: 0 },
  timestamp: { type: "INT64", convertedType: 9 },
} as const satisfies Record<keyof RetailSale, Omit<Column, "name" | "values">>;

/** The file's columns with these rows. */
function parquetOf(rows: readonly RetailSale[]): Buffer {
  return parquetBytes(
    Object.entries(columnTypes).map(([name, type]) => ({
      name,
      ...type,
      values: rows.map((row) => {
        const value = row[name as keyof RetailSale];
        return value instanceof Date ? BigInt(value.getTime()) : value;
      }),
    })),
  );
}

describe("nothing to learn from", () => {
  test.each([
    ["an input without rows", 0, "Read 0 rows"],
    ["an input of rows without a user", 3, "3 rows without a user"],
  ])("%s is no error, and said", async (_name, count, said) => {
    const rows = retail.slice(0, count).map((row) => ({ ...row, user_id: null }));
    const { lists, metrics, stdout } = await recommend("--input", folder.write("none-left.parquet", parquetOf(rows)));
    expect([lists, metrics]).toEqual([[], []]);
    expect(stdout).toContain(said);
    expect(stdout).toContain("No purchase was left to learn from.");
  });
});

describe("what cannot be run fails with a sentence and leaves no process", () => {
  const stackLine = /^ +at /m;
  const real = new URL("../../examples/data/online-retail.parquet", import.meta.url);
  const half = (): Buffer => {
    const bytes = readFileSync(real);
    return bytes.subarray(0, bytes.length >> 1);
  };
  const other = (): Buffer => parquetBytes([{ name: "n", type: "INT32", values: [1, 2, 3] }]);
  const file = (name: string, content: () => Uint8Array | string) => (): string[] => [
    "--input",
    folder.write(name, content()),
  ];

  test.each<[name: string, options: () => string[], sentence: RegExp]>([
    [
      "an unknown file",
      () => ["--input", `${folder.path}/none.parquet`],
      /^INPUT_UNREADABLE: .*none\.parquet: ENOENT: no such file/m,
    ],
    [
      "a folder without Parquet files",
      () => ["--input", join(folder.write("folder/notes.txt", "x"), "..")],
      /^INPUT_UNREADABLE: .*\/folder: the folder has no file that ends in \.parquet/m,
    ],
    [
      "an empty file",
      file("empty.parquet", () => ""),
      /^INPUT_FORMAT: .*empty\.parquet as Parquet: it is empty .*copy or write it again/m,
    ],
    [
      "half a file",
      file("half.parquet", half),
      /^INPUT_FORMAT: .*half\.parquet as Parquet: it is cut short.*copy or write it again/m,
    ],
    [
      "another format",
      file("text.parquet", () => "user_id,item_id\n1,2\n"),
      /^INPUT_FORMAT: .*text\.parquet as Parquet: it is no Parquet file/m,
    ],
    [
      "other columns",
      file("other.parquet", other),
      /^INPUT_FORMAT: .*other\.parquet has no column "user_id"; it has "n"/m,
    ],
    ["no parallelism", () => ["--parallelism", "0"], /^PARALLELISM: .*is 0; it must be a whole number of at least 1/m],
    [
      "a word as parallelism",
      () => ["--parallelism", "abc"],
      /^BAD_OPTION: --parallelism expects a whole number, got "abc"/m,
    ],
    [
      "a fraction as parallelism",
      () => ["--parallelism", "1.5"],
      /^BAD_OPTION: --parallelism expects a whole number, got "1\.5"/m,
    ],
    [
      "too much parallelism",
      () => ["--parallelism", "1000"],
      /^PARALLELISM: .*1000 but has 128 key groups.*lower the parallelism/m,
    ],
    [
      "a word as seed",
      () => ["--shuffle-baskets", "x"],
      /^BAD_OPTION: --shuffle-baskets expects a whole number, got "x"/m,
    ],
    [
      "a file in place of the output folder",
      () => ["--output", folder.write("occupied", "")],
      /^OUTPUT_UNWRITABLE: cannot write .*\/occupied\//m,
    ],
  ])("%s", async (_name, options, sentence) => {
    const exit = await startExample("recommender.ts", "--output", join(folder.path, "refused"), ...options());
    expect(exit).toMatchObject({ code: 1, stdout: "", leftBehind: false });
    expect(exit.stderr).toMatch(sentence);
    expect(exit.stderr).not.toMatch(stackLine);
  });

  test("an unknown option", async () => {
    expect(await startExample("recommender.ts", "--colour")).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringContaining("Unknown option '--colour'"),
      leftBehind: false,
    });
  });

  // A known defect: of Node's own refusal the stack is shown.
  test("an unknown option is refused by a sentence, not by a stack", async () => {
    expect((await startExample("recommender.ts", "--colour")).stderr).not.toMatch(stackLine);
  });
});
