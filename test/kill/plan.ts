/** What is killed when in which round, from a seed: each fault point in turn, and processes at random moments. */

import { SeededRandom } from "../../runtime/testing/seeded-random.ts";
import { overtakingPoints, type Point, points } from "./points.ts";

export type JobName = "windows" | "joins" | "recommender" | "kafka";

export const jobNames: readonly JobName[] = ["windows", "joins", "recommender"];

export type Strike =
  /** At the fault point, when it is reached for the nth time. */
  | { readonly kind: "point"; readonly point: Point; readonly nth: number }
  | {
      readonly kind: "random";
      readonly process: Point["process"];
      readonly which: number;
      readonly afterMs: number;
    }
  /** Something that the job depends on goes away, by kill -9, and comes back. */
  | { readonly kind: "outage"; readonly of: readonly number[]; readonly forMs: number };

export interface Round {
  readonly number: number;
  readonly job: JobName;
  readonly strikes: readonly Strike[];
  /** With which the job's end is met; undefined: it may end in peace. */
  readonly ending: Strike | undefined;
}

export interface PlanOptions {
  readonly seed: number;
  readonly rounds: number;
  readonly jobs: readonly JobName[];
  /** Fault points a round, beside that of the job's end. */
  readonly pointsARound: number;
  /** Kills at random moments a round. */
  readonly randomARound: number;
  /** Default: all that any job comes to. */
  readonly points?: readonly Point[];
}

const NTH_MAX = 3;
const AFTER_MS_MAX = 600;
/** So many rounds of three end in peace. */
const PEACEFUL = 1;

/** The same options give the same rounds, and so does any number of rounds for those that it has. */
export function roundsOf(options: PlanOptions): readonly Round[] {
  const random = new SeededRandom(options.seed);
  const all = options.points ?? points;
  const running = new Deck(
    all.filter(({ when }) => when !== "ending"),
    random,
  );
  const ending = new Deck(
    all.filter(({ when }) => when === "ending"),
    random,
  );
  return Array.from({ length: options.rounds }, (_, at) => {
    const job = options.jobs[at % options.jobs.length] as JobName;
    const strikes = [
      ...(job === "joins" ? overtakingPoints : []).map((point) => atPoint(point, random)),
      ...Array.from({ length: options.pointsARound }, () => atPoint(running.next(), random)),
      ...Array.from({ length: options.randomARound }, () => atRandom(random)),
    ];
    const last = atPoint(ending.next(), random);
    return { number: at + 1, job, strikes: inOrder(strikes, random), ending: at % 3 < 3 - PEACEFUL ? last : undefined };
  });
}

/** Each fault point once, in so many rounds. A process that takes another's place is armed, so few die for nothing. */
export function everyPointOnce(job: JobName, rounds: number, of: readonly Point[] = points): readonly Round[] {
  const once = (point: Point): Strike => ({ kind: "point", point, nth: 1 });
  const byProcess = (process: Point["process"]) =>
    of.filter((point) => point.process === process && point.when !== "ending").map(once);
  const ending = of.filter(({ when }) => when === "ending").map(once);
  return Array.from({ length: rounds }, (_, at) => {
    const strikes = [...byProcess("worker"), ...byProcess("coordinator")].filter(
      (_strike, turn) => turn % rounds === at,
    );
    return { number: at + 1, job, strikes, ending: ending[at] };
  });
}

function atPoint(point: Point, random: SeededRandom): Strike {
  const often = point.when === "running";
  return { kind: "point", point, nth: often ? 1 + Math.floor(random.next() * NTH_MAX) : 1 };
}

function atRandom(random: SeededRandom): Strike {
  const process = random.next() < 0.6 ? "worker" : "coordinator";
  return {
    kind: "random",
    process,
    which: Math.floor(random.next() * 2),
    afterMs: Math.floor(random.next() * AFTER_MS_MAX),
  };
}

/** Those of one process behind each other: it then dies again and again as soon as it is there. */
function inOrder(strikes: readonly Strike[], random: SeededRandom): readonly Strike[] {
  const order = new Map(strikes.map((strike) => [strike, random.next()]));
  return strikes.toSorted((a, b) => (order.get(a) as number) - (order.get(b) as number));
}

/** Gives each card once, then each once again. */
class Deck<T> {
  readonly #cards: readonly T[];
  readonly #random: SeededRandom;
  #left: T[] = [];

  constructor(cards: readonly T[], random: SeededRandom) {
    this.#cards = cards;
    this.#random = random;
  }

  next(): T {
    if (this.#left.length === 0) this.#left = [...this.#cards];
    const [card] = this.#left.splice(Math.floor(this.#random.next() * this.#left.length), 1);
    return card as T; // it was just filled
  }
}

export function textOf(strike: Strike): string {
  if (strike.kind === "outage") return `kill -9 broker ${strike.of.join(" and ")} for ${strike.forMs} ms`;
  return strike.kind === "point"
    ? `${strike.point.name}${strike.nth === 1 ? "" : `:${strike.nth}`}`
    : `kill -9 ${strike.process}${strike.process === "worker" ? ` ${strike.which + 1}` : ""} after ${strike.afterMs} ms`;
}
