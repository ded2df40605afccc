/** One run of the batch benchmark in a process of its own: prints its figures as a line of JSON. */

import {
  type ByteSize,
  counting,
  type DataStream,
  defineJob,
  type ExecutionMode,
  generate,
  run,
  type Sink,
  summing,
  textLines,
  tumbling,
} from "millrace";

interface Sale {
  readonly key: number;
  readonly value: number;
  readonly time: number;
}

const builds = {
  reduce: (sales: DataStream<Sale>) =>
    sales.keyBy("key").reduce("reduce", (a, b) => ({ ...b, value: a.value + b.value })),
  "reduce within a budget of memory": (sales: DataStream<Sale>) =>
    sales.keyBy("key").reduce("reduce", (a, b) => ({ ...b, value: a.value + b.value })),
  "sum as a changelog, read by another": (sales: DataStream<Sale>) =>
    sales
      .keyBy("key")
      .aggregate("sum", summing("value"))
      .map(({ key, value }) => ({ tenth: key % 100_003, value }))
      .keyBy("tenth")
      .reduce("largest", (a, b) => (a.value > b.value ? a : b)),
  "tumbling windows of a day": (sales: DataStream<Sale>) =>
    sales.keyBy("key").window(tumbling("1d")).aggregate("window", summing("value")),
};

const wordCounts = ["word count of a folder of text", "word count within a budget of memory"] as const;

export type BatchCase = keyof typeof builds | (typeof wordCounts)[number];

export const batchCases = [...Object.keys(builds), ...wordCounts] as readonly BatchCase[];

/** Whether the case reads a folder of text. */
export function readsTexts(name: string): boolean {
  return name.startsWith("word count");
}

export interface BatchFigures {
  readonly cpuS: number;
  readonly wallS: number;
  readonly results: number;
  readonly rssMb: number;
}

const counted: Sink<unknown> = {
  name: "counted",
  writer: ({ metrics }) => {
    const results = metrics.counter("results");
    return { write: () => results.add() };
  },
};

export const batchJob = defineJob(
  import.meta,
  "batch",
  (env, { name, records, keys, texts }) => {
    if (readsTexts(name)) {
      const words = env.from(textLines(texts)).flatMap((line) => line.split(" "), { name: "words" });
      words
        .keyBy((word) => word)
        .aggregate("counts", counting())
        .to(counted);
      return;
    }
    const sales = env.from(
      generate({
        count: records,
        record: (index): Sale => ({
          key: (Math.imul(index, 0x9e3779b1) >>> 0) % keys,
          value: index % 100,
          time: index,
        }),
        timestamp: ({ time }) => time,
      }),
    );
    builds[name as keyof typeof builds](sales.withTimestamps(({ time }) => time) as DataStream<Sale>).to(counted);
  },
  { params: { name: "", records: 0, keys: 1, texts: "" } },
);

if (import.meta.main) {
  const [name = "", execution = "", records, keys, memory, texts = ""] = process.argv.slice(2);
  const before = performance.now();
  const handle = await run(batchJob, {
    params: { name, records: Number(records), keys: Number(keys), texts },
    execution: execution as ExecutionMode,
    ...(name.includes("budget") ? { state: { backend: "level", memory: memory as ByteSize } as const } : {}),
  });
  const { operators } = await handle.result;
  const { user, system } = process.cpuUsage();
  const figures: BatchFigures = {
    cpuS: (user + system) / 1e6,
    wallS: (performance.now() - before) / 1000,
    results: operators["counted"]?.counters["results"] ?? 0,
    rssMb: process.resourceUsage().maxRSS / 1024,
  };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}
