/** Which Node the command runs on. */

/** The oldest Node: as in `engines` of package.json, which npm only warns about. */
const least = { major: 24, minor: 2 };

/** The sentence for a Node that is too old, or undefined for one that will do. */
export function nodeRefusal(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > least.major || (major === least.major && minor >= least.minor)) return undefined;
  return `millrace needs Node ${least.major}.${least.minor} or later, and this is Node ${version} (${process.execPath})`;
}
