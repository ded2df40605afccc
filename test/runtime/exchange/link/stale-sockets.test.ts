/** Files of killed workers' sockets are removed, and nobody else's. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, utimesSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { removeStaleSockets } from "../../../../runtime/exchange/link/stale-sockets.ts";
import { tempFolder } from "../../../connectors/temp-folder.ts";

const folder = tempFolder();
const hourMs = 3_600_000;

/** A process that listens there until it is killed. */
async function killed(path: string): Promise<void> {
  const program = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 9))`;
  await once(spawn(process.execPath, ["-e", program]), "exit");
}

test("only what is old and answers nobody goes", async () => {
  const at = (name: string): string => join(folder.path, name);
  await killed(at("dead.sock"));
  await killed(at("young.sock"));
  const server = createServer().listen(at("alive.sock"));
  await once(server, "listening");
  onTestFinished(() => void server.close());
  writeFileSync(at("token"), "");
  const now = Date.now();
  for (const name of ["dead.sock", "alive.sock", "token"]) {
    utimesSync(at(name), (now - hourMs) / 1000, (now - hourMs) / 1000);
  }
  expect(readdirSync(folder.path).sort()).toEqual(["alive.sock", "dead.sock", "token", "young.sock"]);
  await removeStaleSockets(folder.path, now);
  expect(readdirSync(folder.path).sort()).toEqual(["alive.sock", "token", "young.sock"]);
  await removeStaleSockets(folder.path, now + hourMs);
  expect(readdirSync(folder.path).sort()).toEqual(["alive.sock", "token"]);
});
