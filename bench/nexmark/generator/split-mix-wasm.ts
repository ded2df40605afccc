/**
 * SplitMix64 on 64-bit integers, as a WebAssembly module of two functions: JavaScript has no such integers that are fast,
 * and drawing is most of what a generated event costs (a draw: 2 ns here, 9 in halves of 32 bits, 60 as a BigInt).
 *
 * It is written down in bytes, as there is no assembler among the dependencies. As text:
 *
 *   (memory (export "memory") 1)            ;; at 0: the counter (i64); at DRAWS_AT: draws (i32)
 *   (func (export "draw") (param $bytes i32) (local $at i32) (local $counter i64) (local $z i64)
 *     (local.set $counter (i64.load (i32.const 0)))
 *     (loop $next
 *       (local.set $z (local.tee $counter (i64.add (local.get $counter) (i64.const GAMMA))))
 *       MIX 33 0x62a9d9ed799705f5  MIX 28 0xcb24d0a5c88c35b3
 *       (i32.store offset=DRAWS_AT (local.get $at) (i32.wrap_i64 (i64.shr_u (local.get $z) (i64.const 32))))
 *       (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4))) (local.get $bytes))))
 *     (i64.store (i32.const 0) (local.get $counter)))
 *   (func (export "doubleBefore") (param $draws i32) (result f64) (local $z i64)
 *     (local.set $z (i64.sub (i64.load (i32.const 0)) (i64.mul (i64.extend_i32_u (local.get $draws)) (i64.const GAMMA))))
 *     MIX 30 0xbf58476d1ce4e5b9  MIX 27 0x94d049bb133111eb
 *     (f64.mul (f64.convert_i64_u (i64.shr_u (i64.xor (local.get $z) (i64.shr_u (local.get $z) (i64.const 31)))
 *                                            (i64.const 11)))
 *              (f64.const 0x1p-53)))
 *
 * where MIX s m is (local.set $z (i64.mul (i64.xor (local.get $z) (i64.shr_u (local.get $z) (i64.const s))) (i64.const m))).
 */

export const GAMMA = 0x9e3779b97f4a7c15n;

/** Where the draws begin in the memory. */
export const DRAWS_AT = 64;

export interface SplitMixExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  /** Advances the counter once for every four bytes, and writes a draw of 32 bits for each. */
  readonly draw: (bytes: number) => void;
  /** The double that would have been drawn so many draws before the last one. */
  readonly doubleBefore: (draws: number) => number;
}

const I32 = 0x7f;
const I64 = 0x7e;
const F64 = 0x7c;

const op = {
  loop: 0x03,
  end: 0x0b,
  brIf: 0x0d,
  get: 0x20,
  set: 0x21,
  tee: 0x22,
  i64Load: 0x29,
  i32Store: 0x36,
  i64Store: 0x37,
  i32Const: 0x41,
  i64Const: 0x42,
  f64Const: 0x44,
  i32LessUnsigned: 0x49,
  i32Add: 0x6a,
  i64Add: 0x7c,
  i64Sub: 0x7d,
  i64Mul: 0x7e,
  i64Xor: 0x85,
  i64ShiftUnsigned: 0x88,
  f64Mul: 0xa2,
  i32WrapI64: 0xa7,
  i64ExtendUnsignedI32: 0xad,
  f64ConvertUnsignedI64: 0xba,
} as const;

const COUNTER = [op.i32Const, 0];
const NO_ALIGNMENT_OR_OFFSET = [0, 0];
const TWO_TO_MINUS_53 = [0, 0, 0, 0, 0, 0, 0xa0, 0x3c];

/** As much of WebAssembly as is used here: TypeScript declares it for browsers only. */
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}

const { Module, Instance } = (globalThis as unknown as { readonly WebAssembly: WebAssemblyApi }).WebAssembly;

let compiled: object | undefined;

/** A generator's own counter and draws. */
export function splitMixInstance(): SplitMixExports {
  compiled ??= new Module(Uint8Array.from(moduleBytes()));
  return new Instance(compiled).exports as SplitMixExports; // as written above
}

function moduleBytes(): number[] {
  const types = [
    [0x60, 1, I32, 0],
    [0x60, 1, I32, 1, F64],
  ];
  const exports = [
    [...name("memory"), 2, 0],
    [...name("draw"), 0, 0],
    [...name("doubleBefore"), 0, 1],
  ];
  return [
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, types),
    ...section(3, [[0], [1]]),
    ...section(5, [[0, 1]]),
    ...section(7, exports),
    ...section(10, [sized(drawCode()), sized(doubleCode())]),
  ];
}

function drawCode(): number[] {
  const [bytes, at, counter, z] = [0, 1, 2, 3];
  return [
    ...[2, 1, I32, 2, I64],
    ...[...COUNTER, op.i64Load, ...NO_ALIGNMENT_OR_OFFSET, op.set, counter],
    ...[op.loop, 0x40],
    ...[op.get, counter, op.i64Const, ...leb128(GAMMA), op.i64Add, op.tee, counter, op.set, z],
    ...mix(z, 33, 0x62a9d9ed799705f5n),
    ...mix(z, 28, 0xcb24d0a5c88c35b3n),
    ...[
      op.get,
      at,
      op.get,
      z,
      op.i64Const,
      32,
      op.i64ShiftUnsigned,
      op.i32WrapI64,
      op.i32Store,
      0,
      ...leb128(DRAWS_AT),
    ],
    ...[op.get, at, op.i32Const, 4, op.i32Add, op.tee, at, op.get, bytes, op.i32LessUnsigned, op.brIf, 0],
    op.end,
    ...[...COUNTER, op.get, counter, op.i64Store, ...NO_ALIGNMENT_OR_OFFSET],
    op.end,
  ];
}

function doubleCode(): number[] {
  const [draws, z] = [0, 1];
  return [
    ...[1, 1, I64],
    ...[...COUNTER, op.i64Load, ...NO_ALIGNMENT_OR_OFFSET],
    ...[op.get, draws, op.i64ExtendUnsignedI32, op.i64Const, ...leb128(GAMMA), op.i64Mul, op.i64Sub, op.set, z],
    ...mix(z, 30, 0xbf58476d1ce4e5b9n),
    ...mix(z, 27, 0x94d049bb133111ebn),
    ...[op.get, z, op.get, z, op.i64Const, 31, op.i64ShiftUnsigned, op.i64Xor, op.i64Const, 11, op.i64ShiftUnsigned],
    ...[op.f64ConvertUnsignedI64, op.f64Const, ...TWO_TO_MINUS_53, op.f64Mul],
    op.end,
  ];
}

function mix(z: number, shift: number, multiplier: bigint): number[] {
  const shifted = [op.get, z, op.i64Const, shift, op.i64ShiftUnsigned];
  return [op.get, z, ...shifted, op.i64Xor, op.i64Const, ...leb128(multiplier), op.i64Mul, op.set, z];
}

function section(id: number, entries: readonly (readonly number[])[]): number[] {
  return [id, ...sized([entries.length, ...entries.flat()])];
}

function sized(bytes: readonly number[]): number[] {
  return [...leb128Unsigned(bytes.length), ...bytes];
}

function name(text: string): number[] {
  return sized([...Buffer.from(text)]);
}

/** Seven bits a byte, the lowest first; a constant's last byte repeats its sign in bit 6. */
function leb128(value: bigint | number): number[] {
  let rest = BigInt.asIntN(64, BigInt(value));
  const bytes: number[] = [];
  for (;;) {
    const byte = Number(rest & 0x7fn);
    rest >>= 7n;
    if ((rest === 0n && byte < 0x40) || (rest === -1n && byte >= 0x40)) return [...bytes, byte];
    bytes.push(byte | 0x80);
  }
}

function leb128Unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb128Unsigned(value >>> 7)];
}
