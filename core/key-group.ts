/**
 * Key groups: the unit in which keyed state is spread over subtasks and moved when a job is rescaled.
 *
 * A key hashes to a key group, a key group belongs to one subtask. The number of key groups is fixed at a job's first
 * start; only the second mapping depends on the parallelism. Pure arithmetic.
 */

/** An inclusive range of key groups. */
export interface KeyGroupRange {
  readonly first: number;
  readonly last: number;
}

export function keyGroupOf(hash: number, keyGroups: number): number {
  return hash % keyGroups;
}

/** The subtask that owns a key group. ENSURES: ranges of subtasks are contiguous and differ in size by one at most. */
export function subtaskOfKeyGroup(keyGroup: number, keyGroups: number, parallelism: number): number {
  return Math.floor((keyGroup * parallelism) / keyGroups);
}

/** The key groups of one subtask. REQUIRES: parallelism <= keyGroups. */
export function keyGroupsOfSubtask(subtask: number, keyGroups: number, parallelism: number): KeyGroupRange {
  return {
    first: Math.ceil((subtask * keyGroups) / parallelism),
    last: Math.ceil(((subtask + 1) * keyGroups) / parallelism) - 1,
  };
}
