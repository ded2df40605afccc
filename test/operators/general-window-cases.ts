import { type DataStream, outputTag, type WindowFunction, type WindowResult } from "../../index.ts";
import { driveInEveryWay, type Step } from "./drive.ts";
import type { Reading } from "./window-reference.ts";

export const late = outputTag<Reading>("late");
export const at = (timestamp: number, value = 1, key = "a"): Step<Reading> => [{ key, value }, timestamp];
export const readings = (...values: readonly number[]): Step<Reading>[] => values.map((value, i) => at(i, value));

export const values = {
  create: () => [] as number[],
  add: (list: number[], { value }: Reading) => {
    list.push(value);
    return list;
  },
  merge: (into: number[], from: number[]) => [...into, ...from],
  result: (list: number[]) => list.toSorted((a, b) => a - b).join(),
};

/** All records of a window, as text. */
export const listed: WindowFunction<readonly Reading[], string, never, never, string> = {
  process: (key, { start, end }, records) => [
    `${key} [${start}, ${end}) ${records
      .map(({ value }) => value)
      .sort((a, b) => a - b)
      .join()}`,
  ],
};

export const text = ({ key, windowStart, windowEnd, value }: WindowResult<string, unknown>): string =>
  `${key} [${windowStart}, ${windowEnd}) ${value}`;
export const lateText = ({ key, value }: Reading): string => `late ${key} ${value}`;
export const milliseconds = (amount: number) => ({ milliseconds: amount });

/** The values of each result, in order. */
export async function results<O>(
  build: (input: DataStream<Reading>) => DataStream<O>,
  steps: readonly Step<Reading>[],
) {
  const { records, timestamps } = await driveInEveryWay(build, steps);
  return { records, timestamps };
}
