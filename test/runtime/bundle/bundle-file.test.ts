import { describe, expect, test } from "vitest";
import { bundleHead, checkBundle, checkBundleVersion } from "../../../runtime/bundle/bundle-file.ts";
import { tempFolder } from "../../connectors/temp-folder.ts";

const folder = tempFolder();

function checked(text: string, version: string): unknown {
  try {
    checkBundle(folder.write("bundle.mjs", text), version);
    return "accepted";
  } catch (error) {
    return error;
  }
}

describe("a bundle runs with the millrace that it was made with", () => {
  test.each([
    ["0.1.0", "0.1.0"],
    ["0.1.0", "0.1.7"],
    ["2.3.4-beta.1", "2.3.0"],
  ])("made with %s, run by %s: accepted", (made, version) => {
    expect(checked(`${bundleHead(made)}\nexport default 1;\n`, version)).toBe("accepted");
  });

  test.each([
    ["0.1.0", "0.2.0"],
    ["1.1.0", "2.1.0"],
    ["0.10.0", "0.1.0"],
  ])("made with %s, run by %s: refused, and both are named", (made, version) => {
    const message = expect.stringMatching(new RegExp(`bundled by millrace ${made} and this is millrace ${version}`));
    expect(checked(`${bundleHead(made)}\nexport default 1;\n`, version)).toMatchObject({
      code: "BUNDLE_VERSION",
      message,
    });
  });

  test.each(["", "export default 1;\n", "// millrace bundle\n", `${"x".repeat(10_000)}\n`])(
    "no bundle at all",
    (text) => {
      expect(checked(text, "0.1.0")).toMatchObject({
        code: "BUNDLE_VERSION",
        message: expect.stringMatching(/is no bundled program/),
      });
    },
  );

  test("after it was accepted once, its version only is looked at", () => {
    expect(() => checkBundleVersion(folder.write("plain.mjs", "export default 1;"), "0.1.0")).not.toThrow();
    const old = folder.write("old.mjs", `${bundleHead("0.1.0")}\n`);
    expect(() => checkBundleVersion(old, "0.1.9")).not.toThrow();
    expect(() => checkBundleVersion(old, "0.2.0")).toThrow(/bundled by millrace 0\.1\.0/);
  });

  test("a bundle of another form", () => {
    const text = bundleHead("0.1.0").replace("bundle 1", "bundle 2");
    expect(checked(text, "0.1.0")).toMatchObject({ code: "BUNDLE_VERSION" });
  });
});
