/**
 * @platformatic/kafka, a client to compare ours with. No part of Millrace needs it, so npm installs it at its first use into
 * the user's cache folder, outside of the checkout. Its messages come through its stream, each an object of its own.
 */

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";

const VERSION = "2.12.1";

/** The part of it that is used. */
interface Platformatic {
  readonly Consumer: new (options: object) => PlatformaticConsumer;
}

interface PlatformaticConsumer {
  consume(options: object): Promise<AsyncIterable<{ readonly value: Buffer }>>;
  close(force: boolean): Promise<void>;
}

export interface PlatformaticMessages extends AsyncDisposable {
  readonly stream: AsyncIterable<{ readonly value: Buffer }>;
}

/** All messages of these partitions, from their first ones on. */
export async function platformaticMessages(
  brokers: readonly string[],
  topic: string,
  partitions: readonly number[],
): Promise<PlatformaticMessages> {
  const { Consumer } = load();
  const waits = { minBytes: 1, maxBytes: 10 * 1024 * 1024, maxWaitTime: 100 };
  const group = { groupId: `bench-${process.pid}-${Date.now()}`, autocommit: false, isolationLevel: 1 };
  const consumer = new Consumer({ clientId: "bench", bootstrapBrokers: brokers, ...waits, ...group });
  const offsets = partitions.map((partition) => ({ topic, partition, offset: 0n }));
  const stream = await consumer.consume({ topics: [topic], mode: "manual", offsets });
  return { stream, [Symbol.asyncDispose]: () => consumer.close(true) };
}

function load(): Platformatic {
  const caches = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "millrace");
  const folder = join(caches, `platformatic-kafka-${VERSION}`);
  if (!existsSync(folder)) install(folder);
  return createRequire(join(folder, "peer.js"))("@platformatic/kafka") as Platformatic;
}

/** Under another name until it is whole. */
function install(folder: string): void {
  mkdirSync(join(folder, ".."), { recursive: true });
  const made = mkdtempSync(`${folder}-`);
  const options = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-save"];
  const npm = spawnSync("npm", ["install", "--prefix", made, ...options, `@platformatic/kafka@${VERSION}`], {
    encoding: "utf8",
  });
  if (npm.status === 0 && !existsSync(folder)) renameSync(made, folder);
  rmSync(made, { recursive: true, force: true });
  if (!existsSync(folder)) throw new Error(`npm could not install @platformatic/kafka:\n${npm.stderr ?? npm.error}`);
}
