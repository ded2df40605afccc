/** Auction bids of about 140 bytes, every one a function of its index: what the engine benchmarks read. */

export interface Bid {
  readonly auction: number;
  readonly bidder: number;
  readonly price: number;
  readonly channel: string;
  readonly url: string;
  readonly dateTime: number;
  readonly extra: string;
}

const channels = Array.from({ length: 1000 }, (_, i) => `channel-${i}`);
const urls = Array.from({ length: 1000 }, (_, i) => `https://auctions.example/a${i}/b/item.htm?query=1`);
const firstInstant = 1_700_000_000_000;
const padding = makePadding(8192);

function makePadding(length: number): string {
  let seed = 7;
  let text = "";
  for (let i = 0; i < length; i++) {
    seed = mix(seed + i);
    text += String.fromCharCode(97 + (seed % 26));
  }
  return Buffer.from(text).toString("latin1");
}

/** A well-mixed unsigned 32-bit number. */
export function mix(value: number): number {
  let h = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Bids on `keys` auctions, uniformly, `perSecond` of them in a second of event time. */
export function bidMaker(keys: number, perSecond: number): (index: number) => Bid {
  const stepMs = 1000 / perSecond;
  return (index) => {
    const a = mix(index * 2 + 1);
    const b = mix(index * 2 + 2);
    const offset = a & 4095;
    return {
      auction: a % keys,
      bidder: b % 50_000,
      price: (a ^ b) >>> 8,
      channel: channels[b % 1000] as string,
      url: urls[b % 1000] as string,
      dateTime: firstInstant + Math.floor(index * stepMs),
      extra: padding.substring(offset, offset + 20 + (b & 31)),
    };
  };
}
