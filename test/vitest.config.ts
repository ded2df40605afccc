/**
 * How the tests run: on the Node of this checkout, with Node's own module loader and type stripping, so that a
 * test, the worker threads that it starts and a user's `node job.ts` all load the same files in the same way.
 *
 * Projects: `unit` (pure files, operators, small clusters in this process), `types` (the public API, judged by the
 * compiler), `tidy` (the rules of the tree), `integration` (jobs on real threads and processes), `kafka` (on a real
 * broker), `s3` (on a real S3-compatible server), `package` (the packed tarball, installed and run).
 */
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const [major = 0] = process.versions.node.split(".").map(Number);
if (major < 24) {
  throw new Error(
    `The tests need Node 24 or later and got ${process.version} from ${process.execPath}. ` +
      "Start them by an npm script (npm test), which puts the Node of this checkout first.",
  );
}

const native = { experimental: { viteModuleRunner: false, nodeLoader: false } };

export default defineConfig({
  root: fileURLToPath(new URL("..", import.meta.url)),
  test: {
    passWithNoTests: false,
    allowOnly: false,
    retry: 0,
    projects: [
      {
        test: {
          ...native,
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/tidy/**", "test/package/**", "test/integration/**", "test/browser/**"],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: "types",
          include: [],
          typecheck: {
            enabled: true,
            only: true,
            checker: "tsc",
            include: ["test/types/**/*.test-d.ts"],
            tsconfig: "test/tsconfig.json",
          },
        },
      },
      {
        test: {
          ...native,
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          exclude: ["test/integration/kafka/**", "test/integration/s3/**"],
          // Jobs measure nothing here, but each wants the machine's cores for itself.
          fileParallelism: false,
          testTimeout: 120_000,
        },
      },
      {
        test: {
          ...native,
          name: "kafka",
          include: ["test/integration/kafka/**/*.test.ts"],
          globalSetup: ["test/kafka-broker/global-setup.ts"],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          ...native,
          name: "s3",
          include: ["test/integration/s3/**/*.test.ts"],
          globalSetup: ["test/s3-server/global-setup.ts"],
          fileParallelism: false,
          testTimeout: 120_000,
        },
      },
      { test: { ...native, name: "tidy", include: ["test/tidy/**/*.test.ts"], testTimeout: 30_000 } },
      {
        test: {
          ...native,
          name: "package",
          include: ["test/package/**/*.test.ts"],
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
