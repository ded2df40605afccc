/**
 * A Kafka on this machine, without Docker: the jars of Apache Kafka, and what makes its brokers start quickly. It lies in
 * the user's cache folder, outside of the checkout, and is made at the first use:
 *
 *   <cache>/millrace/kafka-4.3.1/
 *     jars/                    by Maven, from wherever this machine's Maven gets its artifacts
 *     classes-<java>.jsa       class-data archive of that Java (kafka-cluster.ts makes it): a start takes half the time
 *     formatted/<n>-of-<m>/    an empty log folder, formatted: copying it spares a start of Java
 *
 * A folder is made under another name and renamed when it is whole, so that two runs at the same time cannot meet a half.
 */

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

export const KAFKA_VERSION = "4.3.1";

const mavenPlugin = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies";

export interface Java {
  readonly command: string;
  readonly compiler: string;
  readonly keytool: string;
  readonly version: string;
}

/** The Java of JAVA_HOME, or of the path; undefined when there is none that can run Kafka. */
export function findJava(): Java | undefined {
  const home = process.env["JAVA_HOME"];
  const inHome = (name: string): string => (home === undefined ? name : join(home, "bin", name));
  const command = inHome("java");
  const { stderr, status } = spawnSync(command, ["-version"], { encoding: "utf8" });
  const version = /version "([^"]+)"/.exec(stderr ?? "")?.[1];
  if (status !== 0 || version === undefined || Number.parseInt(version, 10) < 17) return undefined;
  return { command, compiler: inHome("javac"), keytool: inHome("keytool"), version };
}

/** Why no Kafka can be run from jars here, or undefined. */
export function whyNoKafkaHere(): string | undefined {
  if (findJava() === undefined) return "there is no Java 17 or later";
  if (existsSync(join(kafkaHome(), "jars"))) return undefined;
  return spawnSync("mvn", ["-v"]).status === 0 ? undefined : "Maven, which fetches Kafka's jars, is missing";
}

export function kafkaHome(): string {
  const caches = process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  return join(caches, "millrace", `kafka-${KAFKA_VERSION}`);
}

/** The folder with Kafka's jars, fetched if need be, which takes about half a minute. */
export function kafkaJars(): string {
  return madeOnce(join(kafkaHome(), "jars"), (folder) => {
    const options = ["-q", "-B", "-f", join(import.meta.dirname, "pom.xml"), mavenPlugin];
    const values = [`-Dkafka.version=${KAFKA_VERSION}`, "-DincludeScope=runtime", `-DoutputDirectory=${folder}`];
    const run = spawnSync("mvn", [...options, ...values], { encoding: "utf8" });
    if (run.status !== 0) throw new Error(`Maven could not fetch Kafka's jars:\n${run.stdout}${run.stderr}`);
  });
}

/** The folder at `path`; if there is none, `make` fills an empty one, which then takes that name. */
export function madeOnce(path: string, make: (folder: string) => void): string {
  if (existsSync(path)) return path;
  mkdirSync(join(path, ".."), { recursive: true });
  const folder = mkdtempSync(`${path}-`);
  try {
    make(folder);
    if (!existsSync(path)) renameSync(folder, path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return path;
}
