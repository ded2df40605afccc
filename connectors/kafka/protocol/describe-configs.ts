/** DescribeConfigs: the settings of topics, with the defaults of the cluster where a topic has none of its own. */

import type { ApiRequest, ApiResult } from "./api.ts";

export interface DescribedSettings extends ApiResult {
  readonly topic: string;
  /** By name; null where it is secret or has no value. */
  readonly settings: ReadonlyMap<string, string | null>;
}

const TOPIC = 2;

/** @param names of the settings that are wanted */
export function describeTopicSettings(
  topics: readonly string[],
  names: readonly string[],
): ApiRequest<readonly DescribedSettings[]> {
  return {
    name: "DescribeConfigs",
    key: 32,
    version: 4,
    results: (answer) => answer,
    write: (to) => {
      to.array(topics, (topic) =>
        to
          .int8(TOPIC)
          .text(topic)
          .array(names, (name) => to.text(name))
          .end(),
      );
      to.bool(false).bool(false).end(); // neither synonyms nor documentation
    },
    read: (from) => {
      from.int32(); // throttle time
      return from.array(() => {
        const [error, message] = [from.int16(), from.nullableText()];
        from.int8(); // a topic
        const topic = from.text();
        const settings = from.array((): [string, string | null] => {
          const setting: [string, string | null] = [from.text(), from.nullableText()];
          from.bool(); // whether it cannot be changed
          from.int8(); // where it comes from
          from.bool(); // whether it is secret
          from.array(() => {
            from.text(); // a synonym
            from.nullableText(); // its value
            from.int8(); // where that comes from
            from.end();
          });
          from.int8(); // its type
          from.nullableText(); // its documentation
          from.end();
          return setting;
        });
        from.end();
        return { error, message: message ?? "", topic, settings: new Map(settings) };
      });
    },
  };
}
