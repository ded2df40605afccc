/**
 * SplitMix64 on 64-bit integers, as a WebAssembly module: JavaScript has no such integers that are fast, and drawing is most
 * of what a generated event costs (a draw: 2 ns here, 9 in halves of 32 bits, 60 as a BigInt). So are those draws that an
 * event has many of, letters and what makes a bid, as calls into the module would cost more than they.
 *
 * Memory: the counter, at 0; from `LETTERS_AT` on the letters drawn last; from `BIDS_AT` on the bids drawn last, each in
 * `BID_BYTES` bytes, as `bidAt` says.
 */

import {
  BID_EXTRA,
  CHANNELS,
  CHANNELS_HOT,
  HOT_AUCTIONS,
  HOT_BIDDERS,
  HOT_CHANNELS,
  STATIC_TEXT_LENGTH,
} from "./odds.ts";
import {
  type Code,
  f64,
  f64Store,
  get,
  i32,
  i32Store,
  i32StoreByte,
  i64,
  i64Load,
  i64Store,
  moduleOf,
  op,
  set,
  tee,
  type,
  type WasmFunction,
} from "./wasm-code.ts";

const GAMMA = 0x9e3779b97f4a7c15n;

export const LETTERS_AT = 64;
/** Room for the longest text that is drawn letter by letter, an auction's description. */
export const LETTERS_MAX = 128;
export const BIDS_AT = LETTERS_AT + LETTERS_MAX;

export const BID_BYTES = 40;
/** Where a bid has what; 32-bit integers but for the first two. */
export const bidAt = {
  /** The counter behind the bid's last draw. */
  counter: 0,
  /** The double that the price is made of. */
  price: 8,
  /** A number below that of the auctions, -1 for the hot one; of the bidder the same. */
  auction: 16,
  bidder: 20,
  /** A hot channel's number, or as many more as there are hot channels than that of another one. */
  channel: 24,
  /** The length of `extra`, and where in the static text it begins. */
  extraLength: 28,
  extraAt: 32,
} as const;

export interface SplitMixExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly int: () => number;
  readonly below: (bound: number) => number;
  readonly double: () => number;
  /** Draws a length of 3 … max-1 and so many letters, of 13 one the special character. Returns the length. */
  readonly letters: (max: number, special: number) => number;
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
  compiled ??= new Module(moduleOf([int, below, double, letters, bids]));
  return new Instance(compiled).exports as SplitMixExports; // as written below
}

/** The locals of a function that draws, by their numbers behind its parameters. */
class Draws {
  static readonly locals: Code = [type.i32, type.i32, type.i64, type.i64];
  readonly #bits: number;
  readonly #rest: number;
  readonly #z: number;
  readonly counter: number;

  constructor(parameters: number) {
    this.#bits = parameters;
    this.#rest = parameters + 1;
    this.#z = parameters + 2;
    this.counter = parameters + 3;
  }

  load(): Code {
    return [...i32(0), ...i64Load(0), ...set(this.counter)];
  }

  store(): Code {
    return [...i32(0), ...get(this.counter), ...i64Store(0)];
  }

  /** Leaves Java's `nextInt()` on the stack. */
  int(): Code {
    const z = this.#z;
    const scrambled = this.#scrambled(33, 0x62a9d9ed799705f5n, 28, 0xcb24d0a5c88c35b3n);
    return [...scrambled, ...get(z), ...i64(32), op.i64ShiftUnsigned, op.i32WrapI64];
  }

  /** Leaves Java's `nextDouble()`, of 53 bits, on the stack. */
  double(): Code {
    const z = this.#z;
    const scrambled = this.#scrambled(30, 0xbf58476d1ce4e5b9n, 27, 0x94d049bb133111ebn);
    const mixed = [...get(z), ...get(z), ...i64(31), op.i64ShiftUnsigned, op.i64Xor];
    const bits = [...mixed, ...i64(11), op.i64ShiftUnsigned, op.f64ConvertUnsignedI64];
    return [...scrambled, ...bits, ...f64(2 ** -53), op.f64Mul];
  }

  /** `below` of a power of two. */
  belowPower(bound: number): Code {
    return [...this.int(), ...i32(bound - 1), op.i32And];
  }

  /** `below` of any other bound, which `bound` puts on the stack. Draws anew in the last, incomplete round of remainders. */
  belowOther(bound: Code): Code {
    const [bits, rest] = [this.#bits, this.#rest];
    const drawn = [...this.int(), ...i32(1), op.i32ShiftUnsigned, ...tee(bits), ...bound, op.i32RemainderUnsigned];
    const last = [...get(bits), ...bound, op.i32Add, ...i32(1), op.i32Sub, ...get(rest), op.i32Sub];
    const isIncomplete = [...last, ...i32(0), op.i32LessSigned]; // beyond 2³¹-1
    return [op.loop, type.none, ...drawn, ...set(rest), ...isIncomplete, op.brIf, 0, op.end, ...get(rest)];
  }

  /** Leaves Java's `nextInt(bound)` on the stack, of a bound in a local. */
  below(local: number): Code {
    const mask = [...get(local), ...i32(1), op.i32Sub];
    const isPower = [...get(local), ...mask, op.i32And, op.i32EqualsZero];
    return choice(isPower, [...this.int(), ...mask, op.i32And], this.belowOther(get(local)));
  }

  /** Adds to the counter and leaves the two products of the mixing in z. */
  #scrambled(shift: number, multiplier: bigint, secondShift: number, secondMultiplier: bigint): Code {
    const { counter } = this;
    const next = [...get(counter), ...i64(GAMMA), op.i64Add, ...tee(counter), ...set(this.#z)];
    return [...next, ...this.#mix(shift, multiplier), ...this.#mix(secondShift, secondMultiplier)];
  }

  #mix(shift: number, multiplier: bigint): Code {
    const z = this.#z;
    const shifted = [...get(z), ...i64(shift), op.i64ShiftUnsigned];
    return [...get(z), ...shifted, op.i64Xor, ...i64(multiplier), op.i64Mul, ...set(z)];
  }
}

/** One of two i32, by an i32 that `condition` leaves on the stack. */
function choice(condition: Code, isTrue: Code, isFalse: Code): Code {
  return [...condition, op.if, type.i32, ...isTrue, op.else, ...isFalse, op.end];
}

function drawing(name: string, parameters: number, results: Code, drawn: (draws: Draws) => Code): WasmFunction {
  const draws = new Draws(parameters);
  const body = [...draws.load(), ...drawn(draws), ...draws.store()];
  return { name, parameters: new Array<number>(parameters).fill(type.i32), results, locals: Draws.locals, body };
}

const int = drawing("int", 0, [type.i32], (draws) => draws.int());
const below = drawing("below", 1, [type.i32], (draws) => draws.below(0));
const double = drawing("double", 0, [type.f64], (draws) => draws.double());

const letters: WasmFunction = (() => {
  const [max, special] = [0, 1];
  const draws = new Draws(2);
  const [length, at] = [2 + Draws.locals.length, 3 + Draws.locals.length];
  const isSpecial = [...draws.belowOther(i32(13)), op.i32EqualsZero];
  const letter = choice(isSpecial, get(special), [...draws.belowOther(i32(26)), ...i32("a".charCodeAt(0)), op.i32Add]);
  const body = [
    ...draws.load(),
    ...[...get(max), ...i32(3), op.i32Sub, ...set(length)],
    ...[...draws.below(length), ...i32(3), op.i32Add, ...set(length)],
    ...[op.loop, type.none, ...get(at), ...letter, ...i32StoreByte(LETTERS_AT)],
    ...[...get(at), ...i32(1), op.i32Add, ...tee(at), ...get(length), op.i32LessUnsigned, op.brIf, 0, op.end],
    ...[...draws.store(), ...get(length)],
  ];
  const locals = [...Draws.locals, type.i32, type.i32];
  return { name: "letters", parameters: [type.i32, type.i32], results: [type.i32], locals, body };
})();

const bids: WasmFunction = (() => {
  const [count, auctions, bidders] = [0, 1, 2];
  const draws = new Draws(3);
  const [at, bound] = [3 + Draws.locals.length, 4 + Draws.locals.length];
  const cold = [...draws.belowOther(i32(CHANNELS)), ...i32(CHANNELS_HOT), op.i32Add];
  const extraLength = [...draws.belowOther(i32(BID_EXTRA.lengths)), ...i32(BID_EXTRA.min), op.i32Add];
  const store = (value: Code, offset: number): Code => [...get(at), ...value, ...i32Store(BIDS_AT + offset)];
  const body = [
    ...draws.load(),
    ...[op.loop, type.none],
    ...store(choice(draws.belowPower(HOT_AUCTIONS), i32(-1), draws.below(auctions)), bidAt.auction),
    ...store(choice(draws.belowPower(HOT_BIDDERS), i32(-1), draws.below(bidders)), bidAt.bidder),
    ...[...get(at), ...draws.double(), ...f64Store(BIDS_AT + bidAt.price)],
    ...store(choice(draws.belowPower(HOT_CHANNELS), draws.belowPower(CHANNELS_HOT), cold), bidAt.channel),
    ...store([...extraLength, ...tee(bound)], bidAt.extraLength),
    ...[...i32(STATIC_TEXT_LENGTH), ...get(bound), op.i32Sub, ...set(bound)],
    ...store(draws.belowOther(get(bound)), bidAt.extraAt),
    ...[...get(at), ...get(draws.counter), ...i64Store(BIDS_AT + bidAt.counter)],
    ...[...get(at), ...i32(BID_BYTES), op.i32Add, ...set(at)],
    ...[...get(count), ...i32(1), op.i32Sub, ...tee(count), op.brIf, 0, op.end],
    ...draws.store(),
  ];
  const locals = [...Draws.locals, type.i32, type.i32];
  return { name: "bids", parameters: [type.i32, type.i32, type.i32], results: [], locals, body };
})();
