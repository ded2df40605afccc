/** Packed lists: which lists are packed, and what becomes of those that are read. */

import { describe, expect, test } from "vitest";
import { PlainListCell } from "../../../runtime/state/list-cells.ts";
import { PackedListCell, PackedLists } from "../../../runtime/state/packed-list.ts";

const row = (at: number) => ({ at, name: `row ${at}` });
const rows = (count: number) => Array.from({ length: count }, (_, at) => row(at));

describe("packed lists", () => {
  test("a list that is read again and again becomes a plain one, and gives its rows back", () => {
    const lists = new PackedLists();
    const list = lists.listOf(rows(2000), 1);
    expect(list).toBeInstanceOf(PackedListCell);
    expect(lists.wasRead(list)).toBe(list);
    expect(lists.wasRead(list)).toBe(list);
    const plain = lists.wasRead(list);
    expect(plain).toBeInstanceOf(PlainListCell);
    expect(plain.values()).toStrictEqual(rows(2000));
    expect(lists.rows.size).toBe(0);
  });

  test("new lists are plain while more rows are read than come, and packed again behind that", () => {
    const lists = new PackedLists();
    let one = lists.listOf([row(1)], 1);
    for (let i = 0; i < 10_000; i++) one = lists.wasRead(one);
    expect(lists.listOf([row(2)], 1)).toBeInstanceOf(PlainListCell);
    for (let i = 0; i < 10_000; i++) lists.added(1);
    expect(lists.listOf([row(3)], 1)).toBeInstanceOf(PackedListCell);
  });

  test("a list that turns plain knows what has changed since which epoch, as it did", () => {
    const lists = new PackedLists();
    const list = lists.listOf(rows(3), 1);
    list.add(row(3), 0, 2, -1);
    for (const at of [4, 5]) list.add(row(at), 0, 4, 1);
    const changes = [0, 1, 2, 3, 4].map((epoch) => list.changesAfter(epoch));
    let turned = list;
    for (let i = 0; i < 3; i++) turned = lists.wasRead(turned);
    expect(turned).toBeInstanceOf(PlainListCell);
    expect([0, 1, 2, 3, 4].map((epoch) => turned.changesAfter(epoch))).toStrictEqual(changes);
    expect(changes.map(({ from }) => from)).toStrictEqual([0, 3, 4, 4, 6]);
  });
});
