/**
 * Window joins and co-groups: the windows of one key for the records of two inputs, whose function gets both lists.
 *
 * The windows are those of `window/general`, which know nothing of two inputs: what they are given says of which it is.
 * State: theirs, with all records of a window by input. Cost: that of a window with a function, and of the pairs emitted.
 */

import type { ValueAggregate } from "../../core/aggregate.ts";
import type { Key } from "../../core/key.ts";
import type { OperatorContext } from "../../core/operator.ts";
import type { BothRecords, EitherRecord, WindowJoinSpec } from "../../core/window-join.ts";
import { GeneralWindowOperator } from "../window/general/general-window-operator.ts";

type Either = EitherRecord<unknown, unknown>;

export class WindowJoinOperator extends GeneralWindowOperator {
  constructor(
    { keys: [first, second], window, allowedLatenessMs, late, fn }: WindowJoinSpec,
    context: OperatorContext,
  ) {
    const select = (either: unknown): Key => {
      const record = either as Either; // what `process` and `process2` make
      return "first" in record ? first.select(record.first) : second.select(record.second);
    };
    super(
      {
        ...{ kind: "generalWindow", window, allowedLatenessMs, late, fn },
        ...{ key: { select, fields: undefined }, aggregate: both, trigger: undefined, evictor: undefined },
      },
      context,
    );
  }

  override process(value: unknown, timestamp: number): void {
    super.process({ first: value }, timestamp);
  }

  process2(value: unknown, timestamp: number): void {
    super.process({ second: value }, timestamp);
  }
}

const both: ValueAggregate<Either, BothRecords, BothRecords> = {
  create: () => ({ left: [], right: [] }),
  add: (content, record) => {
    if ("first" in record) content.left.push(record.first);
    else content.right.push(record.second);
    return content;
  },
  merge: (into, from) => {
    into.left.push(...from.left);
    into.right.push(...from.right);
    return into;
  },
  result: (content) => content,
};
