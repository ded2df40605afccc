/**
 * Certificates for tests, made once by Java's keytool and kept in the user's cache folder, valid for a hundred years:
 *
 *   ca.pem        who signs            other-ca.pem  somebody else, who signed nothing here
 *   broker.p12    key and certificate of a broker at "localhost", not at 127.0.0.1
 *   client.p12    key and certificate of the client CN=carol
 */

import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { type Java, kafkaHome, madeOnce } from "./kafka-home.ts";

/** Of the key stores. They hold nothing that anybody trusts outside of tests. */
export const STORE_PASSWORD = "millrace-tests";

const common = ["-storetype", "PKCS12", "-storepass", STORE_PASSWORD, "-noprompt"];
const key = ["-genkeypair", "-keyalg", "EC", "-groupname", "secp256r1", "-validity", "36500"];

/** The folder that holds them. */
export function certificates(java: Java): string {
  return madeOnce(join(kafkaHome(), "certificates"), (folder) => {
    const keytool = keytoolIn(folder, java);
    for (const name of ["ca", "other-ca"]) {
      keytool(name, ...key, "-alias", name, "-dname", `CN=Millrace tests ${name}`, "-ext", "bc:c");
      keytool(name, "-exportcert", "-rfc", "-alias", name, "-file", `${name}.pem`);
    }
    signed(keytool, "broker", "localhost", ["-ext", "san=dns:localhost"]);
    signed(keytool, "client", "carol", []);
    for (const name of ["ca.p12", "other-ca.p12"]) rmSync(join(folder, name));
  });
}

type Keytool = (store: string, ...args: readonly string[]) => void;

function keytoolIn(folder: string, { keytool }: Java): Keytool {
  return (store, ...args) => {
    const command = [...args, "-keystore", `${store}.p12`, ...common];
    const run = spawnSync(keytool, command, { cwd: folder, encoding: "utf8" });
    if (run.status !== 0) throw new Error(`keytool ${args[0]} failed:\n${run.stdout}${run.stderr}`);
  };
}

/** A key pair whose certificate the CA has signed; the store holds the whole chain. */
function signed(keytool: Keytool, name: string, commonName: string, extensions: readonly string[]): void {
  keytool(name, ...key, "-alias", name, "-dname", `CN=${commonName}`);
  keytool(name, "-certreq", "-alias", name, "-file", `${name}.csr`);
  const what = ["-alias", "ca", "-infile", `${name}.csr`, "-outfile", `${name}.pem`, "-rfc", "-validity", "36500"];
  keytool("ca", "-gencert", ...what, ...extensions);
  keytool(name, "-importcert", "-alias", "ca", "-file", "ca.pem");
  keytool(name, "-importcert", "-alias", name, "-file", `${name}.pem`);
}
