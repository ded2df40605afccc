/** What every sink promises (core/sink.ts), as a suite: writers are driven by hand, each step only after the one before. */
import { describe, expect, test } from "vitest";
import type { Sink, SinkContext, SinkWriter } from "../../core/sink.ts";
import { NO_TIMESTAMP } from "../../core/time.ts";
import { fakeContext } from "../connectors/fake-context.ts";
import { openFilesIn } from "./source.ts";

export interface SinkCase<T> {
  readonly sink: Sink<T>;
  /** The context of its writer; what `visible` looks at may hang on it. */
  readonly context?: SinkContext;
  readonly record: (index: number) => T;
  /** What the outside sees of it now, as `shown` of each record. */
  readonly visible: () => unknown[] | Promise<unknown[]>;
  readonly shown: (record: T) => unknown;
  readonly folder?: string;
}

export function sinkConformance<T>(name: string, prepare: () => SinkCase<T> | Promise<SinkCase<T>>): void {
  describe(`${name} is a sink`, () => {
    test("its data is frozen", async () => {
      const { sink } = await prepare();
      expect(Object.isFrozen(sink)).toBe(true);
      expect(sink.name).not.toBe("");
    });

    test.each([0, 1, 10, 5000])("%i records are visible in their order after a flush, each once", async (count) => {
      const given = await prepare();
      const { records, writer } = await written(given, count);
      await writer.flush?.();
      await shows(given, records);
      await writer.close?.();
      expect(await given.visible()).toEqual(records.map(given.shown));
    });

    test("records before and after a flush stay in their order", async () => {
      const given = await prepare();
      const { records, writer } = await written(given, 7);
      for (let index = 7; index < 20; index++) {
        await writer.flush?.();
        const record = given.record(index);
        records.push(record);
        await writer.write(record, NO_TIMESTAMP);
      }
      await writer.flush?.();
      await writer.flush?.();
      await shows(given, records);
      await writer.close?.();
      expect(await given.visible()).toEqual(records.map(given.shown));
    });

    test("closed at any time, it leaves no file open", async () => {
      const given = await prepare();
      const unopened = given.sink.writer(given.context ?? fakeContext());
      await unopened.close?.();
      const { writer } = await written(given, 3);
      await writer.close?.();
      expect(given.folder === undefined ? [] : openFilesIn(given.folder)).toEqual([]);
    });
  });
}

async function written<T>(given: SinkCase<T>, count: number): Promise<{ records: T[]; writer: SinkWriter<T> }> {
  const writer = given.sink.writer(given.context ?? fakeContext());
  await writer.open?.();
  const records = Array.from({ length: count }, (_, index) => given.record(index));
  for (const record of records) await writer.write(record, NO_TIMESTAMP);
  return { records, writer };
}

/** What a flush has sent off may take a moment to arrive. */
async function shows<T>(given: SinkCase<T>, records: readonly T[]): Promise<void> {
  await expect.poll(given.visible, { timeout: 20_000 }).toEqual(records.map(given.shown));
}
