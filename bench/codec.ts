/**
 * What the exchange's codec costs a record, encoding and decoding apart, beside the prototype's codec where that can
 * carry the records (no nulls, no nesting, no projection when encoding).
 *
 *   [PROTOTYPE=<folder of its codec.mjs>] node bench/codec.ts [repeats]
 */

import { BatchDecoder, BatchEncoder } from "../runtime/exchange/codec/index.ts";

const batchRows = 500;
const recordsPerRun = 1_000_000;
const repeats = Number(process.argv[2] ?? 7);
const prototypeFolder = process.env["PROTOTYPE"];

interface Bid {
  auction: number;
  bidder: number;
  price: number;
  channel: string;
  url: string;
  dateTime: number;
  extra: string;
}

/** 4096 bids of about 140 bytes, as Nexmark makes them. */
function makeBids(): Bid[] {
  let seed = 12345;
  const next = (): number => {
    seed ^= seed << 13;
    seed ^= seed >>> 17;
    seed ^= seed << 5;
    return seed >>> 0;
  };
  const letters = Array.from({ length: 8192 }, () => String.fromCharCode(97 + (next() % 26))).join("");
  const padding = Buffer.from(letters).toString("latin1");
  const channels = Array.from({ length: 1000 }, (_, index) => `channel-${index}`);
  const urls = Array.from({ length: 1000 }, (_, index) => `https://www.nexmark.com/a${index}/b/item.htm?query=1`);
  return Array.from({ length: 4096 }, (_, index) => {
    const a = next();
    const b = next();
    return {
      auction: a % 100_000,
      bidder: b % 50_000,
      price: (a ^ b) >>> 8,
      channel: channels[b % 1000] as string,
      url: urls[b % 1000] as string,
      dateTime: 1_700_000_000_000 + Math.floor(index / 100),
      extra: padding.substring(a & 4095, (a & 4095) + 20 + (b & 31)),
    };
  });
}

interface Codec {
  /** Encodes one batch that starts at a record's index. */
  encode(from: number): void;
  /** Decodes the batch that was encoded last. */
  decode(): void;
}

/** Keeps results alive, so that nothing is optimised away. */
const sink = { records: new Array<unknown>(512).fill(null), count: 0 };
const gate = { blocked: false };

function ours(records: readonly unknown[], fields?: readonly string[]): Codec {
  const options = { operator: "bench", maxRows: batchRows, maxBytes: 1 << 20 };
  const encoder = new BatchEncoder(fields === undefined ? options : { ...options, fields });
  const decoder = new BatchDecoder({ operator: "bench" });
  const target = new Uint8Array(new SharedArrayBuffer(1 << 20));
  let length = 0;
  const push = (record: unknown): void => {
    sink.records[sink.count++ & 511] = record;
  };
  return {
    encode(from) {
      for (let index = from; index < from + batchRows; index++) encoder.add(records[index & 4095], index);
      length = encoder.finish(target);
    },
    decode() {
      decoder.bind(target.subarray(0, length));
      decoder.deliver(push, gate);
    },
  };
}

/** The prototype of the dataplane's spike, when $PROTOTYPE says where it is. */
async function prototype(records: readonly object[], fields: readonly string[] | null): Promise<Codec | undefined> {
  if (prototypeFolder === undefined) return undefined;
  const module = await import(`${prototypeFolder}/codec.mjs`);
  const codec = module.genCodec(module.infer(records[0]), batchRows, { check: "shape", lazy: fields });
  const encoder = new codec.Encoder();
  const memory = new SharedArrayBuffer(1 << 20);
  const push = (record: unknown): void => {
    sink.records[sink.count++ & 511] = record;
  };
  return {
    encode(from) {
      encoder.bind(memory, 0);
      for (let index = from; index < from + batchRows; index++) encoder.add(records[index & 4095]);
      encoder.finish();
    },
    decode() {
      codec.decode(memory, 0, push);
    },
  };
}

function time(work: (from: number) => void): number {
  const start = process.hrtime.bigint();
  for (let from = 0; from < recordsPerRun; from += batchRows) work(from);
  return Number(process.hrtime.bigint() - start) / recordsPerRun;
}

/** "median (least)": on a shared machine the least is the steadier of the two. */
function summary(values: number[]): string {
  const sorted = values.sort((left, right) => left - right);
  const figure = (value: number | undefined): string => (value ?? 0).toFixed(1).padStart(7);
  return `${figure(sorted[sorted.length >> 1])} (${figure(sorted[0])} )`;
}

/** Takes turns, so that a noisy moment hits all. */
function measure(name: string, codecs: readonly (readonly [string, Codec | undefined])[]): void {
  const present = codecs.filter((entry): entry is readonly [string, Codec] => entry[1] !== undefined);
  const results = present.map(() => ({ encode: [] as number[], decode: [] as number[] }));
  for (let repeat = -2; repeat < repeats; repeat++) {
    present.forEach(([, codec], index) => {
      const encode = time(codec.encode);
      const decode = time(codec.decode);
      if (repeat < 0) return;
      results[index]?.encode.push(encode);
      results[index]?.decode.push(decode);
    });
  }
  present.forEach(([label], index) => {
    const { encode, decode } = results[index] as { encode: number[]; decode: number[] };
    const figures = `encode ${summary(encode)}   decode ${summary(decode)}`;
    console.log(`${name.padEnd(34)} ${label.padEnd(10)} ${figures}   ns/record`);
  });
}

const bids = makeBids();
const projection = ["auction", "dateTime"];
const projected = bids.map(({ auction, dateTime }) => ({ auction, dateTime }));
const nonAscii = bids.map((bid) => ({ ...bid, extra: `${bid.extra}é漢` }));
const union = bids.map((bid, index) => {
  if (index % 50 === 0)
    return { id: index, name: bid.channel, email: bid.url, city: "x", state: "or", dateTime: bid.dateTime };
  if (index % 50 < 4)
    return { id: index, item: bid.extra, seller: bid.bidder, reserve: bid.price, expires: bid.dateTime };
  return bid;
});

measure("bid, 7 fields", [
  ["millrace", ours(bids)],
  ["prototype", await prototype(bids, null)],
]);
measure("bid, projected {auction,dateTime}", [
  ["millrace", ours(bids, projection)],
  ["prototype", await prototype(projected, null)],
]);
measure("optional field, 1 in 8", [
  ["millrace", ours(bids.map((bid, index) => (index % 8 === 0 ? { ...bid, note: "x" } : bid)))],
]);
const manyOptional = bids.map((bid, index) => ({
  ...bid,
  ...(index & 1 ? { a: 1 } : {}),
  ...(index & 2 ? { b: "two" } : {}),
  ...(index & 4 ? { c: true } : {}),
  ...(index & 8 ? { d: 4 } : {}),
}));
measure("4 optional fields, 16 key sets", [["millrace", ours(manyOptional)]]);
measure("null in a string, 1 in 8", [
  ["millrace", ours(bids.map((bid, index) => (index % 8 === 0 ? { ...bid, url: null } : bid)))],
]);
measure("non-ASCII string", [
  ["millrace", ours(nonAscii)],
  ["prototype", await prototype(nonAscii, null)],
]);
measure("nested", [["millrace", ours(bids.map(({ channel, url, ...bid }) => ({ ...bid, origin: { channel, url } })))]]);
measure("lists", [
  ["millrace", ours(bids.map((bid) => ({ id: bid.auction, prices: [bid.price, 1, 2], tags: [bid.channel, "x"] })))],
]);
measure("union of 3 shapes, 46:3:1", [["millrace", ours(union)]]);
measure("fallback: 300 kinds of keys", [["millrace", ours(bids.map((bid, index) => ({ [`k${index % 300}`]: bid })))]]);
