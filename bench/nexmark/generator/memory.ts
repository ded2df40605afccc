/** Where the module of draws has what in its memory. The counter of the sequence is at 0. */

import { AUCTIONS_PER_EPOCH } from "./odds.ts";

/** What texts have that are drawn letter by letter. */
export const SPACE = 0x20;

/** The letters drawn last, in Latin-1. */
export const LETTERS_AT = 64;
/** Room for the texts of a person and of three auctions. */
export const LETTERS_MAX = 512;

/** The person drawn last. Each of these ends where in the letters, or the static text, the next one begins. */
export const PERSON_AT = LETTERS_AT + LETTERS_MAX;
const PERSON_BYTES = 40;
export const personAt = {
  /** The counter behind the last draw, 64 bits; all others are 32-bit integers. */
  counter: 0,
  firstName: 8,
  lastName: 12,
  emailTo: 16,
  city: 20,
  state: 24,
  /** Where in the static text `extra` begins and ends. */
  extraFrom: 28,
  extraTo: 32,
} as const;

/** The auctions drawn last, so many bytes each. */
export const AUCTIONS_AT = PERSON_AT + PERSON_BYTES;
export const AUCTION_BYTES = 64;
export const auctionAt = {
  counter: 0,
  /** The bits of the doubles that the prices are made of, 64 each, and the prices as `priceCode` leaves them. */
  initialBits: 8,
  reserveBits: 16,
  initialBid: 24,
  reserve: 28,
  /** A number below that of the sellers, -1 for the hot one. */
  seller: 32,
  category: 36,
  /** How long it is open beyond its first millisecond. */
  open: 40,
  itemNameTo: 44,
  descriptionTo: 48,
  extraFrom: 52,
  extraTo: 56,
} as const;

/** The bids drawn last, so many bytes each. */
export const BIDS_AT = AUCTIONS_AT + AUCTIONS_PER_EPOCH * AUCTION_BYTES;
export const BID_BYTES = 40;
/** An epoch has fewer. */
const BIDS_MAX = 50;
export const bidAt = {
  counter: 0,
  bits: 8,
  price: 16,
  /** A number below that of the auctions, -1 for the hot one; of the bidder the same. */
  auction: 20,
  bidder: 24,
  /** A hot channel's number, or as many more as there are hot channels than that of another one. */
  channel: 28,
  extraFrom: 32,
  extraTo: 36,
} as const;

/** How many letters names and cities have, a byte each. */
export const LENGTHS_AT = BIDS_AT + BIDS_MAX * BID_BYTES;
const LENGTHS_MAX = 64;

/** The powers that prices are made of: the last, whatever their number. */
export const POWERS_AT = LENGTHS_AT + LENGTHS_MAX;
