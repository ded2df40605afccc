/** Where a partition goes on whose next records its topic does not keep any more: retention was faster than the job. */

import type { SourceContext } from "../../../core/source.ts";
import type { FetcherOptions } from "../client/fetcher.ts";
import type { KafkaClient } from "../client/kafka-client.ts";
import { startsOf } from "./places.ts";

/**
 * "fail": the job ends with KAFKA_OFFSET, as records would be missing; "earliest": with the oldest record that there is;
 * "latest": with what comes from now on.
 */
export type OnLostOffset = "fail" | "earliest" | "latest";

/** Each time is counted in `offsetsLost`, and warned of with the two offsets. */
export function lostOffsets(
  client: KafkaClient,
  policy: Exclude<OnLostOffset, "fail">,
  { metrics, log }: Pick<SourceContext, "metrics" | "log">,
): NonNullable<FetcherOptions["placeOf"]> {
  const counter = metrics.counter("offsetsLost");
  return async (partition, lost) => {
    const [offset = 0] = await startsOf(client, [partition], policy, { committedOnly: false });
    counter.add();
    const message = `an offset that is next is not there any more; reading goes on at the ${policy} one`;
    log.log("warn", message, { topic: partition.topic, partition: partition.partition, lost, offset });
    return offset;
  };
}
