/**
 * SplitMix64's draws in WebAssembly: code that a function of the module is put together from. The counter, which lies at 0 in
 * memory, is in a local while a function draws.
 */

import {
  type Code,
  f64,
  get,
  i32,
  i64,
  i64Load,
  i64Store,
  op,
  set,
  tee,
  type,
  type WasmFunction,
} from "./wasm-code.ts";

const GAMMA = 0x9e3779b97f4a7c15n;

/** The locals of a function that draws, by their numbers behind its parameters. */
export class Draws {
  static readonly locals: Code = [type.i32, type.i64, type.i64, type.i64, type.i64];
  readonly #rest: number;
  readonly #half: number;
  readonly #z: number;
  readonly #before: number;
  readonly counter: number;

  constructor(parameters: number) {
    this.#rest = parameters;
    this.#half = parameters + 1;
    this.#z = parameters + 2;
    this.#before = parameters + 3;
    this.counter = parameters + 4;
  }

  /** Leaves the counter that was stored. */
  readonly stored: Code = [...i32(0), ...i64Load(0)];

  load(): Code {
    return [...this.stored, ...set(this.counter)];
  }

  store(): Code {
    return [...i32(0), ...get(this.counter), ...i64Store(0)];
  }

  /** Leaves Java's `nextInt()` on the stack. */
  int(): Code {
    return [...this.#drawn(), ...this.#upper(32), op.i32WrapI64];
  }

  /** Leaves the 53 bits of Java's `nextDouble()` on the stack, an i64. */
  doubleBits(): Code {
    const z = this.#z;
    const scrambled = this.#scrambled(30, 0xbf58476d1ce4e5b9n, 27, 0x94d049bb133111ebn);
    const mixed = [...get(z), ...get(z), ...i64(31), op.i64ShiftUnsigned, op.i64Xor];
    return [...scrambled, ...mixed, ...i64(11), op.i64ShiftUnsigned];
  }

  /** Leaves that `double`. */
  double(): Code {
    return [...this.doubleBits(), op.f64ConvertSignedI64, ...f64(2 ** -53), op.f64Mul];
  }

  /** `below` of a power of two. */
  belowPower(bound: number): Code {
    return [...this.int(), ...i32(bound - 1), op.i32And];
  }

  /** `below` of any other bound, which `bound` puts on the stack. */
  belowOther(bound: Code): Code {
    const half = [...get(this.#half), op.i32WrapI64];
    const remainder = [...half, ...bound, op.i32RemainderUnsigned, ...set(this.#rest)];
    const last = [...half, ...bound, op.i32Add, ...i32(1), op.i32Sub, ...get(this.#rest), op.i32Sub];
    const isBeyond = [...last, ...i32(0), op.i32LessSigned]; // 2³¹-1
    return [...this.#halfDrawn(), ...remainder, ...this.#again(isBeyond, remainder), ...get(this.#rest)];
  }

  /** The same of a bound that is known; anything but 0 in the local `never` keeps it from drawing anew. */
  belowConstant(bound: number, never?: number): Code {
    const isBeyond = this.#isBeyond(bound);
    const again = never === undefined ? isBeyond : [...isBeyond, ...get(never), op.i32EqualsZero, op.i32And];
    return [...this.#halfDrawn(), ...this.#again(again), ...this.#remainder(bound)];
  }

  /** Leaves whether `below` is 0, of an odd bound: such numbers, times the bound's inverse, are those below a quotient. */
  isZeroBelow(bound: number): Code {
    const product = [...get(this.#half), op.i32WrapI64, ...i32(inverseOf(bound)), op.i32Mul];
    const isMultiple = [...product, ...i32(Math.floor(2 ** 32 / bound) + 1), op.i32LessUnsigned];
    return [...this.#halfDrawn(), ...this.#again(this.#isBeyond(bound)), ...isMultiple];
  }

  /** Leaves Java's `nextInt(bound)` on the stack, of a bound in a local. */
  below(local: number): Code {
    const mask = [...get(local), ...i32(1), op.i32Sub];
    const isPower = [...get(local), ...mask, op.i32And, op.i32EqualsZero];
    return choice(isPower, [...this.int(), ...mask, op.i32And], this.belowOther(get(local)));
  }

  /**
   * Leaves -1 if the local `unless` is not 0; else what `drawn` draws, which may be `below`. Without a branch, as the processor
   * would guess wrong every second time: it is drawn anyway, and the counter put back.
   */
  unless(unless: number, drawn: Code): Code {
    const { counter } = this;
    const before = this.#before;
    return [
      ...[...get(counter), ...set(before), ...i32(-1), ...drawn, ...get(unless), op.select],
      ...[...get(before), ...get(counter), ...get(unless), op.select, ...set(counter)],
    ];
  }

  /** Leaves `below` of a power of two if the local `first` is not 0, else that of another bound and so much more. */
  eitherBelow(first: number, power: number, other: number, more: number): Code {
    const ofOther = [...this.belowConstant(other, first), ...i32(more), op.i32Add, ...set(this.#rest)];
    const ofPower = [...this.#upper(32), op.i32WrapI64, ...i32(power - 1), op.i32And];
    return [...ofOther, ...ofPower, ...get(this.#rest), ...get(first), op.select];
  }

  /** Leaves the highest bits of what was drawn last but for so many. */
  #upper(shift: number): Code {
    return [...get(this.#z), ...i64(shift), op.i64ShiftUnsigned];
  }

  /** Leaves an int without its sign in its local. */
  #halfDrawn(): Code {
    return [...this.#drawn(), ...this.#upper(33), ...set(this.#half)];
  }

  /** Draws anew in the last, incomplete round of remainders: a loop aside, as it hardly ever happens. */
  #again(isBeyond: Code, behind: Code = []): Code {
    const again = [op.loop, type.none, ...this.#halfDrawn(), ...behind, ...isBeyond, op.brIf, 0, op.end];
    return [...isBeyond, op.if, type.none, ...again, op.end];
  }

  #isBeyond(bound: number): Code {
    const complete = Math.floor(2 ** 31 / bound) * bound;
    return [...get(this.#half), ...i64(complete - 1), op.i64GreaterUnsigned];
  }

  /** Leaves the remainder of a half: divided by multiplying, which is exact as the quotient's bits and its own are below 64. */
  #remainder(bound: number): Code {
    const shift = 31 + Math.ceil(Math.log2(bound));
    const quotient = [
      ...get(this.#half),
      ...i64(Math.ceil(2 ** shift / bound)),
      op.i64Mul,
      ...i64(shift),
      op.i64ShiftUnsigned,
    ];
    return [...get(this.#half), ...quotient, ...i64(bound), op.i64Mul, op.i64Sub, op.i32WrapI64];
  }

  #drawn(): Code {
    return this.#scrambled(33, 0x62a9d9ed799705f5n, 28, 0xcb24d0a5c88c35b3n);
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

/** Of an odd number, by Newton's steps, each of which doubles how many of the lowest bits are right. */
function inverseOf(odd: number): number {
  let inverse = odd; // right in three bits
  for (let bits = 3; bits < 32; bits *= 2) inverse = Math.imul(inverse, 2 - Math.imul(odd, inverse));
  return inverse;
}

/** One of two i32, by an i32 that `condition` leaves on the stack. */
export function choice(condition: Code, isTrue: Code, isFalse: Code): Code {
  return [...condition, op.if, type.i32, ...isTrue, op.else, ...isFalse, op.end];
}

/** A function that takes so many i32 and does nothing but draw. */
export function drawing(name: string, parameters: number, results: Code, drawn: (draws: Draws) => Code): WasmFunction {
  const draws = new Draws(parameters);
  const body = [...draws.load(), ...drawn(draws), ...draws.store()];
  return { name, parameters: new Array<number>(parameters).fill(type.i32), results, locals: Draws.locals, body };
}
