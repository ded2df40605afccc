import { expect, test } from "vitest";
import { continuedLineage, idOf, jobOf, newLineage } from "../../../runtime/checkpoints/lineage.ts";

test("a lineage names its job and its first start, whatever the job's name holds", () => {
  expect(jobOf(newLineage("a@b", "1234"))).toBe("a@b");
  expect(idOf(newLineage("a@b", "1234"))).toBe("1234");
});

test("whoever goes on from a job's checkpoint is of its lineage, unless it is another job", () => {
  expect(continuedLineage("job@1", "job", () => "2")).toBe("job@1");
  expect(continuedLineage("job@1", "other", () => "2")).toBe("other@2");
});
