/** Nexmark's events: an auction house's new people, new auctions and bids, in the fields of the reference. */

export interface Person {
  readonly type: "person";
  readonly id: number;
  readonly name: string;
  readonly emailAddress: string;
  readonly creditCard: string;
  readonly city: string;
  readonly state: string;
  /** Epoch milliseconds, as all times here. */
  readonly dateTime: number;
  /** Ballast that brings the event to its usual size. */
  readonly extra: string;
}

export interface Auction {
  readonly type: "auction";
  readonly id: number;
  readonly itemName: string;
  readonly description: string;
  /** In cents, as all prices here. */
  readonly initialBid: number;
  readonly reserve: number;
  readonly dateTime: number;
  readonly expires: number;
  /** The id of a person. */
  readonly seller: number;
  readonly category: number;
  readonly extra: string;
}

export interface Bid {
  readonly type: "bid";
  /** The id of an auction. */
  readonly auction: number;
  /** 1000 more than the id of a person: the reference adds the first id twice. */
  readonly bidder: number;
  readonly price: number;
  readonly channel: string;
  readonly url: string;
  readonly dateTime: number;
  readonly extra: string;
}

export type NexmarkEvent = Person | Auction | Bid;

export function isPerson(event: NexmarkEvent): event is Person {
  return event.type === "person";
}

export function isAuction(event: NexmarkEvent): event is Auction {
  return event.type === "auction";
}

export function isBid(event: NexmarkEvent): event is Bid {
  return event.type === "bid";
}
