/**
 * `millrace kafka transactions`: what Kafka sinks have left open, and its end.
 *
 * The only file of the runtime that knows a connector by name: a command line has to offer what belongs to one, and what it
 * loads comes with this command only.
 */

import { readFile } from "node:fs/promises";
import type { KafkaOptions } from "../../connectors/kafka/client/connection-options.ts";
import type { LeftTransaction } from "../../connectors/kafka/sink/transactions-admin.ts";
import { MillraceError } from "../../core/errors.ts";
import { type ExitCode, exitCodes } from "./exit-code.ts";
import { type OutputOptions, print, say, terminalWidth } from "./output.ts";
import { duration } from "./quantity.ts";
import { type Column, table } from "./table.ts";

export interface KafkaTransactionsOptions extends OutputOptions {
  /** "host:port,…" */
  readonly brokers: string;
  /** A file of connection options in JSON, for TLS and SASL. */
  readonly config?: string;
  readonly prefix: string;
  readonly all: boolean;
  /** Ids, or beginnings of ids with a "*" behind them. */
  readonly abort: readonly string[];
}

export async function kafkaTransactionsCommand(options: KafkaTransactionsOptions): Promise<ExitCode> {
  const { leftTransactions, abortTransactions } = await import("../../connectors/kafka/sink/transactions-admin.ts");
  const connection = await connectionOf(options);
  const found = await leftTransactions(connection, { prefix: options.prefix, all: options.all });
  if (options.abort.length === 0) {
    print(options, found, () => table(columns(Date.now()), found, terminalWidth()));
    if (found.length === 0) say(`no transaction of "${options.prefix}…" is open`);
    return exitCodes.done;
  }
  const aborted = found.filter(({ transactionalId }) => options.abort.some((each) => names(each, transactionalId)));
  await abortTransactions(
    connection,
    aborted.map(({ transactionalId }) => transactionalId),
  );
  print(options, aborted, () => table(columns(Date.now()), aborted, terminalWidth()));
  say(`${aborted.length} of ${found.length} ${found.length === 1 ? "transaction" : "transactions"} aborted`);
  return aborted.length === 0 ? exitCodes.refused : exitCodes.done;
}

function names(pattern: string, id: string): boolean {
  return pattern.endsWith("*") ? id.startsWith(pattern.slice(0, -1)) : id === pattern;
}

async function connectionOf({ brokers, config }: KafkaTransactionsOptions): Promise<KafkaOptions> {
  if (config === undefined) return { brokers };
  try {
    return { brokers, ...(JSON.parse(await readFile(config, "utf8")) as Partial<KafkaOptions>) };
  } catch (cause) {
    throw new MillraceError("BAD_OPTION", `cannot read ${config}: ${(cause as Error).message}`, { cause });
  }
}

/** Of these, brokers still know when they began. */
const over = /^(Empty|Complete|Dead)/;

function columns(nowMs: number): readonly Column<LeftTransaction>[] {
  return [
    { title: "TRANSACTIONAL ID", of: ({ transactionalId }) => transactionalId, least: 24 },
    { title: "STATE", of: ({ state }) => state },
    {
      title: "OPEN FOR",
      of: ({ startedAt, state }) => (startedAt < 0 || over.test(state) ? "-" : duration(nowMs - startedAt)),
      align: "right",
    },
    { title: "TIMEOUT", of: ({ timeoutMs }) => duration(timeoutMs), align: "right" },
    { title: "PARTITIONS", of: ({ partitions }) => String(partitions.length), align: "right" },
  ];
}
