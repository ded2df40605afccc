/**
 * Partials: what stands for many records of one key and pane between the subtask that has read them and the one that has the
 * key. The law: a window that takes partials gives what it gives for the records that they stand for, but that sums of
 * fractions may differ in their last bits.
 *
 *   { "~records": how many, key, columns c0, c1, … of a column aggregate, or the packed accumulator a }
 *
 * Where only named fields of records travel, it is the one element of an array, as what is no plain object travels whole.
 *
 * A partial's timestamp is that of its first record. All records of a pane become late at the same moment, so one of
 * them tells for all. A window that takes partials also takes records, as both may be in flight when a job is restored
 * with another parallelism.
 */

import type { Aggregate, AggregateColumn, ColumnAggregate, ValueAggregate } from "../../core/aggregate.ts";
import type { GeneralWindowSpec } from "../../core/general-window.ts";
import type { Key, KeySelector } from "../../core/key.ts";
import type { OperatorSpec, StreamNode } from "../../core/node.ts";

export type WindowSpec = Extract<OperatorSpec, { readonly kind: "window" }>;

export interface Partial {
  readonly "~records": number;
  readonly key: Key;
}

/** The columns are c0, c1, … */
export interface ColumnPartial extends Partial {
  readonly [column: `c${number}`]: number;
}

export interface ValuePartial extends Partial {
  readonly a: unknown;
}

/** The partial that a value is, by itself or in an array; undefined: it is a record. */
export function partialOf(value: unknown): Partial | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if ((value as { "~records"?: unknown })["~records"] !== undefined) return value as Partial;
  return Array.isArray(value) && value.length === 1 && !Array.isArray(value[0]) ? partialOf(value[0]) : undefined;
}

/** How many records a value stands for: a partial for what it says, a record for itself. */
export function recordsOf(value: unknown): number {
  return partialOf(value)?.["~records"] ?? 1;
}

/** Whether records of the window may be aggregated before they are sent to the subtask of their key. */
export function takesPartials({ spec }: StreamNode): boolean {
  return spec.kind === "window" && spec.preAggregate !== false && whyOneByOne(spec) === undefined;
}

/** Of an aggregate in windows: why the records have to come one by one; undefined: they need not. */
export function whyOneByOne(spec: OperatorSpec): string | undefined {
  if (spec.kind === "generalWindow") return spec.aggregate === undefined ? undefined : whyInGeneral(spec);
  if (spec.kind !== "window") return undefined;
  // Records that came too late are wanted themselves, and allowed late ones give a result each.
  if (spec.late !== undefined || spec.allowedLatenessMs > 0) return "late ones are wanted";
  const { columns, partials }: { readonly columns?: unknown; readonly partials?: unknown } = spec.aggregate;
  return columns === undefined && partials === undefined ? "the aggregate does not say how to send it" : undefined;
}

function whyInGeneral({ window, trigger, evictor }: GeneralWindowSpec): string {
  if (trigger !== undefined || evictor !== undefined) return "a trigger or an evictor looks at each";
  if (window.kind === "session") return "sessions are put together by key";
  if (window.kind === "count") return "they are counted by key";
  return "time" in window && window.time === "processing" ? "the clock counts when they come" : "a function follows";
}

/** The node as it takes partials and records. REQUIRES: it may. */
export function takingPartials(node: StreamNode): StreamNode {
  const spec = node.spec as WindowSpec;
  const aggregate: Aggregate<unknown, unknown, unknown> = spec.aggregate;
  const partials = aggregate.columns === undefined ? mergingValues(aggregate) : mergingColumns(aggregate);
  const inputs = node.inputs.map((edge) =>
    edge.partitioning.kind === "hash"
      ? { ...edge, partitioning: { kind: "hash" as const, key: keyOfEither(edge.partitioning.key) } }
      : edge,
  );
  return { ...node, inputs, reads: undefined, spec: { ...spec, key: keyOfUnwrapped(spec.key), partials } };
}

/** Where it goes. */
export const keyOfPartial: KeySelector = Object.freeze({
  select: (partial: unknown) => (partial as Partial).key,
  fields: undefined,
});

function keyOfEither({ select, fields: _, ...selector }: KeySelector): KeySelector {
  const keyOf = (value: unknown): Key => {
    const partial = partialOf(value);
    return partial === undefined ? select(value) : partial.key;
  };
  return { ...selector, fields: undefined, select: keyOf };
}

/** The same of partials that have left what they travelled in: for each record this is one look at its shape. */
function keyOfUnwrapped({ select, fields: _, ...selector }: KeySelector): KeySelector {
  const keyOf = (value: unknown): Key => {
    const partial = value as Partial | null | undefined;
    return partial?.["~records"] === undefined ? select(value) : partial.key;
  };
  return { ...selector, fields: undefined, select: keyOf };
}

/** The aggregate of partials in place of records. */
function mergingColumns({ columns, result }: ColumnAggregate<unknown, unknown>): ColumnAggregate<unknown, unknown> {
  const merged = columns.map(({ op }, c): AggregateColumn<unknown> => {
    const name = `c${c}` as const;
    return { op, of: (partial) => (partial as ColumnPartial)[name] as number };
  });
  return { columns: merged, result, fields: undefined };
}

function mergingValues({ merge, partials, ...rest }: ValueAggregate<unknown, unknown, unknown>) {
  const unpack = typeof partials === "object" ? partials.unpack : (packed: unknown) => packed;
  const merging: ValueAggregate<unknown, unknown, unknown> = {
    ...rest,
    merge,
    add: (accumulator, partial) => merge(accumulator, unpack((partial as ValuePartial).a)),
  };
  return merging;
}
