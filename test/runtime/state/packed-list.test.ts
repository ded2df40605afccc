/** Packed lists: which lists are packed, and what becomes of those that are read. */

import { describe, expect, test } from "vitest";
import { PlainListCell } from "../../../runtime/state/list-cells.ts";
import { PackedLists } from "../../../runtime/state/packed-list.ts";

const row = (at: number) => ({ at, name: `row ${at}` });
const rows = (count: number) => Array.from({ length: count }, (_, at) => row(at));

describe("packed lists", () => {
  test("a list that is read again and again becomes a plain one, and gives its rows back", () => {
    const lists = new PackedLists();
    const cell = lists.cellOf(rows(2000), 1);
    expect(cell).toBeTypeOf("number");
    expect(lists.wasRead(cell)).toBe(cell);
    expect(lists.wasRead(cell)).toBe(cell);
    const plain = lists.wasRead(cell);
    expect(plain).toBeInstanceOf(PlainListCell);
    expect(lists.listOf(plain).values()).toStrictEqual(rows(2000));
    expect(lists.rows.size).toBe(0);
  });

  test("new lists are plain while more rows are read than come, and packed again behind that", () => {
    const lists = new PackedLists();
    let one = lists.cellOf([row(1)], 1);
    for (let i = 0; i < 10_000; i++) one = lists.wasRead(one);
    expect(lists.cellOf([row(2)], 1)).toBeInstanceOf(PlainListCell);
    for (let i = 0; i < 10_000; i++) lists.added(1);
    expect(lists.cellOf([row(3)], 1)).toBeTypeOf("number");
  });

  test("a list that turns plain knows what has changed since which epoch, as it did", () => {
    const lists = new PackedLists();
    const cell = lists.cellOf(rows(3), 1);
    const list = lists.listOf(cell);
    list.add(row(3), 0, 2, -1);
    for (const at of [4, 5]) list.add(row(at), 0, 4, 1);
    const changes = [0, 1, 2, 3, 4].map((epoch) => list.changesAfter(epoch));
    let turned = cell;
    for (let i = 0; i < 3; i++) turned = lists.wasRead(turned);
    expect(turned).toBeInstanceOf(PlainListCell);
    expect([0, 1, 2, 3, 4].map((epoch) => lists.listOf(turned).changesAfter(epoch))).toStrictEqual(changes);
    expect(changes.map(({ from }) => from)).toStrictEqual([0, 3, 4, 4, 6]);
  });

  test("a list that gets the number of one that is gone knows nothing of its rows, and of its epochs neither", () => {
    const lists = new PackedLists();
    const first = lists.cellOf(rows(2), 1);
    for (const epoch of [2, 3]) lists.listOf(first).add(row(epoch), 0, epoch, -1);
    expect(lists.listOf(first).changesAfter(1).from).toBe(2);
    lists.release(first);
    const second = lists.cellOf([row(7)], 5);
    expect(second).toBe(first);
    const list = lists.listOf(second);
    expect(list.changesAfter(4)).toStrictEqual({ from: 0, values: [row(7)], stamps: undefined });
    expect(list.changesAfter(5)).toStrictEqual({ from: 1, values: [], stamps: undefined });
    list.add(row(8), 0, 6, -1);
    expect([4, 5, 6].map((epoch) => list.changesAfter(epoch).from)).toStrictEqual([0, 1, 2]);
    expect(lists.rows.size).toBe(2);
  });

  test("many lists, each of which grows, is cut and goes, are what lists of objects are", () => {
    const lists = new PackedLists();
    const plain = new Map<unknown, { at: number; name: string }[]>();
    for (let i = 0; i < 3000; i++) plain.set(lists.cellOf([row(i)], 1), [row(i)]);
    expect(plain.size).toBe(3000);
    let turn = 0;
    for (const [cell, expected] of plain) {
      const list = lists.listOf(cell);
      for (let more = 0; more < turn % 4; more++) {
        list.add(row(more), 0, 1 + more, -1);
        expected.push(row(more));
      }
      if (turn % 7 === 0) {
        list.goOn(1, [row(-1)], undefined);
        expected.splice(1, expected.length, row(-1));
      }
      if (turn++ % 5 !== 0) continue;
      lists.release(cell);
      plain.delete(cell);
    }
    for (let i = 0; i < 100; i++) plain.set(lists.cellOf(rows(i), 9), rows(i));
    for (const [cell, expected] of plain) expect(lists.listOf(cell).values()).toStrictEqual(expected);
    expect(lists.rows.size).toBe([...plain.values()].reduce((sum, { length }) => sum + length, 0));
  });
});
