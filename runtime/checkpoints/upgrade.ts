/**
 * What becomes of the state in a checkpoint when a job goes on from it, perhaps as another program. The one place where that
 * is decided: `millrace diff` shows it, submissions are refused by it, and slots restore by it.
 *
 *   kept       as it is
 *   converted  the program declares another type for the values, to which they can be brought without a guess
 *   dropped    the program has nothing for it any more, and it was said that it may go; or it was said to begin anew
 *   added      the program declares it and the checkpoint has nothing for it: it begins empty
 *   refused    anything else. Nothing of the job is started then.
 *
 * An operator's state is found, in this order: by a renaming that was asked for, under its own name, under the first of its
 * former names that the checkpoint knows.
 */

import { MillraceError } from "../../core/errors.ts";
import type { OperatorId } from "../../core/ids.ts";
import type { KeyKind } from "../../core/key.ts";
import type { ChainedOperator, JobGraph } from "../graph/job-graph.ts";
import type { OpenCheckpoint } from "../state/checkpoint-reader.ts";
import type { Convert } from "../state/evolve-type.ts";
import type { DeclaredState } from "../state/operator-declaration.ts";
import { compareKeys, compareOperators, compareStates, guardedKeys } from "./compare-declarations.ts";
import { type HeldKind, type HeldOperator, type HeldState, heldOperators, stateName } from "./held-state.ts";
import { jobOf } from "./lineage.ts";
import { upgradeText } from "./upgrade-text.ts";

/** What is allowed beyond what the program says. Plain data. */
export interface UpgradeOptions {
  /** State of operators that the program no longer has may be dropped. */
  readonly allowDropped?: boolean;
  /** What is to be dropped: an operator, or one state of it as "operator/state". If the program has it, it begins anew. */
  readonly drop?: readonly string[];
  /** Operators' names in the checkpoint → their names in the program. */
  readonly rename?: Readonly<Record<string, string>>;
  /** It may be a checkpoint of a job with another name. */
  readonly otherJob?: boolean;
}

export type Outcome = "kept" | "converted" | "dropped" | "added" | "refused";

export interface StateDecision {
  /** The operator in the program; of what has none there, in the checkpoint. */
  readonly operator: string;
  /** Its name in the checkpoint, where that is another. */
  readonly was?: string;
  readonly state: string;
  /** "value state", "table", "timers", "position", … */
  readonly kind: string;
  readonly outcome: Outcome;
  /** What is different from what was saved. */
  readonly changes: readonly string[];
  /** Of what is refused: what to do. */
  readonly advice?: string;
}

/** How one operator is restored, once the upgrade is not refused. */
export interface OperatorUpgrade {
  /** Its name in the checkpoint; undefined: that has nothing for it. */
  readonly was: string | undefined;
  /** Whether that is left behind of its state. */
  isDropped(section: HeldKind, name: string): boolean;
  /** What values become, by `stateKey`. */
  readonly conversions: ReadonlyMap<string, Convert>;
  /** Its key function is another one: the kinds of keys that it has to give. */
  readonly keys: readonly KeyKind[] | undefined;
}

export interface Upgrade {
  /** In the order of the program's operators, those that it does not have last. Made when it is asked for. */
  readonly decisions: readonly StateDecision[];
  readonly refused: boolean;
  of(operator: OperatorId): OperatorUpgrade;
}

export { stateKey } from "./held-state.ts";

/**
 * Pure: the same checkpoint, program and options give the same decisions everywhere.
 * @throws CHECKPOINT_FOREIGN for another job's or another number of key groups, BAD_OPTION for options about what is not there
 */
export function decideUpgrade(opened: OpenCheckpoint, jobGraph: JobGraph, options: UpgradeOptions = {}): Upgrade {
  checkJob(opened, jobGraph, options);
  const held = heldOperators(opened);
  const operators = jobGraph.vertices.flatMap((vertex) => vertex.operators);
  const targets = targetsOf(held, operators, options);
  checkDrops(held, operators, options);
  const upgrades = operators.map((operator) => {
    const source = held.find(({ operator: was }) => targets.get(was) === operator.id);
    return new OperatorDecision(operator, source, options);
  });
  const lost = held.filter(({ operator }) => !targets.has(operator));
  let decisions: readonly StateDecision[] | undefined;
  return {
    get decisions() {
      decisions ??= [
        ...upgrades.flatMap((upgrade) => upgrade.decisions),
        ...lost.flatMap((from) => from.states.map((state) => decideLost(from, state, options))),
      ];
      return decisions;
    },
    get refused() {
      return this.decisions.some(({ outcome }) => outcome === "refused");
    },
    of: (operator) => upgrades.find(({ id }) => id === operator) ?? NOTHING,
  };
}

/** @throws UPGRADE_REFUSED, which says it of every state, beside what `decideUpgrade` throws */
export function checkUpgrade(opened: OpenCheckpoint, jobGraph: JobGraph, options: UpgradeOptions = {}): Upgrade {
  const upgrade = decideUpgrade(opened, jobGraph, options);
  if (!upgrade.refused) return upgrade;
  const count = upgrade.decisions.filter(({ outcome }) => outcome === "refused").length;
  throw new MillraceError(
    "UPGRADE_REFUSED",
    `job "${jobGraph.jobName}" cannot go on from checkpoint ${opened.name}: ${count} of ${upgrade.decisions.length} states ` +
      `${count === 1 ? "does" : "do"} not fit\n${upgradeText(upgrade.decisions)}`,
  );
}

const NOTHING: OperatorUpgrade = { was: undefined, isDropped: () => false, conversions: new Map(), keys: undefined };

function checkJob({ name, manifest }: OpenCheckpoint, jobGraph: JobGraph, { otherJob = false }: UpgradeOptions): void {
  const { jobName, keyGroups } = jobGraph;
  const was = jobOf(manifest.lineage);
  if (was !== jobName && !otherJob) {
    throw foreign(
      `checkpoint ${name} is of job "${was}", not of "${jobName}". Name that job's checkpoint, or allow another job's by --other-job`,
    );
  }
  if (manifest.keyGroups !== keyGroups) {
    throw foreign(
      `checkpoint ${name} has ${manifest.keyGroups} key groups, job "${jobName}" has ${keyGroups}, and they cannot be changed. Give the job keyGroups: ${manifest.keyGroups}`,
    );
  }
}

function foreign(message: string): MillraceError {
  return new MillraceError("CHECKPOINT_FOREIGN", message);
}

/** Names in the checkpoint → names in the program. */
function targetsOf(
  held: readonly HeldOperator[],
  operators: readonly ChainedOperator[],
  { rename = {} }: UpgradeOptions,
): ReadonlyMap<string, string> {
  checkRenames(held, operators, rename);
  const targets = new Map(Object.entries(rename));
  const taken = new Set(targets.values());
  const take = (was: string, is: string): void => {
    if (targets.has(was) || taken.has(is)) return;
    targets.set(was, is);
    taken.add(is);
  };
  const known = new Set(held.map(({ operator }) => operator));
  for (const { id } of operators) if (known.has(id)) take(id, id);
  for (const { id, previously = [] } of operators) for (const was of previously) if (known.has(was)) take(was, id);
  return targets;
}

function checkRenames(
  held: readonly HeldOperator[],
  operators: readonly ChainedOperator[],
  rename: Readonly<Record<string, string>>,
): void {
  const taken = new Map<string, string>();
  for (const [was, is] of Object.entries(rename)) {
    if (!held.some(({ operator }) => operator === was))
      throw unknownName(
        `the checkpoint has no operator "${was}" to be renamed`,
        held.map(({ operator }) => operator),
      );
    if (!operators.some(({ id }) => id === is))
      throw unknownName(
        `the program has no operator "${is}", to which "${was}" is renamed`,
        operators.map(({ id }) => id),
      );
    const other = taken.get(is);
    if (other !== undefined)
      throw new MillraceError("BAD_OPTION", `"${other}" and "${was}" are both renamed to "${is}"; rename one of them`);
    taken.set(is, was);
  }
}

function checkDrops(
  held: readonly HeldOperator[],
  operators: readonly ChainedOperator[],
  { drop = [] }: UpgradeOptions,
): void {
  const names = held.flatMap(({ operator, states }) => [operator, ...states.map(({ name }) => `${operator}/${name}`)]);
  const present = new Set(operators.map(({ id }) => id as string));
  for (const name of drop) {
    if (names.includes(name)) continue;
    const [operator = ""] = name.split("/");
    // Under its new name too, as long as there is such an operator.
    if (!present.has(operator)) throw unknownName(`the checkpoint has no "${name}" to be dropped`, names);
  }
}

function unknownName(message: string, known: readonly string[]): MillraceError {
  return new MillraceError("BAD_OPTION", `${message}; it has: ${known.join(", ") || "none"}`);
}

function decideLost(
  { operator }: HeldOperator,
  state: HeldState,
  { allowDropped = false, drop = [] }: UpgradeOptions,
): StateDecision {
  const { name, kind } = state;
  const changes = [`the program has no operator "${operator}"`];
  const drops = allowDropped || drop.includes(operator) || drop.includes(`${operator}/${name}`);
  if (drops) return { operator, state: name, kind, outcome: "dropped", changes };
  const advice = `say which operator it belongs to (--rename ${operator}=NEW, or previously: "${operator}" in the program), or let it go (--drop ${operator}, or --allow-dropped)`;
  return { operator, state: name, kind, outcome: "refused", changes, advice };
}

/** What becomes of the state of one operator of the program. */
class OperatorDecision implements OperatorUpgrade {
  readonly was: string | undefined;
  readonly conversions = new Map<string, Convert>();
  readonly keys: readonly KeyKind[] | undefined;
  readonly #operator: ChainedOperator;
  readonly #held: HeldOperator | undefined;
  readonly #drop: readonly string[];

  constructor(operator: ChainedOperator, held: HeldOperator | undefined, { drop = [] }: UpgradeOptions) {
    this.#operator = operator;
    this.#held = held;
    this.#drop = drop;
    this.was = held?.operator;
    this.keys = guardedKeys(held, operator.declared);
    for (const state of held?.inBlocks ?? []) {
      const { convert } = compareStates(state, operator.declared?.states);
      if (convert !== undefined) this.conversions.set(state.key, convert);
    }
  }

  get id(): OperatorId {
    return this.#operator.id;
  }

  get decisions(): readonly StateDecision[] {
    return [...(this.#held?.states.map((state) => this.#decide(state)) ?? []), ...this.#added()];
  }

  isDropped(section: HeldKind, name: string): boolean {
    const state = stateName(section, name);
    return [this.id as string, this.was ?? this.id].some(
      (owner) => this.#drop.includes(owner) || this.#drop.includes(`${owner}/${state}`),
    );
  }

  #decide(state: HeldState): StateDecision {
    if (this.isDropped(state.section, state.name))
      return this.#decision(state, "dropped", ["it begins anew, as was asked for"]);
    const { declared } = this.#operator;
    const faults = [
      ...compareOperators(this.#held?.declared, declared, state),
      ...compareKeys(this.#held, declared, state),
    ];
    if (faults.length > 0) return this.#refused(state, faults);
    const { kind, changes } = compareStates(state, declared?.states);
    return kind === "refused" ? this.#refused(state, changes) : this.#decision(state, kind, changes);
  }

  #refused(state: HeldState, changes: readonly string[]): StateDecision {
    const advice = `declare it as it was, bring the savepoint to the new form with the state processor, or let it begin anew (--drop ${this.#operator.id}/${state.name})`;
    return { ...this.#decision(state, "refused", changes), advice };
  }

  #added(): readonly StateDecision[] {
    const { id, declared } = this.#operator;
    const has = ({ name }: DeclaredState): boolean => this.#held?.states.some((held) => held.name === name) === true;
    return (declared?.states ?? [])
      .filter((state) => !has(state))
      .map(({ name, section }) => {
        const kind = section === "table" ? "table" : `${section} state`;
        return { operator: id, state: name, kind, outcome: "added", changes: ["it begins empty"] };
      });
  }

  #decision({ name, kind }: HeldState, outcome: Outcome, changes: readonly string[]): StateDecision {
    const { id } = this.#operator;
    const was = this.was === undefined || this.was === id ? {} : { was: this.was };
    return { operator: id, ...was, state: name, kind, outcome, changes };
  }
}
