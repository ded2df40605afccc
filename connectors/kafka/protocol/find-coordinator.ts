/** FindCoordinator: which broker looks after a consumer group or a transactional id. */

import type { ApiRequest } from "./api.ts";
import type { BrokerAddress } from "./metadata.ts";

export type CoordinatorKind = "group" | "transaction";

export interface FoundCoordinator extends BrokerAddress {
  readonly error: number;
  readonly message: string | null;
}

export function findCoordinator(kind: CoordinatorKind, key: string): ApiRequest<FoundCoordinator> {
  return {
    name: "FindCoordinator",
    key: 10,
    version: 3,
    results: (answer) => [answer],
    write: (to) =>
      to
        .text(key)
        .int8(kind === "group" ? 0 : 1)
        .end(),
    read: (from) => {
      from.int32(); // throttle time
      const [error, message] = [from.int16(), from.nullableText()];
      return { error, message, node: from.int32(), host: from.text(), port: from.int32() };
    },
  };
}
