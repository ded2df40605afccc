/** What a bid is drawn by, and the sizes of the tables that it is drawn from. */

/** The ballast of events is cut from a text of that length. */
export const STATIC_TEXT_LENGTH = 1024 * 1024;

/** Of so many draws all but one are for the hot auction, the hot bidder, a hot channel. Powers of two. */
export const HOT_AUCTIONS = 2;
export const HOT_BIDDERS = 4;
export const HOT_CHANNELS = 2;

/** How many channels are hot, a power of two, and how many are not. */
export const CHANNELS_HOT = 4;
export const CHANNELS = 10_000;

/** A bid's ballast, as `extraSpan` says of 32 bytes of 100. */
export const BID_EXTRA = extraSpan(100 - 32);

/** The least length of ballast for so many bytes, at least none, and how many lengths there are. */
export function extraSpan(missing: number): { readonly min: number; readonly lengths: number } {
  const delta = Math.floor(missing * 0.2 + 0.5);
  return { min: missing - delta, lengths: 2 * delta };
}
