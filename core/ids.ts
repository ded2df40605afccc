/** Branded identifiers. Each brand names the confusion that it prevents. */

declare const brand: unique symbol;

/** One operator of a job: stable over restarts and upgrades, unlike a vertex, which holds a chain of operators. */
export type OperatorId = string & { readonly [brand]: "operator" };

/** One vertex of the job graph: a chain of operators, not a single one. */
export type VertexId = string & { readonly [brand]: "vertex" };
