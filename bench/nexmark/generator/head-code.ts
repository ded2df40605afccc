/** Draws of people and auctions in WebAssembly: their numbers, prices and letters, as `memory.ts` says where. */

import { Draws } from "./draws-code.ts";
import { auctionAt, LENGTHS_AT, LETTERS_AT, PERSON_AT, POWERS_AT, personAt, SPACE } from "./memory.ts";
import { AUCTION_SIZE, CATEGORIES, HOT_SELLERS, LETTERS, PERSON_SIZE, STATIC_TEXT_LENGTH } from "./odds.ts";
import { CITIES, FIRST_NAMES, LAST_NAMES, STATE_LENGTH, STATES } from "./people.ts";
import { PRICE_LOCALS, priceCode } from "./price.ts";
import {
  type Code,
  call,
  get,
  i32,
  i32LoadByte,
  i32Store,
  i32StoreByte,
  i64Store,
  op,
  set,
  tee,
  type,
  type WasmFunction,
} from "./wasm-code.ts";

/** The numbers in the module of the functions that others call. */
export const LETTERS_FUNCTION = 0;
export const EXTRA_FUNCTION = 1;

const AT_SIGN = 0x40;
const DIGIT_0 = 0x30;
const DOT_COM = Buffer.from(".com").readInt32LE();

/** How many letters names and cities have, which lie at `LENGTHS_AT`: a person's size depends on them. */
export const lengths = Uint8Array.from([...FIRST_NAMES, ...LAST_NAMES, ...CITIES], (text) => text.length);
const LAST_NAMES_AT = LENGTHS_AT + FIRST_NAMES.length;
const CITIES_AT = LAST_NAMES_AT + LAST_NAMES.length;

/** What a person's bytes are beside first and last name, address and city: an id, a space, a card, a state. */
const PERSON_REST = 8 + 1 + "0123 4567 8901 2345".length + STATE_LENGTH;
/** What an auction's are beside its texts. */
const AUCTION_REST = 8 + 5 * 8;

const drawLetters = (max: number, at: Code): Code => [...i32(max), ...i32(SPACE), ...at, ...call(LETTERS_FUNCTION)];

/**
 * Takes how many bytes an event lacks of its usual size: draws as many letters within a fifth, or none if it is larger, and
 * stores where in the static text they begin and end.
 */
export const extra: WasmFunction = (() => {
  const [lacking, at] = [0, 1];
  const draws = new Draws(2);
  const [span, from] = [2, 3].map((local) => local + Draws.locals.length) as [number, number];
  const fifth = [...get(lacking), ...i32(2), op.i32Mul, ...i32(5), op.i32Add, ...i32(10), op.i32DivideUnsigned];
  const length = lacking;
  const drawn = [
    ...[...fifth, ...set(span), ...get(lacking), ...get(span), op.i32Sub, ...set(length)],
    ...[...get(span), op.if, type.none, ...get(span), ...i32(1), op.i32ShiftLeft, ...set(span)],
    ...[...draws.below(span), ...get(length), op.i32Add, ...set(length), op.end],
    ...[...i32(STATIC_TEXT_LENGTH), ...get(length), op.i32Sub, ...set(span), ...draws.below(span), ...set(from)],
  ];
  const isLarger = [...get(lacking), ...i32(0), op.i32LessSigned];
  const body = [
    ...[...isLarger, op.if, type.none, ...i32(0), ...set(length), op.else, ...draws.load(), ...drawn, ...draws.store()],
    ...[op.end, ...get(at), ...get(from), ...i32Store(0)],
    ...[...get(at), ...get(from), ...get(length), op.i32Add, ...i32Store(4)],
  ];
  const locals = [...Draws.locals, type.i32, type.i32];
  return { name: "extra", parameters: [type.i32, type.i32], results: [], locals, body };
})();

/** Draws a person with its letters, and leaves how many these are. */
export const person: WasmFunction = (() => {
  const draws = new Draws(0);
  const [at, drawn, lacking] = [0, 1, 2].map((local) => local + Draws.locals.length) as [number, number, number];
  const store = (value: Code, offset: number): Code => [...i32(0), ...value, ...i32Store(PERSON_AT + offset)];
  const put = (letter: Code, offset: number): Code => [...get(at), ...letter, ...i32StoreByte(offset)];
  const goOn = (letters: number): Code => [...get(at), ...i32(letters), op.i32Add, ...set(at)];
  const lackLess = (length: Code): Code => [...get(lacking), ...length, op.i32Sub, ...set(lacking)];
  /** One of so many texts, whose lengths are there. */
  const oneOf = (texts: readonly string[], offset: number, lengthsAt: number): Code => [
    ...store([...draws.belowConstant(texts.length), ...tee(drawn)], offset),
    ...lackLess([...get(drawn), ...i32LoadByte(lengthsAt)]),
  ];
  const digit = (power: number): Code => {
    const higher = [...get(drawn), ...i32(power), op.i32DivideUnsigned];
    return [...higher, ...i32(10), op.i32RemainderUnsigned, ...i32(DIGIT_0), op.i32Add];
  };
  const digits = [
    ...[...draws.belowConstant(10_000), ...set(drawn)],
    ...[1000, 100, 10, 1].flatMap((power, place) => put(digit(power), place)),
    ...goOn(4),
  ];
  const space = [...put(i32(SPACE), 0), ...goOn(1)];
  const body = [
    ...[...draws.load(), ...i32(PERSON_SIZE - PERSON_REST), ...set(lacking)],
    ...oneOf(FIRST_NAMES, personAt.firstName, LENGTHS_AT),
    ...oneOf(LAST_NAMES, personAt.lastName, LAST_NAMES_AT),
    ...[...draws.store(), ...drawLetters(LETTERS.mailbox, i32(LETTERS_AT)), ...set(at)],
    ...[...put(i32(AT_SIGN), 0), ...goOn(1), ...drawLetters(LETTERS.host, get(at)), ...set(at)],
    ...[...get(at), ...i32(DOT_COM), ...i32Store(0), ...goOn(4), ...draws.load()],
    ...store([...get(at), ...i32(LETTERS_AT), op.i32Sub, ...tee(drawn)], personAt.emailTo),
    ...lackLess(get(drawn)),
    ...[...digits, ...space, ...digits, ...space, ...digits, ...space, ...digits],
    ...oneOf(CITIES, personAt.city, CITIES_AT),
    ...[...store(draws.belowConstant(STATES.length), personAt.state), ...draws.store()],
    ...[...get(lacking), ...i32(PERSON_AT + personAt.extraFrom), ...call(EXTRA_FUNCTION)],
    ...[...i32(0), ...draws.stored, ...i64Store(PERSON_AT + personAt.counter)],
    ...[...get(at), ...i32(LETTERS_AT), op.i32Sub],
  ];
  const locals = [...Draws.locals, type.i32, type.i32, type.i32];
  return { name: "person", parameters: [], results: [type.i32], locals, body };
})();

/**
 * Takes where to store an auction, behind how many letters its own begin, and of how many sellers and milliseconds it is drawn.
 * Leaves how many letters there are then.
 */
export const auction: WasmFunction = (() => {
  const [at, lettersFrom, sellers, open] = [0, 1, 2, 3];
  const draws = new Draws(4);
  const [from, to, hot] = [4, 5, 6].map((local) => local + Draws.locals.length) as [number, number, number];
  const price = hot + 1;
  const bits = price + PRICE_LOCALS.length;
  const store = (value: Code, offset: number): Code => [...get(at), ...value, ...i32Store(offset)];
  const storePrice = (bitsOffset: number, offset: number): Code => [
    ...[...get(at), ...draws.doubleBits(), ...tee(bits), ...i64Store(bitsOffset)],
    ...store([...get(bits), ...priceCode(POWERS_AT, price)], offset),
  ];
  const letters = (max: number, behind: number, offset: number): Code => [
    ...[...drawLetters(max, get(behind)), ...set(to)],
    ...store([...get(to), ...i32(LETTERS_AT), op.i32Sub], offset),
  ];
  const lacking = [...i32(AUCTION_SIZE - AUCTION_REST), ...get(from), op.i32Add, ...get(to), op.i32Sub];
  const body = [
    ...[...draws.load(), ...get(lettersFrom), ...i32(LETTERS_AT), op.i32Add, ...set(from)],
    ...[...draws.belowPower(HOT_SELLERS), ...set(hot)],
    ...store(draws.unless(hot, draws.below(sellers)), auctionAt.seller),
    ...store(draws.belowConstant(CATEGORIES), auctionAt.category),
    ...storePrice(auctionAt.initialBits, auctionAt.initialBid),
    ...[...store(draws.below(open), auctionAt.open), ...draws.store()],
    ...letters(LETTERS.itemName, from, auctionAt.itemNameTo),
    ...letters(LETTERS.description, to, auctionAt.descriptionTo),
    ...[...draws.load(), ...storePrice(auctionAt.reserveBits, auctionAt.reserve), ...draws.store()],
    ...[...lacking, ...get(at), ...i32(auctionAt.extraFrom), op.i32Add, ...call(EXTRA_FUNCTION)],
    ...[...get(at), ...draws.stored, ...i64Store(auctionAt.counter)],
    ...[...get(to), ...i32(LETTERS_AT), op.i32Sub],
  ];
  const parameters = [type.i32, type.i32, type.i32, type.i32];
  const locals = [...Draws.locals, type.i32, type.i32, type.i32, ...PRICE_LOCALS, type.i64];
  return { name: "auction", parameters, results: [type.i32], locals, body };
})();
