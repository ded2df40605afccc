/**
 * What a program says of an operator's state: in its job graph, and in the manifests of its checkpoints, where the next
 * program is compared with it. Plain JSON.
 */

import type { TypeDescription } from "../../core/types.ts";
import type { Section } from "./state-block.ts";

export interface OperatorDeclaration {
  /** The kind of its node; absent: not known, as no program has written it. */
  readonly kind?: string;
  /** Of a keyed operator. */
  readonly key?: KeyDeclaration;
  readonly window?: WindowDeclaration;
  /** All states that it has; absent: it does not say. */
  readonly states?: readonly DeclaredState[];
  /** Of a source or sink: what it reads or writes, by its name. */
  readonly connector?: string;
}

export interface KeyDeclaration {
  /** The fields that make it; absent: a function does. */
  readonly fields?: readonly string[];
  readonly type?: TypeDescription;
  /** A hash of the function's text: while it stays, keys are taken to stay. */
  readonly code: string;
}

export interface WindowDeclaration {
  readonly kind: string;
  readonly sizeMs: number;
  readonly slideMs: number;
  readonly offsetMs: number;
  readonly timeZone?: string;
}

export interface DeclaredState {
  readonly name: string;
  readonly section: Section;
  /** What its values are; of a list or map, its elements. Absent: nothing is known of them. */
  readonly type?: TypeDescription;
  /** Of a map. */
  readonly keyType?: TypeDescription;
  /** Of a table: what its float64 columns are, and whether it has values beside them. */
  readonly columns?: readonly string[];
  readonly values?: boolean;
  /**
   * What these values are, where it is not records: numbers and distinct values that are held together, or what an aggregate has of
   * some fields, of which mostly the leaves are held.
   */
  readonly holds?: "numbers" | "accumulators" | "leaves";
}
