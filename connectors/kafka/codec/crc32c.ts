/**
 * CRC-32C (Castagnoli), the checksum of record batches; `zlib.crc32` has another polynomial. It is the largest part of what
 * reading a batch costs, so it runs in WebAssembly: sixteen bytes a step, by one table for the distance of each byte to the
 * end of the step ("slicing"), and by words of 32 bits, which take fewest instructions a byte. Measured here, bytes copied in
 * included: 2.2 GB/s, by words of 64 bits 1.5; the same in JavaScript, which checks the bounds of every look-up, 1.1; eight
 * bytes a step 0.7.
 *
 * The module is assembled below and not a file, so that one can read what it does. Its memory:
 *
 *        0  tables: 16 of 256 words; table k has what a byte does to the checksum when k more bytes follow it
 *   16,384  the bytes, a portion at a time
 */

const POLYNOMIAL = 0x82f63b78;
const SLICES = 16;
const TABLE_BYTES = 1024;
const BYTES_AT = SLICES * TABLE_BYTES;
const PORTION = 48 * 1024;
const WASM_PAGE = 64 * 1024;

interface Engine {
  /** The portions' place in the module's memory. */
  readonly bytes: Uint8Array;
  /** Continues a checksum with the first `size` of them. */
  readonly update: (crc: number, size: number) => number;
}

/** What is used of WebAssembly, whose types come with those of browsers only. */
interface WasmHost {
  readonly Module: new (code: Uint8Array) => object;
  readonly Instance: new (
    module: object,
  ) => {
    readonly exports: { readonly memory: { readonly buffer: ArrayBuffer }; readonly update: Engine["update"] };
  };
}

let engine: Engine | undefined;

/** The checksum of the bytes from `start` to `end`, unsigned. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length): number {
  engine ??= makeEngine();
  let crc = -1;
  for (let at = start; at < end; at += PORTION) {
    const size = Math.min(PORTION, end - at);
    engine.bytes.set(bytes.subarray(at, at + size));
    crc = engine.update(crc, size);
  }
  return ~crc >>> 0;
}

function makeEngine(): Engine {
  const { Module, Instance } = (globalThis as unknown as { readonly WebAssembly: WasmHost }).WebAssembly; // Node has it
  const { memory, update } = new Instance(new Module(assemble())).exports;
  new Int32Array(memory.buffer, 0, SLICES * 256).set(makeTables());
  return { bytes: new Uint8Array(memory.buffer, BYTES_AT, PORTION), update };
}

function makeTables(): Int32Array {
  const made = new Int32Array(SLICES * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    made[byte] = crc;
  }
  for (let at = 256; at < made.length; at++) {
    const before = made[at - 256] as number; // at is beyond the first table
    made[at] = (before >>> 8) ^ (made[before & 255] as number);
  }
  return made;
}

type Code = readonly number[];

const I32 = 0x7f;
const VOID = 0x40;
const end: Code = [0x0b];
const xor: Code = [0x73];
const add: Code = [0x6a];
const and: Code = [0x71];

/** update(crc, size): its parameters, and its own variables. */
const CRC = 0;
const SIZE = 1;
const AT = 2;
const STOP = 3;
/** The first of the words of a step, one behind the other. */
const WORDS = 4;
const WORDS_A_STEP = SLICES / 4;

function get(variable: number): Code {
  return [0x20, variable];
}

function set(variable: number, ...value: readonly Code[]): Code {
  return [...value.flat(), 0x21, variable];
}

function constant(value: number): Code {
  return [0x41, ...signed(value)];
}

/** Loads 32 bits from so far behind AT. */
function load32(behind: number): Code {
  return [...get(AT), 0x28, 0, ...unsigned(behind)];
}

/** The entry for byte `index` of the word, in the table for so many bytes that follow it. Four bytes an entry. */
function lookUp(word: Code, index: number, following: number): Code {
  const shifted = index === 0 ? [...constant(2), 0x74] : [...constant(8 * index - 2), 0x76];
  return [...word, ...shifted, ...constant(255 * 4), ...and, 0x28, 2, ...unsigned(following * TABLE_BYTES)];
}

/** Repeats the body, which moves AT on by `step`, until AT is at STOP. */
function untilStop(step: number, ...body: readonly Code[]): Code {
  const leave = [...get(AT), ...get(STOP), 0x4f, 0x0d, 1];
  const move = set(AT, get(AT), constant(step), add);
  return [0x02, VOID, 0x03, VOID, ...leave, ...body.flat(), ...move, 0x0c, 0, ...end, ...end];
}

/**
 * Steps wait for each other by the checksum alone, so what does not depend on it is looked up and put together first, and the
 * four entries that do come last.
 */
function updateBody(): Code {
  const words = Array.from({ length: WORDS_A_STEP }, (_, word) => WORDS + word);
  const entries = words.map((word, at) =>
    together([0, 1, 2, 3].map((index) => lookUp(get(word), index, SLICES - 1 - (at * 4 + index)))),
  );
  const [first = [], ...others] = entries;
  const step = [
    ...words.map((word, at) => (at === 0 ? set(word, load32(0), get(CRC), xor) : set(word, load32(at * 4)))),
    set(CRC, together(others), first, xor),
  ];
  const byte: Code = [...get(AT), 0x2d, 0, 0];
  const single = set(CRC, lookUp([...get(CRC), ...byte, ...xor], 0, 0), get(CRC), constant(8), [0x76], xor);
  return [
    ...set(AT, constant(BYTES_AT)),
    ...set(STOP, constant(BYTES_AT), get(SIZE), constant(-SLICES), and, add),
    ...untilStop(SLICES, ...step),
    ...set(STOP, constant(BYTES_AT), get(SIZE), add),
    ...untilStop(1, single),
    ...get(CRC),
    ...end,
  ];
}

function together(entries: readonly Code[]): Code {
  return entries.flatMap((entry, index) => (index === 0 ? entry : [...entry, ...xor]));
}

function assemble(): Uint8Array {
  const variables = [1, 2 + WORDS_A_STEP, I32]; // AT, STOP and the words
  const body = [...variables, ...updateBody()];
  const pages = Math.ceil((BYTES_AT + PORTION) / WASM_PAGE);
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 2, I32, I32, 1, I32]), // one type of function
    ...section(3, [1, 0]), // one function of that type
    ...section(5, [1, 0, pages]),
    ...section(7, [2, ...name("update"), 0, 0, ...name("memory"), 2, 0]),
    ...section(10, [1, ...unsigned(body.length), ...body]),
  ]);
}

function section(id: number, content: Code): Code {
  return [id, ...unsigned(content.length), ...content];
}

function name(text: string): Code {
  return [text.length, ...Buffer.from(text)];
}

/** LEB128. */
function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

function signed(value: number): Code {
  const byte = value & 0x7f;
  const rest = value >> 7;
  const done = (rest === 0 && (byte & 0x40) === 0) || (rest === -1 && (byte & 0x40) !== 0);
  return done ? [byte] : [byte | 0x80, ...signed(rest)];
}
