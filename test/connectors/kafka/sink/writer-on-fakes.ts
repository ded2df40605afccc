/** The transactional writer on brokers in memory, for its tests. */

import { settingsOf } from "../../../../connectors/kafka/sink/settings.ts";
import { TransactionalWriter } from "../../../../connectors/kafka/sink/transactional-writer.ts";
import type { PreparedPart, SinkWriter } from "../../../../core/sink.ts";
import type { fakeContext } from "../../fake-context.ts";
import { Crash, type FakeBrokers } from "./fake-brokers.ts";

export const settings = settingsOf<number>({
  brokers: "127.0.0.1:1",
  topic: "t",
  key: (value) => `${value % 7}`,
  value: (value) => `${value}`,
  guarantee: "exactly-once",
  batchBytes: 100,
  transactionTimeout: "10m",
});

export function connected(context: ReturnType<typeof fakeContext>, brokers: FakeBrokers): SinkWriter<number> {
  return new TransactionalWriter(settings, context, brokers.connect({ dead: false }));
}

/** What was retained of a part, under its text. */
export function piecesOf(
  retained: ReadonlyMap<string, readonly Uint8Array[]>,
  prepared: unknown,
): AsyncIterable<Uint8Array> {
  return {
    async *[Symbol.asyncIterator]() {
      yield* retained.get(JSON.stringify(prepared)) ?? [];
    },
  };
}

export function isExpected(error: unknown): boolean {
  const { code } = error as { readonly code?: string };
  return error instanceof Crash || ["KAFKA_FENCED", "KAFKA_REFUSED", "KAFKA_ABORTED"].includes(code ?? "");
}

export async function ignoring(step: () => unknown): Promise<void> {
  try {
    await step();
  } catch (error) {
    if (!isExpected(error)) throw error;
  }
}

export async function commitAll(writer: SinkWriter<number>, parts: PreparedPart[]): Promise<void> {
  for (const part of [...parts]) {
    await writer.commit?.(part.checkpoint, part.prepared);
    parts.splice(parts.indexOf(part), 1);
  }
}
