/**
 * SplitMix64 on 64-bit integers, as a WebAssembly module: JavaScript has no such integers that are fast, and drawing is most
 * of what a generated event costs (a draw: 2 ns here, 9 in halves of 32 bits, 60 as a BigInt). People, auctions and bids are
 * drawn there as a whole, as calls into the module would cost more than their draws.
 */

import { choice, Draws, drawing } from "./draws-code.ts";
import { auction, extra, lengths, person } from "./head-code.ts";
import { BID_BYTES, BIDS_AT, bidAt, LENGTHS_AT, POWERS_AT, SPACE } from "./memory.ts";
import {
  BID_EXTRA,
  CHANNELS,
  CHANNELS_HOT,
  HOT_AUCTIONS,
  HOT_BIDDERS,
  HOT_CHANNELS,
  STATIC_TEXT_LENGTH,
} from "./odds.ts";
import { PRICE_LOCALS, powers, priceCode } from "./price.ts";
import {
  type Code,
  copyBytes,
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

export interface SplitMixExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly int: () => number;
  readonly below: (bound: number) => number;
  readonly double: () => number;
  /** What `priceCode` leaves of a double's bits, as a number. */
  readonly price: (bits: number) => number;
  /**
   * Draws a length of 3 … max-1 and so many letters, of 13 one the special character, to a place in memory, without spaces
   * at the beginning and the end. Returns the place behind.
   */
  readonly letters: (max: number, special: number, at: number) => number;
  /** Draws a person whose letters are the first ones; returns how many these are. */
  readonly person: () => number;
  /**
   * Draws an auction to a place in memory, with its letters behind so many, by one of so many sellers, open for one of so many
   * milliseconds. Returns how many letters there are then.
   */
  readonly auction: (at: number, letters: number, sellers: number, open: number) => number;
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
  compiled ??= new Module(moduleOf([letters, extra, int, below, double, price, person, auction, bids]));
  const exports = new Instance(compiled).exports as SplitMixExports; // as written below
  new Float64Array(exports.memory.buffer, POWERS_AT).set(powers);
  new Uint8Array(exports.memory.buffer, LENGTHS_AT).set(lengths);
  return exports;
}

const int = drawing("int", 0, [type.i32], (draws) => draws.int());
const below = drawing("below", 1, [type.i32], (draws) => draws.below(0));
const double = drawing("double", 0, [type.f64], (draws) => draws.double());

const price: WasmFunction = {
  name: "price",
  parameters: [type.f64],
  results: [type.i32],
  locals: PRICE_LOCALS,
  body: [...get(0), op.i64TruncateF64, ...priceCode(POWERS_AT, 1)],
};

const letters: WasmFunction = (() => {
  const [max, special, at] = [0, 1, 2];
  const draws = new Draws(3);
  const [left, from] = [3, 4].map((local) => local + Draws.locals.length) as [number, number];
  const letter = [...draws.belowConstant(26), ...i32("a".charCodeAt(0)), op.i32Add];
  const drawn = choice(draws.isZeroBelow(13), get(special), letter);
  const isSpace = (place: number, offset: number): Code => [
    ...[...get(place), ...i32(offset), op.i32Add, ...i32LoadByte(0), ...i32(SPACE), op.i32Equals],
    ...[...get(at), ...get(from), op.i32GreaterUnsigned, op.i32And],
  ];
  const add = (local: number, more: number): Code => [...get(local), ...i32(more), op.i32Add, ...set(local)];
  /** The letters from `from` on are moved to where they begin, `left`. */
  const moved = [
    ...[...get(left), ...get(from), ...get(at), ...get(from), op.i32Sub, ...copyBytes],
    ...[...get(at), ...get(from), op.i32Sub, ...get(left), op.i32Add, ...set(at)],
  ];
  const body = [
    ...draws.load(),
    ...[...get(max), ...i32(3), op.i32Sub, ...set(left)],
    ...[...draws.below(left), ...i32(3), op.i32Add, ...set(left)],
    ...[...get(at), ...set(from)],
    ...[op.loop, type.none, ...get(at), ...drawn, ...i32StoreByte(0), ...add(at, 1)],
    ...[...get(left), ...i32(1), op.i32Sub, ...tee(left), op.brIf, 0, op.end],
    ...draws.store(),
    ...[
      ...isSpace(at, -1),
      op.if,
      type.none,
      op.loop,
      type.none,
      ...add(at, -1),
      ...isSpace(at, -1),
      op.brIf,
      0,
      op.end,
      op.end,
    ],
    ...[...isSpace(from, 0), op.if, type.none, ...get(from), ...set(left)],
    ...[op.loop, type.none, ...add(from, 1), ...isSpace(from, 0), op.brIf, 0, op.end, ...moved, op.end],
    ...get(at),
  ];
  const locals = [...Draws.locals, type.i32, type.i32];
  return { name: "letters", parameters: [type.i32, type.i32, type.i32], results: [type.i32], locals, body };
})();

const bids: WasmFunction = (() => {
  const [count, auctions, bidders] = [0, 1, 2];
  const draws = new Draws(3);
  const [at, hot, length] = [3, 4, 5].map((local) => local + Draws.locals.length) as [number, number, number];
  const price = length + 1;
  const bits = price + PRICE_LOCALS.length;
  const isHot = (odds: number): Code => [...draws.belowPower(odds), ...set(hot)];
  const store = (value: Code, offset: number): Code => [...get(at), ...value, ...i32Store(BIDS_AT + offset)];
  const bound = [...i32(STATIC_TEXT_LENGTH), ...get(length), op.i32Sub];
  const body = [
    ...[...draws.load(), op.loop, type.none],
    ...[...isHot(HOT_AUCTIONS), ...store(draws.unless(hot, draws.below(auctions)), bidAt.auction)],
    ...[...isHot(HOT_BIDDERS), ...store(draws.unless(hot, draws.below(bidders)), bidAt.bidder)],
    ...[...get(at), ...draws.doubleBits(), ...tee(bits), ...i64Store(BIDS_AT + bidAt.bits)],
    ...store([...get(bits), ...priceCode(POWERS_AT, price)], bidAt.price),
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
  const locals = [...Draws.locals, type.i32, type.i32, type.i32, ...PRICE_LOCALS, type.i64];
  return { name: "bids", parameters: [type.i32, type.i32, type.i32], results: [], locals, body };
})();
