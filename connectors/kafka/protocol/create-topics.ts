/** CreateTopics: makes topics. */

import type { ApiRequest } from "./api.ts";

export interface TopicToCreate {
  readonly topic: string;
  readonly partitions: number;
  /** -1: as many as the cluster does by default. */
  readonly replicas: number;
  readonly settings: Readonly<Record<string, string>>;
}

export interface CreatedTopic {
  readonly topic: string;
  readonly error: number;
  readonly message: string | null;
}

/** @param waitMs how long the broker waits until it is done */
export function createTopics(topics: readonly TopicToCreate[], waitMs: number): ApiRequest<readonly CreatedTopic[]> {
  return {
    name: "CreateTopics",
    key: 19,
    version: 5,
    waitsMs: waitMs,
    results: () => [], // each topic has its own, which callers look at
    write: (to) => {
      to.array(topics, ({ topic, partitions, replicas, settings }) => {
        to.text(topic)
          .int32(partitions)
          .int16(replicas)
          .array([], () => {}); // nobody says where replicas are to be
        to.array(Object.entries(settings), ([name, value]) => to.text(name).text(value).end());
        to.end();
      });
      to.int32(waitMs).bool(false).end(); // not only to see whether it would do
    },
    read: (from) => {
      from.int32(); // throttle time
      return from.array(() => {
        const [topic, error, message] = [from.text(), from.int16(), from.nullableText()];
        from.int32(); // partitions
        from.int16(); // replicas
        from.array(() => {
          from.text(); // a setting
          from.nullableText(); // its value
          from.bool(); // whether it cannot be changed
          from.int8(); // where it comes from
          from.bool(); // whether it is secret
          from.end();
        });
        from.end();
        return { topic, error, message };
      });
    },
  };
}
