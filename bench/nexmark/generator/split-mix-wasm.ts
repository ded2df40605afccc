/**
 * SplitMix64 on 64-bit integers, as a WebAssembly module: JavaScript has no such integers that are fast, and drawing is most
 * of what a generated event costs (a draw: 2 ns here, 9 in halves of 32 bits, 60 as a BigInt). So are those draws that an
 * event has many of, letters and what makes a bid, as calls into the module would cost more than they.
 *
 * Memory: the counter, at 0; from `LETTERS_AT` on the letters drawn last; from `BIDS_AT` on the bids drawn last, each in
 * `BID_BYTES` bytes, as `bidAt` says; from `POWERS_AT` on the powers that prices are made of.
 */

import { choice, Draws, drawing } from "./draws-code.ts";
import {
  BID_EXTRA,
  CHANNELS,
  CHANNELS_HOT,
  HOT_AUCTIONS,
  HOT_BIDDERS,
  HOT_CHANNELS,
  STATIC_TEXT_LENGTH,
} from "./odds.ts";
import { powers, priceCode } from "./price.ts";
import {
  type Code,
  f64Store,
  get,
  i32,
  i32LoadByte,
  i32Store,
  i32StoreByte,
  i64Store,
  moduleOf,
  op,
  set,
  tee,
  type,
  type WasmFunction,
} from "./wasm-code.ts";

export const SPACE = 0x20;

export const LETTERS_AT = 64;
/** Room for the texts of a person and of three auctions. */
export const LETTERS_MAX = 512;
export const BIDS_AT = LETTERS_AT + LETTERS_MAX;
/** An epoch has fewer. */
const BIDS_MAX = 50;

export const BID_BYTES = 40;
/** Where a bid has what; 32-bit integers but for the first two. */
export const bidAt = {
  /** The counter behind the bid's last draw. */
  counter: 0,
  /** The double that the price is made of. */
  double: 8,
  /** As `priceCode` leaves it. */
  price: 16,
  /** A number below that of the auctions, -1 for the hot one; of the bidder the same. */
  auction: 20,
  bidder: 24,
  /** A hot channel's number, or as many more as there are hot channels than that of another one. */
  channel: 28,
  /** Where in the static text `extra` begins and ends. */
  extraFrom: 32,
  extraTo: 36,
} as const;

const POWERS_AT = BIDS_AT + BIDS_MAX * BID_BYTES;

export interface SplitMixExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly int: () => number;
  readonly below: (bound: number) => number;
  readonly double: () => number;
  /** What `priceCode` leaves. */
  readonly price: (double: number) => number;
  /**
   * Draws a length of 3 … max-1 and so many letters, of 13 one the special character, to a place in memory, without spaces
   * at the beginning and the end. Returns the place behind.
   */
  readonly letters: (max: number, special: number, at: number) => number;
  /** Draws so many bids, at least one, by bidders and for auctions of so many. */
  readonly bids: (count: number, auctions: number, bidders: number) => void;
}

/** As much of WebAssembly's API as is used here: TypeScript declares it for browsers only. */
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}

const { Module, Instance } = (globalThis as unknown as { readonly WebAssembly: WebAssemblyApi }).WebAssembly;

let compiled: object | undefined;

/** A generator's own counter and draws. */
export function splitMixInstance(): SplitMixExports {
  compiled ??= new Module(moduleOf([int, below, double, price, letters, bids]));
  const exports = new Instance(compiled).exports as SplitMixExports; // as written below
  new Float64Array(exports.memory.buffer, POWERS_AT).set(powers);
  return exports;
}

const int = drawing("int", 0, [type.i32], (draws) => draws.int());
const below = drawing("below", 1, [type.i32], (draws) => draws.below(0));
const double = drawing("double", 0, [type.f64], (draws) => draws.double());

const price: WasmFunction = {
  name: "price",
  parameters: [type.f64],
  results: [type.i32],
  locals: [type.f64, type.f64],
  body: [...get(0), ...priceCode(POWERS_AT, 1, 2)],
};

const letters: WasmFunction = (() => {
  const [max, special, at] = [0, 1, 2];
  const draws = new Draws(3);
  const [left, start, letter] = [3, 4, 5].map((local) => local + Draws.locals.length) as [number, number, number];
  const isSpecial = [...draws.belowConstant(13), op.i32EqualsZero];
  const drawn = choice(isSpecial, get(special), [...draws.belowConstant(26), ...i32("a".charCodeAt(0)), op.i32Add]);
  const isText = [...get(letter), ...i32(SPACE), op.i32NotEqual, ...get(at), ...get(start), op.i32NotEqual, op.i32Or];
  const endsInSpace = [...get(at), ...i32(-1), op.i32Add, ...i32LoadByte(0), ...i32(SPACE), op.i32Equals];
  const isTooLong = [...endsInSpace, ...get(at), ...get(start), op.i32GreaterUnsigned, op.i32And];
  const body = [
    ...draws.load(),
    ...[...get(max), ...i32(3), op.i32Sub, ...set(left)],
    ...[...draws.below(left), ...i32(3), op.i32Add, ...set(left)],
    ...[...get(at), ...set(start)],
    ...[op.loop, type.none, ...get(at), ...drawn, ...tee(letter), ...i32StoreByte(0)],
    ...[...get(at), ...isText, op.i32Add, ...set(at)],
    ...[...get(left), ...i32(1), op.i32Sub, ...tee(left), op.brIf, 0, op.end],
    ...[op.loop, type.none, ...get(at), ...isTooLong, ...tee(letter), op.i32Sub, ...set(at)],
    ...[...get(letter), op.brIf, 0, op.end],
    ...[...draws.store(), ...get(at)],
  ];
  const locals = [...Draws.locals, type.i32, type.i32, type.i32];
  return { name: "letters", parameters: [type.i32, type.i32, type.i32], results: [type.i32], locals, body };
})();

const bids: WasmFunction = (() => {
  const [count, auctions, bidders] = [0, 1, 2];
  const draws = new Draws(3);
  const [at, hot, length] = [3, 4, 5].map((local) => local + Draws.locals.length) as [number, number, number];
  const [x, y] = [length + 1, length + 2];
  const isHot = (odds: number): Code => [...draws.belowPower(odds), ...set(hot)];
  const store = (value: Code, offset: number): Code => [...get(at), ...value, ...i32Store(BIDS_AT + offset)];
  const bound = [...i32(STATIC_TEXT_LENGTH), ...get(length), op.i32Sub];
  const body = [
    ...[...draws.load(), op.loop, type.none],
    ...[...isHot(HOT_AUCTIONS), ...store(draws.unless(hot, draws.below(auctions)), bidAt.auction)],
    ...[...isHot(HOT_BIDDERS), ...store(draws.unless(hot, draws.below(bidders)), bidAt.bidder)],
    ...[...get(at), ...draws.double(), ...tee(x), ...f64Store(BIDS_AT + bidAt.double)],
    ...store([...get(x), ...priceCode(POWERS_AT, x, y)], bidAt.price),
    ...isHot(HOT_CHANNELS),
    ...store(draws.eitherBelow(hot, CHANNELS_HOT, CHANNELS, CHANNELS_HOT), bidAt.channel),
    ...[...draws.belowConstant(BID_EXTRA.lengths), ...i32(BID_EXTRA.min), op.i32Add, ...set(length)],
    ...store([...draws.belowOther(bound), ...tee(hot)], bidAt.extraFrom),
    ...store([...get(hot), ...get(length), op.i32Add], bidAt.extraTo),
    ...[...get(at), ...get(draws.counter), ...i64Store(BIDS_AT + bidAt.counter)],
    ...[...get(at), ...i32(BID_BYTES), op.i32Add, ...set(at)],
    ...[...get(count), ...i32(1), op.i32Sub, ...tee(count), op.brIf, 0, op.end],
    ...draws.store(),
  ];
  const locals = [...Draws.locals, type.i32, type.i32, type.i32, type.f64, type.f64];
  return { name: "bids", parameters: [type.i32, type.i32, type.i32], results: [], locals, body };
})();
