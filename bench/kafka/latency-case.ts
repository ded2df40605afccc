/**
 * How long a message takes from its send to the output of J1, at a steady rate: sends messages to the job's input, each with
 * the time of its send, and reads the job's output beside it, in one process with one clock. What is sent before the warm-up's
 * end does not count. With "floor" as the peer nothing runs between: output and input are the same topic.
 *
 * The sender waits for no acknowledgement before it sends on, as producers with several requests under way do: what it would
 * hold back would count as the job's. Nothing is lost or overtaken thereby on one broker that stays.
 *
 *   node bench/kafka/latency-case.ts BROKERS PEER GUARANTEE COMMIT_MS [RATE [WARM_S [MEASURE_S]]]
 */

import { setTimeout as sleep } from "node:timers/promises";
import { BatchProducer } from "../../connectors/kafka/client/batch-producer.ts";
import { Fetcher } from "../../connectors/kafka/client/fetcher.ts";
import { KafkaClient } from "../../connectors/kafka/client/kafka-client.ts";
import { RecordBatchBuilder } from "../../connectors/kafka/codec/record-batch-builder.ts";
import { RecordColumns } from "../../connectors/kafka/codec/record-columns.ts";
import { type Bid, bidNow, partitionOf, textOf } from "./bids.ts";
import { committedEnds, newTopic, PARTITIONS } from "./broker.ts";
import { peakMegabytesOf, type RunningPeer, startPeer } from "./job-case.ts";
import type { Peer } from "./peers.ts";

const [brokers = "", peer = "", guarantee = "", commitMs = "1000", ...numbers] = process.argv.slice(2);
const [rate = 10_000, warmS = 6, measureS = 8] = numbers.map(Number);
/** For a peer to be there, and to bring out what it has not kept up with. */
const READY_WITHIN_MS = 60_000;
const DRAINED_WITHIN_MS = 60_000;

const input = await newTopic(brokers, "latency-in");
const output = peer === "floor" ? input : await newTopic(brokers, "latency-out");
await using client = new KafkaClient({ brokers });
const micros = (): number => Math.round((performance.timeOrigin + performance.now()) * 1000);
/** Sorted at the end. */
const latencies: number[] = [];
const sent = { from: Number.POSITIVE_INFINITY, to: Number.POSITIVE_INFINITY, count: 0, done: false };

await using running = await started();
const reading = read();
await warmedUp();
sent.from = micros() + warmS * 1e6;
sent.to = sent.from + measureS * 1e6;
await send(() => micros() < sent.to);
for (const end = Date.now() + DRAINED_WITHIN_MS; latencies.length <= sent.count && Date.now() < end; ) await sleep(50);
sent.done = true;
await reading;
report(running);
await running?.[Symbol.asyncDispose](); // which an exit leaves out
process.exit(0);

async function started(): Promise<RunningPeer | undefined> {
  if (peer === "floor") return undefined;
  const where = { BROKERS: brokers, IN: input, OUT: output, JOB: "j1", GUARANTEE: guarantee, COMMIT_MS: commitMs };
  return startPeer(peer as Peer, { ...where, LATEST: "1" });
}

/** Sends until the first message has come out: a peer that begins behind what is there must have begun. */
async function warmedUp(): Promise<void> {
  const end = Date.now() + READY_WITHIN_MS;
  let left = true;
  await send(() => {
    left = latencies.length === 0 && Date.now() < end;
    return left;
  });
  if (latencies.length === 0) throw new Error(`${peer} gave nothing:\n${running?.complaints.join("\n")}`);
}

/** At the rate, what has come to be due every millisecond in one request, until it shall not. Resolves when all is acknowledged. */
async function send(goOn: () => boolean): Promise<void> {
  const producer = new BatchProducer(client);
  const builders = Array.from({ length: PARTITIONS }, () => new RecordBatchBuilder());
  const sending = new Set<Promise<unknown>>();
  const began = micros();
  let index = 0;
  while (goOn()) {
    for (const due = ((micros() - began) * rate) / 1e6; index < due; index++) {
      const at = micros();
      const bid = bidNow(at + index, at);
      builders[partitionOf(bid, PARTITIONS)]?.append(String(bid.auction), textOf(bid), Math.floor(at / 1000));
      if (at >= sent.from && at < sent.to && (peer === "floor" || bid.price > 100_000)) sent.count++;
    }
    const batches = builders.flatMap((builder, partition) =>
      builder.count === 0 ? [] : { topic: input, partition, batch: builder.finish() },
    );
    if (batches.length > 0) {
      const request = producer.send(batches).finally(() => sending.delete(request));
      sending.add(request);
    }
    await sleep(1);
  }
  await Promise.all(sending);
}

async function read(): Promise<void> {
  const fetcher = new Fetcher(client, { committedOnly: guarantee === "exactly-once" });
  const columns = new RecordColumns();
  for (const [partition, end] of (await committedEnds(client, output)).entries()) {
    fetcher.follow({ topic: output, partition }, end);
  }
  while (!sent.done) {
    const fetched = fetcher.take();
    if (fetched === undefined) {
      await Promise.race([fetcher.wait(), sleep(500)]);
      continue;
    }
    const now = micros();
    while (fetched.records.next(columns)) {
      for (let row = 0; row < columns.count; row++) {
        const at = Number.parseInt((JSON.parse(String(columns.value(row))) as Bid).extra, 10);
        if (sent.from === Number.POSITIVE_INFINITY) latencies[0] = now - at;
        else if (at >= sent.from && at < sent.to) latencies.push(now - at);
      }
    }
  }
  fetcher.close();
}

function report(of: RunningPeer | undefined): void {
  latencies.shift(); // of the warm-up
  const sorted = Float64Array.from(latencies).sort();
  if (sorted.length !== sent.count) throw new Error(`${peer}: ${sorted.length} of ${sent.count} messages came out`);
  const at = (share: number): number => (sorted[Math.ceil(share * sorted.length) - 1] ?? 0) / 1000;
  const figures = {
    case: `latency, ${guarantee} (${peer})`,
    rate,
    commit_ms: Number(commitMs),
    messages: sorted.length,
    p50_ms: at(0.5),
    p90_ms: at(0.9),
    p99_ms: at(0.99),
    max_ms: at(1),
    ...(of && { peak_rss_mb: peakMegabytesOf(of.child.pid) }),
  };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}
