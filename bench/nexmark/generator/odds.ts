/** What events are drawn by, and the sizes of the tables that they are drawn from. */

/** Of an epoch's events the first is a person, some more are auctions, the rest bids. */
export const EVENTS_PER_EPOCH = 50;
export const AUCTIONS_PER_EPOCH = 3;

export const FIRST_PERSON = 1000;
export const FIRST_AUCTION = 1000;

/** Of so many people or auctions one is hot: sells, is bid for or bids more than the others. */
export const HOT_SPAN = 100;

export const ACTIVE_PEOPLE = 1000;
export const AUCTIONS_IN_FLIGHT = 100;
/** Ids that are taken although nobody has them yet. */
export const ID_LEAD = 10;

/** The ballast of events is cut from a text of that length. */
export const STATIC_TEXT_LENGTH = 1024 * 1024;

/** Of so many draws all but one are for the hot seller, the hot auction, the hot bidder, a hot channel. Powers of two. */
export const HOT_SELLERS = 4;
export const HOT_AUCTIONS = 2;
export const HOT_BIDDERS = 4;
export const HOT_CHANNELS = 2;

/** How many channels are hot, a power of two, and how many are not. */
export const CHANNELS_HOT = 4;
export const CHANNELS = 10_000;

export const FIRST_CATEGORY = 10;
export const CATEGORIES = 5;

/** What the number of letters of an address' two names, and of an auction's texts, is drawn below. */
export const LETTERS = { mailbox: 7, host: 5, itemName: 20, description: 100 } as const;

/** Four groups of four digits, with spaces between them. */
export const CARD_LENGTH = 19;

/** Bytes that an event is brought to by ballast; of a bid 100. */
export const PERSON_SIZE = 200;
export const AUCTION_SIZE = 500;

/** A bid's ballast, as `extraSpan` says of 32 bytes of 100. */
export const BID_EXTRA = extraSpan(100 - 32);

/** The least length of ballast for so many bytes, at least none, and how many lengths there are. */
export function extraSpan(missing: number): { readonly min: number; readonly lengths: number } {
  const delta = Math.floor(missing * 0.2 + 0.5);
  return { min: missing - delta, lengths: 2 * delta };
}

export function hotPerson(epoch: number): number {
  return Math.floor(epoch / HOT_SPAN) * HOT_SPAN;
}

export function activePeople(epoch: number): number {
  return Math.min(epoch + 1, ACTIVE_PEOPLE);
}
