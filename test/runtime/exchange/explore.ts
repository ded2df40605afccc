/**
 * A tiny model checker: runs small programs that share memory, one atomic step at a time, in every order there is.
 *
 * A program is a list of steps and of the labels they jump to. A step reads and writes the shared state and says where
 * its program goes on: at a label, at the next step (nothing), or nowhere yet ("blocked"), when it changes nothing.
 */

export type Goto = string | "blocked" | undefined;
export type Step<S> = (state: S) => Goto | void;
export type Program<S> = readonly (readonly [label: string, step: Step<S>])[];

export interface Exploration {
  readonly states: number;
  /** The first way found to break an invariant or to get stuck: the steps that lead there, and what went wrong. */
  readonly failure: { readonly why: string; readonly trace: readonly string[] } | undefined;
}

interface Place<S> {
  readonly state: S;
  /** The step at which each program is; its length when it has ended. */
  readonly at: readonly number[];
  readonly before: Place<S> | undefined;
  readonly step: string;
}

/** REQUIRES: the state is JSON; a step that finds an invariant broken throws. */
export function explore<S>(initial: S, programs: Readonly<Record<string, Program<S>>>): Exploration {
  const names = Object.keys(programs);
  const all = Object.values(programs);
  const seen = new Set<string>();
  const open: Place<S>[] = [{ state: initial, at: all.map(() => 0), before: undefined, step: "start" }];
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    const text = JSON.stringify(place.state);
    const key = `${place.at} ${text}`;
    if (seen.has(key)) continue;
    seen.add(key);
    let moved = false;
    for (const [who, program] of all.entries()) {
      const here = program[place.at[who] as number];
      if (here === undefined) continue;
      const state = JSON.parse(text) as S;
      const step = `${names[who]}: ${here[0]}`;
      let to: Goto | void;
      try {
        to = here[1](state);
      } catch (error) {
        return { states: seen.size, failure: { why: (error as Error).message, trace: [...traceOf(place), step] } };
      }
      if (to === "blocked") continue;
      moved = true;
      const next = to === undefined ? (place.at[who] as number) + 1 : indexOf(program, to as string);
      open.push({ state, at: place.at.with(who, next), before: place, step });
    }
    const ended = all.every((program, who) => place.at[who] === program.length);
    if (!moved && !ended) return { states: seen.size, failure: { why: "stuck", trace: traceOf(place) } };
  }
  return { states: seen.size, failure: undefined };
}

function indexOf<S>(program: Program<S>, label: string): number {
  if (label === "end") return program.length;
  const index = program.findIndex(([name]) => name === label);
  if (index < 0) throw new Error(`no step is called "${label}"`);
  return index;
}

function traceOf<S>(place: Place<S>): string[] {
  const steps: string[] = [];
  for (let at: Place<S> | undefined = place; at !== undefined; at = at.before) steps.unshift(at.step);
  return steps;
}
