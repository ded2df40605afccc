import { expect, test } from "vitest";
import { type Files, makeFolder, type OpenFile } from "../../../runtime/state/files.ts";

/** Says which folders were synced, and lets those not be opened that `forbidden` says. */
function recordingFiles(synced: string[], forbidden: (path: string) => string | undefined = () => undefined): Files {
  const refuse = (): never => {
    throw new Error("nothing else is asked for");
  };
  return {
    mkdir: async () => undefined,
    open: async (path) => {
      const code = forbidden(path);
      if (code !== undefined) throw Object.assign(new Error(code), { code });
      const handle: Partial<OpenFile> = {
        sync: async () => void synced.push(path),
        [Symbol.asyncDispose]: async () => {},
      };
      return handle as OpenFile;
    },
    readdir: refuse,
    readFile: refuse,
    rename: refuse,
    rm: refuse,
  };
}

test("a folder's name and those of all above it are synced, whoever has made them", async () => {
  const synced: string[] = [];
  await makeFolder(recordingFiles(synced), "/a/b/c");
  expect(synced).toEqual(["/a/b", "/a", "/"]);
});

test("folders above that may not be opened are passed over", async () => {
  const synced: string[] = [];
  await makeFolder(
    recordingFiles(synced, (path) => (path === "/a" ? "EACCES" : undefined)),
    "/a/b/c",
  );
  expect(synced).toEqual(["/a/b", "/"]);
});

test("a folder that cannot be synced is a failure", async () => {
  const files = recordingFiles([], (path) => (path === "/a/b" ? "EIO" : undefined));
  await expect(makeFolder(files, "/a/b/c")).rejects.toThrow("EIO");
});
