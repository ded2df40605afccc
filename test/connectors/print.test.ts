import { expect, test } from "vitest";
import { type PrintOptions, type PrintStream, print, printChanges } from "../../connectors/print.ts";
import { deleted, inserted, updatedFrom, updatedTo } from "../../index.ts";
import { sinkConformance } from "../conformance/sink.ts";
import { fakeContext } from "./fake-context.ts";

class Screen implements PrintStream {
  readonly isTTY: boolean;
  text = "";
  full = false;
  drain: (() => void) | undefined;

  constructor(isTTY: boolean) {
    this.isTTY = isTTY;
  }

  write(text: string): boolean {
    this.text += text;
    return !this.full;
  }

  once(_event: "drain", listener: () => void): void {
    this.drain = listener;
  }
}

sinkConformance<number>("print", () => {
  const screen = new Screen(true);
  return {
    sink: print<number>({ stream: screen }),
    record: (index) => index,
    visible: () => screen.text.split("\n").slice(0, -1),
    shown: String,
  };
});

async function printed(
  value: unknown,
  options: PrintOptions & { isTTY?: boolean; parallelism?: number } = {},
): Promise<string> {
  const screen = new Screen(options.isTTY ?? true);
  const context = fakeContext({ subtask: 2, parallelism: options.parallelism ?? 1 });
  const writer = print({ ...options, stream: screen }).writer(context);
  await writer.write(value, 0);
  await writer.flush?.();
  return screen.text;
}

const nested = { a: { b: { c: { d: [1, "two", 3n] } } }, when: new Date(0), text: "x".repeat(100) };

test("in a terminal a record is one line, as util.inspect shows it, however long it is", async () => {
  const line = await printed(nested);
  expect(line).toBe(
    `{ a: { b: { c: { d: [ 1, 'two', 3n ] } } }, when: 1970-01-01T00:00:00.000Z, text: '${"x".repeat(100)}' }\n`,
  );
});

test("elsewhere a record is a line of JSON", async () => {
  expect(JSON.parse(await printed(nested, { isTTY: false }))).toMatchObject({
    a: { b: { c: { d: [1, "two", "3"] } } },
  });
});

test.each([true, false])("a string is printed as it is (terminal: %s)", async (isTTY) => {
  expect(await printed("hello, world", { isTTY })).toBe("hello, world\n");
});

test.each([
  [{}, "x\n"],
  [{ parallelism: 3 }, "2> x\n"],
  [{ prefix: "alerts" }, "alerts> x\n"],
  [{ prefix: "alerts", parallelism: 3 }, "alerts:2> x\n"],
])("with %j a line is %j", async (options, line) => {
  expect(await printed("x", options)).toBe(line);
});

test("it waits while the stream is full", async () => {
  const screen = new Screen(true);
  const writer = print({ stream: screen }).writer(fakeContext());
  screen.full = true;
  await writer.write("x", 0);
  let drained = false;
  const flushed = Promise.resolve(writer.flush?.()).then(() => {
    drained = true;
  });
  await Promise.resolve();
  expect(drained).toBe(false);
  screen.drain?.();
  await flushed;
  expect(drained).toBe(true);
});

test("another stream is refused", () => {
  // @ts-expect-error: there are only two names
  expect(() => print({ stream: "stdin" })).toThrow(/print writes to "stdout", "stderr" or a stream, got "stdin"/);
});

test("what was printed has left the thread when the writer is closed", async () => {
  const context = fakeContext();
  const left = Promise.withResolvers<void>();
  const standardStream = () => ({ terminal: false, write: () => {}, handedOn: () => left.promise });
  const writer = print<string>().writer({ ...context, standardStream });
  await writer.write("last", 0);
  let closed = false;
  const closing = Promise.resolve(writer.close?.()).then(() => {
    closed = true;
  });
  await new Promise(setImmediate);
  expect(closed).toBe(false);
  left.resolve();
  await closing;
});

test("changes are printed behind their marks", async () => {
  const screen = new Screen(false);
  const writer = printChanges<string>({ stream: screen, prefix: "table" }).writer(fakeContext());
  for (const change of [inserted("a"), updatedFrom("a"), updatedTo("b"), deleted("b")]) await writer.write(change, 0);
  await writer.flush?.();
  expect(screen.text).toBe("table> +I a\ntable> -U a\ntable> +U b\ntable> -D b\n");
});
