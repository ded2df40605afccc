import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";

const root = new URL("../../..", import.meta.url);

/** All modules that a program loads, by Node's own account. */
function loadedBy(program: string): string[] {
  const source = `
    import { registerHooks } from "node:module";
    const loaded = [];
    registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
    ${program}
    console.log(JSON.stringify(loaded));`;
  const output = execFileSync(process.execPath, ["--input-type=module", "-e", source], { cwd: root, encoding: "utf8" });
  return JSON.parse(output) as string[]; // as printed above
}

test("a program without Kafka loads nothing of it", () => {
  const loaded = loadedBy('await import("millrace");');
  expect(loaded.length).toBeGreaterThan(10);
  expect(loaded.filter((url) => url.includes("kafka"))).toEqual([]);
});

test("a program that only builds a job loads no client library yet", () => {
  const loaded = loadedBy(`
    const { kafka, text } = await import("millrace/kafka");
    kafka({ brokers: "localhost:9092", topics: "t", value: text() });`);
  expect(loaded.some((url) => url.endsWith("connectors/kafka/index.ts"))).toBe(true);
  expect(loaded.filter((url) => url.includes("kafkajs/"))).toEqual([]);
});
