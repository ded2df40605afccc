/**
 * One of Nexmark's generators: its events in order, each drawn exactly as Apache's reference draws it
 * (github.com/nexmark/nexmark, commit 6b3646c, with seeds).
 *
 * The law: the same draws in the same order, also those whose results go into texts that nobody reads. Of 50 events the
 * first is a person, the next three are auctions, the rest bids. An event's id is the generator's first id plus the
 * event's number, and the event's time follows from the number alone, so that all generators cover the same time.
 */

import type { Bid, NexmarkEvent } from "../events.ts";
import { EpochHead } from "./epoch-head.ts";
import { BID_BYTES, bidAt } from "./memory.ts";
import {
  AUCTIONS_IN_FLIGHT,
  AUCTIONS_PER_EPOCH,
  activePeople,
  EVENTS_PER_EPOCH,
  FIRST_AUCTION,
  FIRST_PERSON,
  HOT_SPAN,
  hotPerson,
  ID_LEAD,
} from "./odds.ts";
import { settledPrice } from "./price.ts";
import { type RandomPosition, SplitMix, startOf } from "./split-mix.ts";
import { type TextTables, textTables } from "./texts.ts";

/** How many events it takes until so many more auctions have begun. */
const EVENTS_IN_FLIGHT = Math.floor((AUCTIONS_IN_FLIGHT * EVENTS_PER_EPOCH) / AUCTIONS_PER_EPOCH);

const BID_WORDS = BID_BYTES / 4;
const [AUCTION, BIDDER, CHANNEL] = [bidAt.auction / 4, bidAt.bidder / 4, bidAt.channel / 4];
const [EXTRA_FROM, EXTRA_TO, COUNTER] = [bidAt.extraFrom / 4, bidAt.extraTo / 4, bidAt.counter / 4];
const [PRICE, BITS] = [bidAt.price / 4, bidAt.bits / 4];

/** Events a second of a generator: with fewer, how many milliseconds an auction is open for would be drawn below 2³¹ or more. */
export const GENERATOR_TPS_MIN = 0.002;

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
    return { firstId, events: own, made: 0, random: startOf(BigInt(seed) + BigInt(firstId)) };
  });
}

export class EventGenerator {
  readonly #random: SplitMix;
  readonly #texts: TextTables;
  readonly #baseTime: number;
  readonly #delayUs: number;
  readonly #firstId: number;
  readonly #events: number;
  #made: number;
  // Of the event to be made: its id is epoch * EVENTS_PER_EPOCH + offset.
  #epoch: number;
  #offset: number;
  readonly #head: EpochHead;
  /** Whether the people and auctions were drawn that the epoch still has. */
  #headDrawn = false;
  /** Where the draws are behind the last event, unless that is a bid. */
  #behind: RandomPosition;
  /** Of the epoch's bids, which are drawn together: whether they were, and how many of them were made. */
  #bidsDrawn = false;
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
    this.#random = new SplitMix(position.random);
    this.#behind = position.random;
    this.#head = new EpochHead(this.#random, this.#texts.staticText, {
      of: (number) => this.#timeOf(number),
      closing: (number) => this.#timeOf(number + EVENTS_IN_FLIGHT),
    });
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
    if (this.#bidsMade === 0) return this.#behind;
    const { drawnBids } = this.#random;
    const at = (this.#bidsMade - 1) * BID_WORDS + COUNTER;
    return { high: (drawnBids[at + 1] as number) >>> 0, low: (drawnBids[at] as number) >>> 0 };
  }

  /** REQUIRES: some are left. */
  next(): NexmarkEvent {
    const number = ++this.#made;
    const offset = this.#offset++;
    if (offset <= AUCTIONS_PER_EPOCH) return this.#personOrAuction(number, offset);
    const event = this.#bid(number, offset);
    if (offset === EVENTS_PER_EPOCH - 1) this.#nextEpoch();
    return event;
  }

  #nextEpoch(): void {
    this.#offset = 0;
    this.#epoch++;
    this.#headDrawn = false;
    this.#bidsDrawn = false;
    this.#bidsMade = 0;
    this.#behind = this.#random.position;
  }

  /** In whole microseconds first, then in whole milliseconds, as the reference rounds. */
  #timeOf(number: number): number {
    return this.#baseTime + Math.floor(Math.floor(number * this.#delayUs) / 1000);
  }

  #personOrAuction(number: number, offset: number): NexmarkEvent {
    if (!this.#headDrawn) this.#head.draw(this.#epoch, offset, number);
    this.#headDrawn = true;
    this.#behind = this.#head.behind(offset);
    const dateTime = this.#timeOf(number);
    return offset === 0 ? this.#head.person(dateTime) : this.#head.auction(offset, dateTime);
  }

  #bid(number: number, offset: number): Bid {
    if (!this.#bidsDrawn) this.#drawBids(EVENTS_PER_EPOCH - offset);
    const { drawnBids } = this.#random;
    const { channelNames, channelUrls, staticText } = this.#texts;
    const at = this.#bidsMade++ * BID_WORDS;
    const ofAuctions = drawnBids[at + AUCTION] as number;
    const ofBidders = drawnBids[at + BIDDER] as number;
    const channel = drawnBids[at + CHANNEL] as number;
    return {
      type: "bid",
      auction: ofAuctions < 0 ? this.#hotAuction : this.#auctionsFrom + ofAuctions,
      bidder: ofBidders < 0 ? this.#hotBidder : this.#biddersFrom + ofBidders,
      price: settledPrice(drawnBids[at + PRICE] as number, drawnBids, at + BITS),
      channel: channelNames[channel] as string,
      url: channelUrls[channel] as string,
      dateTime: this.#timeOf(number),
      extra: staticText.substring(drawnBids[at + EXTRA_FROM] as number, drawnBids[at + EXTRA_TO] as number),
    };
  }

  /** Draws the bids that the epoch still has. */
  #drawBids(count: number): void {
    const epoch = this.#epoch;
    const last = (epoch + 1) * AUCTIONS_PER_EPOCH - 1;
    const firstAuction = Math.max(last - AUCTIONS_IN_FLIGHT, 0);
    const active = activePeople(epoch);
    this.#bidsDrawn = true;
    this.#auctionsFrom = FIRST_AUCTION + firstAuction;
    this.#biddersFrom = 2 * FIRST_PERSON + epoch + 1 - active;
    this.#hotAuction = FIRST_AUCTION + Math.floor(last / HOT_SPAN) * HOT_SPAN;
    this.#hotBidder = 2 * FIRST_PERSON + hotPerson(epoch) + 1;
    this.#random.bids(count, last - firstAuction + 1 + ID_LEAD, active + ID_LEAD);
  }
}
