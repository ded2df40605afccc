/**
 * The first events of an epoch, a person and three auctions: their draws, and the events that are made of them.
 *
 * They are drawn together, as making one string of all their letters, from which each text is cut, costs a quarter of making
 * ten. Where the sequence of draws was behind each of them is kept for checkpoints.
 */

import type { Auction, Person } from "../events.ts";
import { AUCTION_BYTES, auctionAt, personAt } from "./memory.ts";
import {
  AUCTIONS_PER_EPOCH,
  activePeople,
  CARD_LENGTH,
  FIRST_AUCTION,
  FIRST_CATEGORY,
  FIRST_PERSON,
  hotPerson,
  ID_LEAD,
} from "./odds.ts";
import { CITIES, FULL_NAMES, STATES } from "./people.ts";
import { settledPrice } from "./price.ts";
import type { RandomPosition, SplitMix } from "./split-mix.ts";

const AUCTION_WORDS = AUCTION_BYTES / 4;

/** Of an event, by its number: when it is, and when enough auctions have begun after it that it may be closed. */
interface EventTimes {
  of(number: number): number;
  closing(number: number): number;
}

export class EpochHead {
  readonly #random: SplitMix;
  readonly #staticText: string;
  readonly #times: EventTimes;
  #epoch = 0;
  #letters = "";
  /** Behind how many of the letters each auction's begin. */
  readonly #lettersBefore = new Int32Array(AUCTIONS_PER_EPOCH);

  constructor(random: SplitMix, staticText: string, times: EventTimes) {
    this.#random = random;
    this.#staticText = staticText;
    this.#times = times;
  }

  /** Draws the events of the epoch from `offset` on, of which the first is the event of that number. */
  draw(epoch: number, offset: number, number: number): void {
    this.#epoch = epoch;
    let letters = offset === 0 ? this.#random.person() : 0;
    const sellers = activePeople(epoch) + ID_LEAD;
    for (let each = Math.max(offset, 1); each <= AUCTIONS_PER_EPOCH; each++) {
      const own = number + each - offset;
      const horizonMs = this.#times.closing(own) - this.#times.of(own);
      this.#lettersBefore[each - 1] = letters;
      letters = this.#random.auction(each - 1, letters, sellers, Math.max(2 * horizonMs, 1));
    }
    this.#letters = this.#random.drawnLetters.toString("latin1", 0, letters);
  }

  /** Where the draws were behind the event at that offset. */
  behind(offset: number): RandomPosition {
    const drawn = offset === 0 ? this.#random.drawnPerson : this.#random.drawnAuctions;
    const at = offset === 0 ? personAt.counter / 4 : (offset - 1) * AUCTION_WORDS + auctionAt.counter / 4;
    return { high: (drawn[at + 1] as number) >>> 0, low: (drawn[at] as number) >>> 0 };
  }

  /** REQUIRES: the epoch was drawn from its beginning. */
  person(dateTime: number): Person {
    const { drawnPerson } = this.#random;
    const of = (offset: number): number => drawnPerson[offset / 4] as number;
    const emailTo = of(personAt.emailTo);
    return {
      type: "person",
      id: FIRST_PERSON + this.#epoch,
      name: (FULL_NAMES[of(personAt.firstName)] as string[])[of(personAt.lastName)] as string,
      emailAddress: this.#letters.substring(0, emailTo),
      creditCard: this.#letters.substring(emailTo, emailTo + CARD_LENGTH),
      city: CITIES[of(personAt.city)] as string,
      state: STATES[of(personAt.state)] as string,
      dateTime,
      extra: this.#staticText.substring(of(personAt.extraFrom), of(personAt.extraTo)),
    };
  }

  /** The auction at that offset, the event of that time. REQUIRES: it was drawn. */
  auction(offset: number, dateTime: number): Auction {
    const { drawnAuctions } = this.#random;
    const at = (offset - 1) * AUCTION_WORDS;
    const of = (place: number): number => drawnAuctions[at + place / 4] as number;
    const initialBid = this.#price(at, auctionAt.initialBid, auctionAt.initialBits);
    const itemNameTo = of(auctionAt.itemNameTo);
    return {
      type: "auction",
      id: FIRST_AUCTION + this.#epoch * AUCTIONS_PER_EPOCH + offset - 1,
      itemName: this.#letters.substring(this.#lettersBefore[offset - 1] as number, itemNameTo),
      description: this.#letters.substring(itemNameTo, of(auctionAt.descriptionTo)),
      initialBid,
      reserve: initialBid + this.#price(at, auctionAt.reserve, auctionAt.reserveBits),
      dateTime,
      expires: dateTime + 1 + of(auctionAt.open),
      seller: FIRST_PERSON + this.#seller(of(auctionAt.seller)),
      category: FIRST_CATEGORY + of(auctionAt.category),
      extra: this.#staticText.substring(of(auctionAt.extraFrom), of(auctionAt.extraTo)),
    };
  }

  #seller(drawn: number): number {
    return drawn < 0 ? hotPerson(this.#epoch) : this.#epoch + 1 - activePeople(this.#epoch) + drawn;
  }

  #price(at: number, offset: number, bitsOffset: number): number {
    const { drawnAuctions } = this.#random;
    return settledPrice(drawnAuctions[at + offset / 4] as number, drawnAuctions, at + bitsOffset / 4);
  }
}
