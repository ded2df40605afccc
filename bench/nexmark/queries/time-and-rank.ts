/** What several queries make of a bid's time and price. Days and minutes are UTC's, as in the reference's runs. */

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

let lastDay = Number.NaN;
let lastDayText = "";

/** The day's number, from 1970 on: a key that is looked up faster than its text. */
export function dayOf(dateTime: number): number {
  return Math.floor(dateTime / DAY_MS);
}

/** "2015-07-15". Consecutive bids are mostly of one day, so its text is made once. */
export function dayText(day: number): string {
  if (day !== lastDay) {
    lastDay = day;
    lastDayText = new Date(day * DAY_MS).toISOString().slice(0, 10);
  }
  return lastDayText;
}

/** The minute of the day. */
export function minuteOf(dateTime: number): number {
  return Math.floor((dateTime % DAY_MS) / MINUTE_MS);
}

const minuteTexts = Array.from({ length: DAY_MS / MINUTE_MS }, (_, minute) =>
  new Date(minute * MINUTE_MS).toISOString().slice(11, 16),
);

/** "23:59". */
export function minuteText(minute: number): string {
  return minuteTexts[minute] as string;
}

/** Small, middling and large prices. */
function rankOf(price: number): 1 | 2 | 3 {
  return price < 10_000 ? 1 : price < 1_000_000 ? 2 : 3;
}

interface Priced {
  readonly price: number;
}

export const isRank1 = ({ price }: Priced): boolean => rankOf(price) === 1;
export const isRank2 = ({ price }: Priced): boolean => rankOf(price) === 2;
export const isRank3 = ({ price }: Priced): boolean => rankOf(price) === 3;
