import { describe, expect, test } from "vitest";
import { figuresOf, type ProgressOptions, progressLine, showProgress } from "../../../runtime/cli/progress.ts";
import type { JobMetrics, VertexMetrics } from "../../../runtime/job-metrics.ts";

const noon = Date.UTC(2011, 2, 1, 12);
const hourMs = 3_600_000;

function vertex(name: string, recordsIn: number, watermark: number, source = true): VertexMetrics {
  return { vertex: name, source, recordsIn, recordsOut: 0, bytesOut: 0, watermark, subtasks: [] };
}

function metrics(elapsedMs: number, ...vertices: VertexMetrics[]): JobMetrics {
  return { job: "sales", state: "running", elapsedMs, busyMs: [], vertices, operators: {} };
}

/** A stream that keeps what is written to it. */
function fakeStream(terminal: { readonly columns: number } | undefined) {
  const written: string[] = [];
  const stream = { ...(terminal && { isTTY: true, ...terminal }), write: (text: string) => written.push(text) };
  return { written, stream };
}

function inFile(options: ProgressOptions = {}) {
  const { written, stream } = fakeStream(undefined);
  return { written, progress: showProgress({ stream, ...options }) };
}

describe("the figures", () => {
  test("rows are what the sources have read", () => {
    const snapshot = metrics(1000, vertex("left", 10, noon), vertex("right", 5, noon), vertex("join", 15, noon, false));
    expect(figuresOf(snapshot).rows).toBe(15);
  });

  test("event time is the latest watermark, and the lag how far the last vertex is behind it", () => {
    const snapshot = metrics(1000, vertex("read", 1, noon), vertex("window", 1, noon - 3 * hourMs));
    expect(figuresOf(snapshot)).toMatchObject({ eventTime: noon, lagMs: 3 * hourMs });
  });

  test("vertices without a watermark yet are left out", () => {
    const { NEGATIVE_INFINITY } = Number;
    const begun = metrics(1, vertex("read", 1, noon), vertex("window", 0, NEGATIVE_INFINITY));
    expect(figuresOf(begun)).toMatchObject({ eventTime: noon, lagMs: 0 });
    const without = metrics(1, vertex("read", 1, NEGATIVE_INFINITY));
    expect(figuresOf(without)).toMatchObject({ eventTime: undefined, lagMs: undefined });
  });

  test("vertices that have come to the end of time are left out too", () => {
    const { POSITIVE_INFINITY } = Number;
    const ending = metrics(1, vertex("read", 1, POSITIVE_INFINITY), vertex("window", 1, noon));
    expect(figuresOf(ending)).toMatchObject({ eventTime: noon, lagMs: 0 });
    const ended = metrics(1, vertex("read", 1, POSITIVE_INFINITY));
    expect(figuresOf(ended)).toMatchObject({ eventTime: undefined, lagMs: undefined });
  });
});

test.each([
  [0, "0 s"],
  [1400, "1 s"],
  [119_000, "119 s"],
  [120_000, "2 min"],
  [hourMs, "60 min"],
  [2 * hourMs, "2 h"],
  [17 * 24 * hourMs, "17 d"],
])("a lag of %i ms reads %s", (lagMs, text) => {
  const line = progressLine("sales", { elapsedMs: 0, rows: 0, eventTime: noon, lagMs }, 0);
  expect(line).toBe(`sales: 0 rows, 0 rows/s, event time 2011-03-01T12:00:00.000Z, lag ${text}`);
});

describe("in a log file", () => {
  test("there is a plain line every few seconds at most", () => {
    const { written, progress } = inFile({ every: "2s" });
    for (let ms = 200; ms <= 5000; ms += 200) progress.onProgress(metrics(ms, vertex("read", ms, noon)));
    expect(written).toEqual([
      "sales: 2,000 rows, 1,000 rows/s, event time 2011-03-01T12:00:00.000Z, lag 0 s\n",
      "sales: 4,000 rows, 1,000 rows/s, event time 2011-03-01T12:00:00.000Z, lag 0 s\n",
    ]);
  });

  test("the rate is that of the latest seconds, and at the end that of the whole", () => {
    const { written, progress } = inFile({ every: "4s" });
    for (let ms = 200; ms <= 8000; ms += 200) {
      progress.onProgress(metrics(ms, vertex("read", Math.min(ms, 4000), noon)));
    }
    progress.done();
    expect(written.map((line) => /[\d,]+ rows\/s/.exec(line)?.[0])).toEqual(["1,000 rows/s", "0 rows/s", "500 rows/s"]);
  });

  test("a short job has its last line only, and done may be called again", () => {
    const { written, progress } = inFile();
    progress.onProgress(metrics(500, vertex("read", 1234, Number.NEGATIVE_INFINITY)));
    progress.done();
    progress.done();
    expect(written).toEqual(["sales: 1,234 rows, 2,468 rows/s in 0.5 s\n"]);
  });

  test("a job that never reported leaves nothing", () => {
    const { written, progress } = inFile();
    progress.done();
    expect(written).toEqual([]);
  });

  test("further text stands at the end", () => {
    const { written, progress } = inFile({ extra: ({ vertices }) => `hit rate ${vertices.length / 4}` });
    progress.onProgress(metrics(9000, vertex("read", 9, Number.NEGATIVE_INFINITY)));
    expect(written).toEqual(["sales: 9 rows, 1 rows/s, hit rate 0.25\n"]);
  });
});

describe("on a terminal", () => {
  test("one line is rewritten, as wide as the terminal at most", () => {
    const { written, stream } = fakeStream({ columns: 20 });
    const progress = showProgress({ stream });
    progress.onProgress(metrics(200, vertex("read", 1, noon)));
    progress.onProgress(metrics(400, vertex("read", 2, noon)));
    expect(written).toEqual(["\r\u001b[Ksales: 1 rows, 5 r…", "\r\u001b[Ksales: 2 rows, 5 r…"]);
  });

  test("the last line is whole and ends", () => {
    const { written, stream } = fakeStream({ columns: 20 });
    const progress = showProgress({ stream });
    progress.onProgress(metrics(200, vertex("read", 1, noon)));
    progress.done();
    expect(written.at(-1)).toBe(
      "\r\u001b[Ksales: 1 rows, 5 rows/s, event time 2011-03-01T12:00:00.000Z, lag 0 s in 0.2 s\n",
    );
  });

  test("plain lines can be asked for there too", () => {
    const { written, stream } = fakeStream({ columns: 80 });
    const progress = showProgress({ stream, rewrite: false });
    progress.onProgress(metrics(200, vertex("read", 1, noon)));
    expect(written).toEqual([]);
  });
});

test("a job that begins anew has no rate below zero", () => {
  const { written, progress } = inFile({ every: "1s" });
  for (const [elapsedMs, rows] of [
    [2000, 5000],
    [4000, 9000],
    [6000, 1000],
    [9000, 4000],
  ] as const) {
    progress.onProgress(metrics(elapsedMs, vertex("read", rows, Number.NEGATIVE_INFINITY)));
  }
  expect(written).toEqual([
    "sales: 5,000 rows, 2,500 rows/s\n",
    "sales: 9,000 rows, 2,000 rows/s\n",
    "sales: 1,000 rows, 0 rows/s\n",
    "sales: 4,000 rows, 1,000 rows/s\n",
  ]);
});
