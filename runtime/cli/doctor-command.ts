/** `millrace doctor`: whether this host, and the cluster that is configured, can do what is asked of them. */

import { styleText } from "node:util";
import { parseAddress } from "../wire/address.ts";
import { loadTls } from "../wire/tls.ts";
import { readClusterFile } from "./cluster-file.ts";
import { type ConnectionOptions, connect, type Whereabouts, whereabouts } from "./connection.ts";
import { checkKafka, checkOverview, checkSkew, checkToken } from "./doctor/cluster-checks.ts";
import { type Finding, findingOf, ok } from "./doctor/finding.ts";
import {
  checkClock,
  checkCompileCache,
  checkDisk,
  checkFileDescriptors,
  checkMemory,
  checkNode,
  checkPort,
  checkThreads,
} from "./doctor/host-checks.ts";
import { type ExitCode, exitCodes } from "./exit-code.ts";
import { type OutputOptions, print } from "./output.ts";

export interface DoctorOptions extends ConnectionOptions, OutputOptions {
  readonly kafka: readonly string[];
}

export async function doctorCommand(options: DoctorOptions): Promise<ExitCode> {
  const findings = [...(await ofHost(options)), ...(await ofCluster(options)), ...(await ofKafka(options.kafka))];
  print(options, findings, () => findings.map(findingText).join(""));
  return findings.some(({ status }) => status === "bad") ? exitCodes.failed : exitCodes.done;
}

async function ofHost({ data }: DoctorOptions): Promise<Finding[]> {
  return [
    await findingOf("node", () => checkNode()),
    await findingOf("memory", () => checkMemory()),
    await findingOf("disk", () => checkDisk(data)),
    await findingOf("clock", () => checkClock()),
    await findingOf("file descriptors", () => checkFileDescriptors()),
    await findingOf("threads", () => checkThreads()),
    await findingOf("compile cache", () => checkCompileCache()),
  ];
}

async function ofCluster(options: DoctorOptions): Promise<Finding[]> {
  const place = await whereabouts(options);
  const coordinator = await findingOf("coordinator", () => checkCoordinator(options));
  const answers = coordinator.status !== "bad" && coordinator.detail !== notConfigured;
  return [
    await findingOf("token", () => checkToken(place.tokenFile)),
    coordinator,
    ...(answers ? [await findingOf("clock skew", () => skewOf(place))] : []),
    await findingOf("port", () => checkPort(parseAddress(place.address), answers)),
  ];
}

const notConfigured = "none is configured: no --coordinator, and no cluster has been started in this folder";

async function checkCoordinator(options: DoctorOptions): Promise<Finding> {
  if (options.coordinator === undefined && (await readClusterFile(options.data)) === undefined) {
    return ok("coordinator", notConfigured);
  }
  const client = await connect(options);
  try {
    return checkOverview(await client.overview());
  } finally {
    client.close();
  }
}

async function skewOf({ address, tls }: Whereabouts): Promise<Finding> {
  return await checkSkew(parseAddress(address), tls === undefined ? undefined : await loadTls(tls));
}

async function ofKafka(addresses: readonly string[]): Promise<Finding[]> {
  return await Promise.all(addresses.map((text) => findingOf("kafka", () => checkKafka(parseAddress(text)))));
}

const marks = { ok: "ok", warning: "warning", bad: "BAD" } as const;
const colours = { ok: "green", warning: "yellow", bad: "red" } as const;

function findingText({ check, status, detail }: Finding): string {
  const mark = styleText(colours[status], marks[status].padEnd(8), { stream: process.stdout });
  return `${mark}${check.padEnd(17)} ${detail}\n`;
}
