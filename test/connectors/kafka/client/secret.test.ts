import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readCredentials } from "../../../../connectors/kafka/client/credentials.ts";
import { readSecret } from "../../../../connectors/kafka/client/secret.ts";
import { MillraceError } from "../../../../core/errors.ts";
import { tempFolder } from "../../temp-folder.ts";

const folder = tempFolder();

function fileWith(content: string): { readonly file: string } {
  const file = join(folder.path, "secret");
  writeFileSync(file, content);
  return { file };
}

describe("a secret", () => {
  test("is the text itself, or lies in the environment or a file", () => {
    process.env["MILLRACE_TEST_SECRET"] = "from env";
    expect(readSecret("itself", "password")).toBe("itself");
    expect(readSecret({ env: "MILLRACE_TEST_SECRET" }, "password")).toBe("from env");
    expect(readSecret(fileWith("from file"), "password")).toBe("from file");
  });

  test("in a file ends before the line break that editors and echo put there", () => {
    expect(readSecret(fileWith("a b \r\n"), "password")).toBe("a b ");
    expect(readSecret(fileWith("  two\nlines\n\n"), "password")).toBe("  two\nlines\n");
  });

  test.each([
    [{ env: "MILLRACE_TEST_UNSET" }, "MILLRACE_TEST_UNSET, which is not set here"],
    [{ file: "/no/such/secret" }, "/no/such/secret, which cannot be read here: ENOENT"],
    [{ file: "/" }, "/, which cannot be read here: EISDIR"],
  ])("that is not there is refused with its place: %j", (secret, message) => {
    expect(() => readSecret(secret, "sasl.password")).toThrow(MillraceError);
    expect(() => readSecret(secret, "sasl.password")).toThrow(`sasl.password comes from`);
    expect(() => readSecret(secret, "sasl.password")).toThrow(message);
  });

  test("that is empty is refused: brokers would be told nothing and say that it is wrong", () => {
    process.env["MILLRACE_TEST_EMPTY"] = "";
    expect(() => readSecret({ env: "MILLRACE_TEST_EMPTY" }, "password")).toThrow("which is empty here");
    expect(() => readSecret(fileWith("\n"), "password")).toThrow("which is empty");
  });
});

describe("what a client shows to brokers", () => {
  test("is read anew each time, and options of TLS that hold no secret stay as they are", () => {
    const password = fileWith("first");
    const sasl = { mechanism: "plain", username: "u", password } as const;
    const tls = { servername: "kafka.example", minVersion: "TLSv1.3" } as const;
    expect(readCredentials({ sasl, tls })).toMatchObject({ sasl: { username: "u", password: "first" }, tls });
    fileWith("second");
    expect(readCredentials({ sasl, tls: undefined })).toEqual({
      sasl: { username: "u", password: "second" },
      tls: undefined,
    });
  });

  test("is refused when it is no certificate, without its content", () => {
    const read = (): unknown => readCredentials({ sasl: undefined, tls: { cert: fileWith("no PEM"), key: "s3cret" } });
    expect(read).toThrow(expect.objectContaining({ code: "KAFKA_TLS" }));
    expect(read).not.toThrow("s3cret");
  });
});
