/**
 * As much of WebAssembly's binary format as the generator's draws are written with: there is no assembler among the
 * dependencies. Code is an array of bytes; what `op` lists takes its operands from the stack.
 *
 * Source: WebAssembly Core Specification 1.0, chapter 5.
 */

export type Code = readonly number[];

export const type = { i32: 0x7f, i64: 0x7e, f64: 0x7c, none: 0x40 } as const;

export const op = {
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  brIf: 0x0d,
  /** Of two values and an i32: the first one, unless that is 0. */
  select: 0x1b,
  i32EqualsZero: 0x45,
  i32Equals: 0x46,
  i32NotEqual: 0x47,
  i32LessSigned: 0x48,
  i32LessUnsigned: 0x49,
  i32GreaterUnsigned: 0x4b,
  i64GreaterUnsigned: 0x56,
  f64Less: 0x63,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  i32Mul: 0x6c,
  i32DivideUnsigned: 0x6e,
  i32RemainderUnsigned: 0x70,
  i32And: 0x71,
  i32Or: 0x72,
  i32ShiftLeft: 0x74,
  i32ShiftUnsigned: 0x76,
  i64Add: 0x7c,
  i64Sub: 0x7d,
  i64Mul: 0x7e,
  i64And: 0x83,
  i64Xor: 0x85,
  i64ShiftUnsigned: 0x88,
  f64Absolute: 0x99,
  f64Add: 0xa0,
  f64Sub: 0xa1,
  f64Mul: 0xa2,
  i32WrapI64: 0xa7,
  f64ConvertSignedI64: 0xb9,
  i64TruncateF64: 0xb0,
  i64ReinterpretF64: 0xbd,
} as const;

export const get = (local: number): Code => [0x20, local];
export const set = (local: number): Code => [0x21, local];
export const tee = (local: number): Code => [0x22, local];
export const i32 = (value: number): Code => [0x41, ...leb128(value)];
export const i64 = (value: bigint | number): Code => [0x42, ...leb128(value)];
export const f64 = (value: number): Code => [0x44, ...new Uint8Array(Float64Array.of(value).buffer)];

/** Calls the function of that place in the module. */
export const call = (index: number): Code => [0x10, index];
/** Takes where to, where from and how many bytes; they may overlap. */
export const copyBytes: Code = [0xfc, 10, 0, 0];

/** Take an address from the stack, to which `offset` is added. */
export const i64Load = (offset: number): Code => [0x29, 0, ...leb128Unsigned(offset)];
export const f64Load = (offset: number): Code => [0x2b, 0, ...leb128Unsigned(offset)];
export const i32LoadByte = (offset: number): Code => [0x2d, 0, ...leb128Unsigned(offset)];

/** Take an address and a value from the stack. */
export const i32Store = (offset: number): Code => [0x36, 0, ...leb128Unsigned(offset)];
export const i64Store = (offset: number): Code => [0x37, 0, ...leb128Unsigned(offset)];
export const f64Store = (offset: number): Code => [0x39, 0, ...leb128Unsigned(offset)];
export const i32StoreByte = (offset: number): Code => [0x3a, 0, ...leb128Unsigned(offset)];

export interface WasmFunction {
  readonly name: string;
  readonly parameters: Code;
  readonly results: Code;
  /** Numbered behind the parameters. */
  readonly locals: Code;
  readonly body: Code;
}

/** A module of these functions and a page of memory, "memory", all exported. */
export function moduleOf(functions: readonly WasmFunction[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(
      1,
      functions.map(({ parameters, results }) => [0x60, ...sized(parameters), ...sized(results)]),
    ),
    ...section(
      3,
      functions.map((_, i) => [i]),
    ),
    ...section(5, [[0, 1]]),
    ...section(7, [[...name("memory"), 2, 0], ...functions.map((each, i) => [...name(each.name), 0, i])]),
    ...section(
      10,
      functions.map(({ locals, body }) =>
        sized([locals.length, ...locals.flatMap((each) => [1, each]), ...body, op.end]),
      ),
    ),
  ]);
}

function section(id: number, entries: readonly Code[]): Code {
  return [id, ...sized([entries.length, ...entries.flat()])];
}

function sized(bytes: Code): Code {
  return [...leb128Unsigned(bytes.length), ...bytes];
}

function name(text: string): Code {
  return sized([...Buffer.from(text)]);
}

/** Seven bits a byte, the lowest first; a constant's last byte repeats its sign in bit 6. */
function leb128(value: bigint | number): Code {
  let rest = BigInt.asIntN(64, BigInt(value));
  const bytes: number[] = [];
  for (;;) {
    const byte = Number(rest & 0x7fn);
    rest >>= 7n;
    if ((rest === 0n && byte < 0x40) || (rest === -1n && byte >= 0x40)) return [...bytes, byte];
    bytes.push(byte | 0x80);
  }
}

function leb128Unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb128Unsigned(value >>> 7)];
}
