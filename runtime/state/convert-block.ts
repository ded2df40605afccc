/** A block as if its values had been saved with another type. */

import { MillraceError } from "../../core/errors.ts";
import type { Convert } from "./evolve-type.ts";
import type { OpenBlock, StateShape } from "./state-block.ts";

/** @throws STATE_MISFIT when a value cannot be converted */
export function convertedBlock(block: OpenBlock, convert: Convert, operator: string): OpenBlock {
  const { name, shape } = block.header;
  const at = valuesAt(shape);
  if (at === undefined) return block;
  try {
    const columns = block.columns.map((column, index) =>
      index === at ? Array.from(column, convertOne(convert)) : column,
    );
    return { ...block, columns };
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new MillraceError(
      "STATE_MISFIT",
      `the ${shape.section === "table" ? "table" : "state"} "${name}" of "${operator}" holds a value that is not of the type with which it was saved: ${cause.message}. ` +
        "Bring it to the new type with the state processor, or declare it as it was",
      { operator, cause },
    );
  }
}

function convertOne(convert: Convert): (value: unknown) => unknown {
  return (value) => convert(value);
}

/** Which column behind the keys has the values. */
function valuesAt({ section, numbers, values }: StateShape): number | undefined {
  switch (section) {
    case "value":
    case "reducing":
      return 1;
    case "list":
      return 3;
    case "map":
      return 5;
    case "table":
      return values ? 1 + numbers : undefined;
    default:
      return undefined;
  }
}
