/**
 * One of Nexmark's generators: its events in order, each drawn exactly as Apache's reference draws it
 * (github.com/nexmark/nexmark, commit 6b3646c, with seeds).
 *
 * The law: the same draws in the same order, also those whose results go into texts that nobody reads. Of 50 events the
 * first is a person, the next three are auctions, the rest bids. An event's id is the generator's first id plus the
 * event's number, and the event's time follows from the number alone, so that all generators cover the same time.
 */

import type { Auction, Bid, NexmarkEvent, Person } from "../events.ts";
import { priceOf } from "./price.ts";
import { type RandomPosition, SplitMix } from "./split-mix.ts";
import { BID_BYTES, bidAt } from "./split-mix-wasm.ts";
import { drawExtra, drawText, type TextTables, textTables } from "./texts.ts";

const EVENTS_PER_EPOCH = 50;
const AUCTIONS_PER_EPOCH = 3;

const FIRST_PERSON = 1000;
const FIRST_AUCTION = 1000;
const FIRST_CATEGORY = 10;
const CATEGORIES = 5;

/** Of so many people or auctions one is hot: sells, is bid for or bids more than the others. */
const HOT_SPAN = 100;
const HOT_SELLERS = 4;

const ACTIVE_PEOPLE = 1000;
const AUCTIONS_IN_FLIGHT = 100;
/** Ids that are taken although nobody has them yet. */
const ID_LEAD = 10;

/** How many events it takes until so many more auctions have begun. */
const EVENTS_IN_FLIGHT = Math.floor((AUCTIONS_IN_FLIGHT * EVENTS_PER_EPOCH) / AUCTIONS_PER_EPOCH);

const PERSON_BYTES = 200;
const AUCTION_BYTES = 500;

const BID_WORDS = BID_BYTES / 4;
const BID_DOUBLES = BID_BYTES / 8;
const [AUCTION, BIDDER, CHANNEL] = [bidAt.auction / 4, bidAt.bidder / 4, bidAt.channel / 4];
const [EXTRA_LENGTH, EXTRA_AT, COUNTER] = [bidAt.extraLength / 4, bidAt.extraAt / 4, bidAt.counter / 4];
const PRICE = bidAt.price / 8;

const FIRST_NAMES = "Peter,Paul,Luke,John,Saul,Vicky,Kate,Julie,Sarah,Deiter,Walter".split(",");
const LAST_NAMES = "Shultz,Abrams,Spencer,White,Bartels,Walton,Smith,Jones,Noris".split(",");
const CITIES = "Phoenix,Los Angeles,San Francisco,Boise,Portland,Bend,Redmond,Seattle,Kent,Cheyenne".split(",");
const STATES = "AZ,CA,ID,OR,WA,WY".split(",");

export interface GeneratorOptions {
  readonly seed: number;
  /** The time of event number 0, which is never made, in epoch milliseconds. */
  readonly baseTime: number;
  /** Events a second of event time, over all generators together. */
  readonly tps: number;
  readonly generators: number;
}

/** Where a generator goes on, as plain data. */
export interface GeneratorPosition {
  /** 1, or where its share of the ids begins. */
  readonly firstId: number;
  /** How many events it makes in all. */
  readonly events: number;
  /** How many of them it has made. */
  readonly made: number;
  readonly random: RandomPosition;
}

/** Each generator's beginning: a share of the ids and a seed of its own. The last one makes what the division leaves over. */
export function generatorPositions(events: number, generators: number, seed: number): GeneratorPosition[] {
  const share = Math.floor(events / generators);
  return Array.from({ length: generators }, (_, i) => {
    const firstId = 1 + i * share;
    const own = i === generators - 1 ? events - share * (generators - 1) : share;
    return { firstId, events: own, made: 0, random: new SplitMix(seed + firstId).position };
  });
}

export class EventGenerator {
  readonly #random = new SplitMix(0);
  readonly #texts: TextTables;
  readonly #baseTime: number;
  readonly #delayUs: number;
  readonly #firstId: number;
  readonly #events: number;
  #made: number;
  // Of the event to be made: its id is epoch * EVENTS_PER_EPOCH + offset.
  #epoch: number;
  #offset: number;
  /** Of the epoch's bids, which are drawn together: how many there are, and how many of them were made. */
  #bidsDrawn = 0;
  #bidsMade = 0;
  // Of the epoch's bids too: the ids that numbers below those of auctions and bidders are added to, and those of the hot ones.
  #auctionsFrom = 0;
  #biddersFrom = 0;
  #hotAuction = 0;
  #hotBidder = 0;

  constructor({ seed, baseTime, tps, generators }: GeneratorOptions, position: GeneratorPosition) {
    this.#texts = textTables(seed);
    this.#baseTime = baseTime;
    this.#delayUs = (1_000_000 / tps) * generators;
    this.#firstId = position.firstId;
    this.#events = position.events;
    this.#made = position.made;
    this.#random.position = position.random;
    const id = position.firstId + position.made + 1;
    this.#epoch = Math.floor(id / EVENTS_PER_EPOCH);
    this.#offset = id % EVENTS_PER_EPOCH;
  }

  get made(): number {
    return this.#made;
  }

  get left(): number {
    return this.#events - this.#made;
  }

  get position(): GeneratorPosition {
    return { firstId: this.#firstId, events: this.#events, made: this.#made, random: this.#randomPosition };
  }

  /** Behind the last event that was made. */
  get #randomPosition(): RandomPosition {
    if (this.#bidsMade === this.#bidsDrawn) return this.#random.position;
    const { drawnBids } = this.#random;
    const at = (this.#bidsMade - 1) * BID_WORDS + COUNTER;
    return { high: (drawnBids[at + 1] as number) >>> 0, low: (drawnBids[at] as number) >>> 0 };
  }

  /** REQUIRES: some are left. */
  next(): NexmarkEvent {
    const number = ++this.#made;
    const dateTime = this.#timeOf(number);
    const offset = this.#offset;
    const event =
      offset > AUCTIONS_PER_EPOCH
        ? this.#bid(dateTime)
        : offset > 0
          ? this.#auction(number, dateTime)
          : this.#person(dateTime);
    if (offset === EVENTS_PER_EPOCH - 1) {
      this.#offset = 0;
      this.#epoch++;
    } else this.#offset = offset + 1;
    return event;
  }

  /** In whole microseconds first, then in whole milliseconds, as the reference rounds. */
  #timeOf(number: number): number {
    return this.#baseTime + Math.floor(Math.floor(number * this.#delayUs) / 1000);
  }

  #person(dateTime: number): Person {
    const random = this.#random;
    const name = `${FIRST_NAMES[random.below(11)]} ${LAST_NAMES[random.below(9)]}`;
    const emailAddress = `${drawText(random, 7)}@${drawText(random, 5)}.com`;
    const creditCard = drawCreditCard(random);
    const city = CITIES[random.below(10)] as string;
    const state = STATES[random.below(6)] as string;
    const size = 8 + name.length + emailAddress.length + creditCard.length + city.length + state.length;
    const extra = drawExtra(random, size, PERSON_BYTES, this.#texts.staticText);
    const id = FIRST_PERSON + this.#epoch;
    return { type: "person", id, name, emailAddress, creditCard, city, state, dateTime, extra };
  }

  #auction(number: number, dateTime: number): Auction {
    const random = this.#random;
    const id = FIRST_AUCTION + this.#lastAuction();
    const seller = FIRST_PERSON + (random.below(HOT_SELLERS) > 0 ? this.#hotPerson() : this.#anyPerson());
    const category = FIRST_CATEGORY + random.below(CATEGORIES);
    const initialBid = priceOf(random.double());
    const horizonMs = this.#timeOf(number + EVENTS_IN_FLIGHT) - dateTime;
    const expires = dateTime + 1 + random.below(Math.max(2 * horizonMs, 1));
    const itemName = drawText(random, 20);
    const description = drawText(random, 100);
    const reserve = initialBid + priceOf(random.double());
    const size = 8 + itemName.length + description.length + 40;
    const extra = drawExtra(random, size, AUCTION_BYTES, this.#texts.staticText);
    return {
      type: "auction",
      id,
      itemName,
      description,
      initialBid,
      reserve,
      dateTime,
      expires,
      seller,
      category,
      extra,
    };
  }

  #bid(dateTime: number): Bid {
    if (this.#bidsMade === this.#bidsDrawn) this.#drawBids();
    const { drawnBids, drawnDoubles } = this.#random;
    const { channelNames, channelUrls, staticText } = this.#texts;
    const made = this.#bidsMade++;
    const at = made * BID_WORDS;
    const ofAuctions = drawnBids[at + AUCTION] as number;
    const ofBidders = drawnBids[at + BIDDER] as number;
    const channel = drawnBids[at + CHANNEL] as number;
    const extraAt = drawnBids[at + EXTRA_AT] as number;
    return {
      type: "bid",
      auction: ofAuctions < 0 ? this.#hotAuction : this.#auctionsFrom + ofAuctions,
      bidder: ofBidders < 0 ? this.#hotBidder : this.#biddersFrom + ofBidders,
      price: priceOf(drawnDoubles[made * BID_DOUBLES + PRICE] as number),
      channel: channelNames[channel] as string,
      url: channelUrls[channel] as string,
      dateTime,
      extra: staticText.substring(extraAt, extraAt + (drawnBids[at + EXTRA_LENGTH] as number)),
    };
  }

  /** Draws the bids that the epoch still has. */
  #drawBids(): void {
    const last = this.#lastAuction();
    const firstAuction = Math.max(last - AUCTIONS_IN_FLIGHT, 0);
    const active = this.#activePeople();
    this.#bidsMade = 0;
    this.#bidsDrawn = EVENTS_PER_EPOCH - this.#offset;
    this.#auctionsFrom = FIRST_AUCTION + firstAuction;
    this.#biddersFrom = 2 * FIRST_PERSON + this.#epoch + 1 - active;
    this.#hotAuction = FIRST_AUCTION + Math.floor(last / HOT_SPAN) * HOT_SPAN;
    this.#hotBidder = 2 * FIRST_PERSON + this.#hotPerson() + 1;
    this.#random.bids(this.#bidsDrawn, last - firstAuction + 1 + ID_LEAD, active + ID_LEAD);
  }

  /** The number of the latest auction, the event itself included. */
  #lastAuction(): number {
    const last = this.#offset === 0 ? -1 : Math.min(this.#offset, AUCTIONS_PER_EPOCH) - 1;
    return this.#epoch * AUCTIONS_PER_EPOCH + last;
  }

  #hotPerson(): number {
    return Math.floor(this.#epoch / HOT_SPAN) * HOT_SPAN;
  }

  #anyPerson(): number {
    const active = this.#activePeople();
    return this.#epoch + 1 - active + this.#random.below(active + ID_LEAD);
  }

  #activePeople(): number {
    return Math.min(this.#epoch + 1, ACTIVE_PEOPLE);
  }
}

const fourDigits = Array.from({ length: 10_000 }, (_, number) => String(number).padStart(4, "0"));

function drawCreditCard(random: SplitMix): string {
  const digits = (): string => fourDigits[random.below(10_000)] as string;
  return `${digits()} ${digits()} ${digits()} ${digits()}`;
}
