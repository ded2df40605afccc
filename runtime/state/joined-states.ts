/** What is known of one state from several blocks or workers, as one record of a manifest. */

import type { StateRecord } from "./checkpoint-manifest.ts";

/** What workers say of the states of one operator, each once. */
export function joinedStates(records: readonly StateRecord[]): readonly StateRecord[] {
  const states = new Map<string, StateRecord>();
  for (const record of records) {
    const known = states.get(stateId(record));
    states.set(stateId(record), known === undefined ? record : joinedState(known, record));
  }
  return [...states.values()];
}

/** Tells the states of one operator apart. */
export function stateId({ name, section, schema }: Pick<StateRecord, "name" | "section" | "schema">): string {
  return `${section} ${name} ${schema}`;
}

/** What two workers, or two blocks, say of one state. */
export function joinedState(one: StateRecord, other: StateRecord): StateRecord {
  const keys = [...new Set([...(one.keys ?? []), ...(other.keys ?? [])])].sort();
  return keys.length === one.keys?.length ? one : { ...one, keys };
}
