/**
 * How far the subtasks of sources are that wait for each other: the coordinator's side. Each says how far its slowest part
 * is, and hears how far the slowest one of the others in its group is; so what it knows of itself is never stale.
 */

import type { VertexId } from "../../core/ids.ts";

interface Reader {
  readonly slot: number;
  readonly vertex: VertexId;
  readonly subtask: number;
}

interface Member extends Reader {
  /** Null: nobody waits for it. */
  readonly watermark: number | null;
}

export interface AlignmentReport {
  readonly group: string;
  readonly vertex: VertexId;
  readonly subtask: number;
  readonly watermark: number | null;
}

/** What a subtask has to hear. */
export type Aligned = Member;

export class Alignment {
  /** By group, and by subtask. */
  readonly #members = new Map<string, Map<string, Member>>();
  /** What each subtask has heard. */
  readonly #told = new Map<string, number | null>();

  /** Takes a report and returns what others have to hear of it. */
  report(slot: number, { group, vertex, subtask, watermark }: AlignmentReport): readonly Aligned[] {
    const members = this.#members.get(group) ?? new Map<string, Member>();
    this.#members.set(group, members);
    members.set(`${vertex}/${subtask}`, { slot, vertex, subtask, watermark });
    const [lowest, second] = Array.from(
      members.values(),
      ({ watermark: each }) => each ?? Number.POSITIVE_INFINITY,
    ).sort((a, b) => a - b);
    return [...members].flatMap(([name, member]) => {
      const ofOthers = (member.watermark === lowest ? second : lowest) ?? Number.POSITIVE_INFINITY;
      const heard = ofOthers === Number.POSITIVE_INFINITY ? null : ofOthers;
      if ((this.#told.get(`${group}/${name}`) ?? null) === heard) return [];
      this.#told.set(`${group}/${name}`, heard);
      return [{ ...member, watermark: heard }];
    });
  }
}
