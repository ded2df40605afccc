import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadTls, type TlsIdentity } from "../../../runtime/wire/tls.ts";
import { issue, newAuthority } from "./certificates.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-tls-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function write(identity: TlsIdentity) {
  const files = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem"), ca: join(folder, "ca.pem") };
  await writeFile(files.cert, identity.cert);
  await writeFile(files.key, identity.key, { mode: 0o600 });
  await writeFile(files.ca, identity.ca);
  return files;
}

const failure = (message: RegExp) => expect.objectContaining({ code: "TLS", message: expect.stringMatching(message) });
const authority = newAuthority();

test("what fits together is loaded", async () => {
  const identity = issue(authority);
  expect(await loadTls(await write(identity))).toEqual(identity);
});

test("what does not is refused with the file's name", async () => {
  const identity = issue(authority);
  const files = await write(identity);
  await expect(loadTls({ ...files, cert: join(folder, "none") })).rejects.toThrow(
    failure(/cannot read the certificate .*none/),
  );
  await expect(loadTls({ ...files, cert: files.key })).rejects.toThrow(failure(/key\.pem is no certificate/));
  await expect(loadTls({ ...files, key: files.ca })).rejects.toThrow(failure(/ca\.pem/));
  await expect(loadTls(await write({ ...identity, key: issue(authority).key }))).rejects.toThrow(
    failure(/key\.pem is not the one of the certificate .*cert\.pem/),
  );
  await expect(loadTls(await write(issue(authority, { days: -1 })))).rejects.toThrow(failure(/cert\.pem has expired/));
});

test("a key that everyone may read is refused, with the command that mends it", async () => {
  const files = await write(issue(authority));
  await chmod(files.key, 0o644);
  await expect(loadTls(files)).rejects.toThrow(failure(/chmod 600/));
});
