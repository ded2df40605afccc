/**
 * Programs in Java that measurements are compared with: built by Maven at their first use, with what they depend on, in the
 * user's cache folder, outside of the checkout. The folder is named after the sources, so that changed ones are built anew.
 */

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

const copyDependencies = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies";

/**
 * The class path of the Maven project in the folder `sources`, which begins with the jars of `first`, folders in its target.
 * @throws Error when Java or Maven is missing, or the build fails.
 */
export function builtJava(name: string, sources: string, first: readonly string[] = []): string {
  const caches = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "millrace");
  const folder = join(caches, `${name}-${hashOf(sources)}`);
  if (!existsSync(folder)) build(name, sources, folder);
  return [...first.map((each) => `${each}/*`), "classes", "lib/*"]
    .map((each) => join(folder, "target", each))
    .join(":");
}

/** A build has another name until it is whole, so that two at the same time cannot meet a half. */
function build(name: string, sources: string, folder: string): void {
  for (const command of ["java", "mvn"])
    if (spawnSync(command, ["-version"]).status !== 0)
      throw new Error(`${name} needs Java 17 and Maven, which fetches what it depends on; "${command}" is missing`);
  process.stderr.write(`Maven builds ${name}, which takes some minutes at the first time\n`);
  mkdirSync(join(folder, ".."), { recursive: true });
  const building = mkdtempSync(`${folder}-`);
  try {
    cpSync(sources, building, { recursive: true });
    const goals = ["compile", copyDependencies, "-DincludeScope=runtime", "-DoutputDirectory=target/lib"];
    const run = spawnSync("mvn", ["-q", "-B", ...goals], { cwd: building, encoding: "utf8" });
    if (run.status !== 0) throw new Error(`Maven could not build ${name}:\n${run.stdout}${run.stderr}`);
    if (!existsSync(folder)) renameSync(building, folder);
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
}

function hashOf(sources: string): string {
  const hash = createHash("sha256");
  const files = readdirSync(sources, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  for (const file of files.map(({ parentPath, name }) => join(parentPath, name)).sort()) {
    hash.update(`${file.slice(sources.length)}\0`);
    hash.update(readFileSync(file));
  }
  return hash.digest("hex").slice(0, 12);
}
