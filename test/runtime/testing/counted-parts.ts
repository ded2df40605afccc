/** An operator with operator state that is dealt out anew at a restart, for jobs that are disturbed. */
import { NO_TIMESTAMP, type OperatorFactory } from "millrace";

/** Counts its records, whatever they are, and says each part's count at the end. */
export const countedParts: OperatorFactory<unknown, { readonly count: number }> = ({ operatorState, output }) => {
  const parts: number[] = [...operatorState.list<number>("count", "split", () => parts)];
  return {
    process() {
      parts[0] = (parts[0] ?? 0) + 1;
    },
    finish() {
      for (const count of parts.splice(0)) output.push({ count }, NO_TIMESTAMP);
    },
  };
};
