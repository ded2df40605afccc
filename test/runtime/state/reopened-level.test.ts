/** A database is opened anew behind a failed write, before anything else is done with it. */
import type { Level } from "level";
import { expect, test } from "vitest";
import { ReopenedLevel } from "../../../runtime/state/reopened-level.ts";

/** Writes down what is done with it, and fails as often as it is told. */
class FakeLevel {
  status = "open";
  failingOpens = 0;
  readonly done: string[] = [];

  async close(): Promise<void> {
    this.done.push("close");
    this.status = "closed";
  }

  async open(): Promise<void> {
    this.done.push("open");
    if (this.failingOpens-- > 0) throw new Error("no room for a log");
    this.status = "open";
  }

  async put(key: string): Promise<void> {
    if (this.status !== "open") throw new Error(`${key} came while it was ${this.status}`);
    this.done.push(key);
    if (key.startsWith("bad")) throw new Error("no room");
  }
}

function opened(): { readonly fake: FakeLevel; readonly level: ReopenedLevel<string> } {
  const fake = new FakeLevel();
  return { fake, level: new ReopenedLevel(fake as unknown as Level<string, string>) };
}

test("it is opened anew once behind a failed write, whoever is next", async () => {
  const { fake, level } = opened();
  await level.write((db) => db.put("a", ""));
  await expect(level.write((db) => db.put("bad", ""))).rejects.toThrow("no room");
  await Promise.all([level.read((db) => db.put("b", "")), level.write((db) => db.put("c", ""))]);
  await level.write((db) => db.put("d", ""));
  expect(fake.done).toEqual(["a", "bad", "close", "open", "b", "c", "d"]);
});

test("one that cannot be opened is tried again at the next use, and nothing is done with it before", async () => {
  const { fake, level } = opened();
  await expect(level.write((db) => db.put("bad", ""))).rejects.toThrow("no room");
  fake.failingOpens = 2;
  await expect(level.read((db) => db.put("a", ""))).rejects.toThrow("no room for a log");
  await expect(level.write((db) => db.put("b", ""))).rejects.toThrow("no room for a log");
  await level.write((db) => db.put("c", ""));
  expect(fake.done).toEqual(["bad", "close", "open", "open", "open", "c"]);
});

test("a failed read leaves it as it is", async () => {
  const { fake, level } = opened();
  await expect(level.read((db) => db.put("bad", ""))).rejects.toThrow("no room");
  await level.write((db) => db.put("a", ""));
  expect(fake.done).toEqual(["bad", "a"]);
});
