/** Reads a partition with our own client and codec, to its end. */

import type { KafkaClient } from "../../../connectors/kafka/client/kafka-client.ts";
import { accept } from "../../../connectors/kafka/client/kafka-failure.ts";
import { RecordColumns } from "../../../connectors/kafka/codec/record-columns.ts";
import { RecordSet } from "../../../connectors/kafka/codec/record-set.ts";
import { fetchRecords } from "../../../connectors/kafka/protocol/fetch.ts";
import { listOffsets } from "../../../connectors/kafka/protocol/list-offsets.ts";
import { rowsOf } from "../../connectors/kafka/codec/records.ts";
import type { JudgedRecord } from "./java-judge.ts";

export interface ReadOptions {
  readonly partition?: number;
  readonly committedOnly?: boolean;
  readonly from?: number;
  /** Bytes of one fetch: small ones make many. */
  readonly bytesMax?: number;
}

export async function readPartition(
  client: KafkaClient,
  topic: string,
  { partition = 0, committedOnly = true, from = 0, bytesMax = 1 << 20 }: ReadOptions = {},
): Promise<readonly JudgedRecord[]> {
  const where = { topic, partition };
  const [end] = await client.toLeader(where, ({ epoch }) =>
    listOffsets([{ ...where, at: "latest", leaderEpoch: epoch }], committedOnly),
  );
  const records: JudgedRecord[] = [];
  const options = { committedOnly, waitMs: 500, bytesMin: 1, bytesMax, partitionBytesMax: bytesMax };
  for (let offset = from; offset < (end?.offset ?? 0); ) {
    const { partitions } = await client.toLeader(where, ({ epoch }) =>
      fetchRecords([{ ...where, offset, leaderEpoch: epoch }], options),
    );
    const [fetched] = partitions;
    if (fetched === undefined) throw new Error("The broker did not answer for the partition.");
    const { buffer, records: range, aborted } = fetched;
    accept(fetched.error, `reading "${topic}" at offset ${offset}`);
    const set = new RecordSet(buffer, range.start, range.end, { from: offset, ...(committedOnly && { aborted }) });
    const columns = new RecordColumns();
    while (set.next(columns)) records.push(...rowsOf(columns).map((row) => ({ partition, ...row })));
    offset = set.nextOffset;
  }
  return records;
}
