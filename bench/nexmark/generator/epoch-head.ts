/**
 * The first events of an epoch, a person and three auctions: their draws, and the events that are made of them.
 *
 * They are drawn together, as making one string of all their letters, from which each text is cut, costs a quarter of making
 * ten. Where the sequence of draws was behind each of them is kept for checkpoints.
 */

import type { Auction, Person } from "../events.ts";
import {
  AUCTIONS_PER_EPOCH,
  activePeople,
  extraSpan,
  FIRST_AUCTION,
  FIRST_PERSON,
  HOT_SELLERS,
  hotPerson,
  ID_LEAD,
  STATIC_TEXT_LENGTH,
} from "./odds.ts";
import type { RandomPosition, SplitMix } from "./split-mix.ts";
import { SPACE } from "./split-mix-wasm.ts";
import { flat } from "./texts.ts";

const FIRST_CATEGORY = 10;
const CATEGORIES = 5;

const PERSON_BYTES = 200;
const AUCTION_BYTES = 500;

const AT_SIGN = 0x40;
const DIGIT_0 = 0x30;
const CARD_LENGTH = 19;

const FIRST_NAMES = "Peter,Paul,Luke,John,Saul,Vicky,Kate,Julie,Sarah,Deiter,Walter".split(",");
const LAST_NAMES = "Shultz,Abrams,Spencer,White,Bartels,Walton,Smith,Jones,Noris".split(",");
const CITIES = "Phoenix,Los Angeles,San Francisco,Boise,Portland,Bend,Redmond,Seattle,Kent,Cheyenne".split(",");
const STATES = "AZ,CA,ID,OR,WA,WY".split(",");

const names = FIRST_NAMES.map((first) => LAST_NAMES.map((last) => flat(`${first} ${last}`)));

/** Where in the static text an event's ballast is. */
interface Ballast {
  readonly from: number;
  readonly to: number;
}

/** Texts are told by where they end in the letters: each begins where the one before it ends. */
interface DrawnPerson {
  readonly name: string;
  readonly emailTo: number;
  readonly city: string;
  readonly state: string;
  readonly extra: Ballast;
  readonly behind: RandomPosition;
}

interface DrawnAuction {
  readonly id: number;
  readonly seller: number;
  readonly category: number;
  readonly initialBid: number;
  readonly dateTime: number;
  readonly expires: number;
  readonly from: number;
  readonly itemNameTo: number;
  readonly to: number;
  readonly reserve: number;
  readonly extra: Ballast;
  readonly behind: RandomPosition;
}

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
  #person: DrawnPerson | undefined;
  #auctions: readonly DrawnAuction[] = [];

  constructor(random: SplitMix, staticText: string, times: EventTimes) {
    this.#random = random;
    this.#staticText = staticText;
    this.#times = times;
  }

  /** Draws the events of the epoch from `offset` on, of which the first is the event of that number. */
  draw(epoch: number, offset: number, number: number): void {
    this.#epoch = epoch;
    this.#person = offset === 0 ? this.#drawPerson() : undefined;
    let at = this.#person === undefined ? 0 : this.#person.emailTo + CARD_LENGTH;
    const auctions: DrawnAuction[] = [];
    for (let each = Math.max(offset, 1); each <= AUCTIONS_PER_EPOCH; each++) {
      const auction = this.#drawAuction(each, number + each - offset, at);
      auctions[each - 1] = auction;
      at = auction.to;
    }
    this.#auctions = auctions;
    this.#letters = this.#random.drawnLetters.toString("latin1", 0, at);
  }

  /** Where the draws were behind the event at that offset. */
  behind(offset: number): RandomPosition {
    const { behind } = (offset === 0 ? this.#person : this.#auctions[offset - 1]) as DrawnPerson | DrawnAuction;
    return behind;
  }

  /** REQUIRES: the epoch was drawn from its beginning. */
  person(dateTime: number): Person {
    const { name, emailTo, city, state, extra } = this.#person as DrawnPerson;
    return {
      type: "person",
      id: FIRST_PERSON + this.#epoch,
      name,
      emailAddress: this.#letters.substring(0, emailTo),
      creditCard: this.#letters.substring(emailTo, emailTo + CARD_LENGTH),
      city,
      state,
      dateTime,
      extra: this.#staticText.substring(extra.from, extra.to),
    };
  }

  /** The auction at that offset. REQUIRES: it was drawn. */
  auction(offset: number): Auction {
    const auction = this.#auctions[offset - 1] as DrawnAuction;
    return {
      type: "auction",
      id: auction.id,
      itemName: this.#letters.substring(auction.from, auction.itemNameTo),
      description: this.#letters.substring(auction.itemNameTo, auction.to),
      initialBid: auction.initialBid,
      reserve: auction.reserve,
      dateTime: auction.dateTime,
      expires: auction.expires,
      seller: auction.seller,
      category: auction.category,
      extra: this.#staticText.substring(auction.extra.from, auction.extra.to),
    };
  }

  #drawPerson(): DrawnPerson {
    const random = this.#random;
    const letters = random.drawnLetters;
    const name = (names[random.below(FIRST_NAMES.length)] as string[])[random.below(LAST_NAMES.length)] as string;
    let emailTo = random.letters(7, SPACE, 0);
    letters[emailTo] = AT_SIGN;
    emailTo = random.letters(5, SPACE, emailTo + 1);
    emailTo += letters.write(".com", emailTo, "latin1");
    this.#drawCreditCard(emailTo);
    const city = CITIES[random.below(CITIES.length)] as string;
    const state = STATES[random.below(STATES.length)] as string;
    const extra = this.#drawExtra(PERSON_BYTES - 8 - name.length - emailTo - CARD_LENGTH - city.length - state.length);
    return { name, emailTo, city, state, extra, behind: random.position };
  }

  /** "0123 4567 8901 2345" */
  #drawCreditCard(from: number): void {
    const letters = this.#random.drawnLetters;
    for (let at = from; at < from + CARD_LENGTH; at += 5) {
      const digits = this.#random.below(10_000);
      letters[at] = DIGIT_0 + ((digits / 1000) | 0);
      letters[at + 1] = DIGIT_0 + (((digits / 100) | 0) % 10);
      letters[at + 2] = DIGIT_0 + (((digits / 10) | 0) % 10);
      letters[at + 3] = DIGIT_0 + (digits % 10);
      letters[at + 4] = SPACE; // the last one is written over
    }
  }

  #drawAuction(offset: number, number: number, from: number): DrawnAuction {
    const random = this.#random;
    const epoch = this.#epoch;
    const active = activePeople(epoch);
    const seller =
      random.below(HOT_SELLERS) > 0 ? hotPerson(epoch) : epoch + 1 - active + random.below(active + ID_LEAD);
    const category = FIRST_CATEGORY + random.below(CATEGORIES);
    const initialBid = random.price();
    const dateTime = this.#times.of(number);
    const horizonMs = this.#times.closing(number) - dateTime;
    const expires = dateTime + 1 + random.below(Math.max(2 * horizonMs, 1));
    const itemNameTo = random.letters(20, SPACE, from);
    const to = random.letters(100, SPACE, itemNameTo);
    const reserve = initialBid + random.price();
    const extra = this.#drawExtra(AUCTION_BYTES - 8 - (to - from) - 40);
    return {
      id: FIRST_AUCTION + epoch * AUCTIONS_PER_EPOCH + offset - 1,
      seller: FIRST_PERSON + seller,
      category,
      initialBid,
      dateTime,
      expires,
      from,
      itemNameTo,
      to,
      reserve,
      extra,
      behind: random.position,
    };
  }

  /** For so many bytes that an event lacks of its usual size: none if it is larger, else as many within a fifth. */
  #drawExtra(missing: number): Ballast {
    if (missing < 0) return { from: 0, to: 0 };
    const { min, lengths } = extraSpan(missing);
    const length = min + (lengths === 0 ? 0 : this.#random.below(lengths));
    const from = this.#random.below(STATIC_TEXT_LENGTH - length);
    return { from, to: from + length };
  }
}
