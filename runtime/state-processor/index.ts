/** "millrace/state": savepoints as data, to be read by a program, changed, or made from nothing. */

export {
  openSavepoint,
  type Savepoint,
  type SavepointOperator,
  type SavepointState,
  type SavepointTimer,
  type TableRow,
} from "./savepoint.ts";
export {
  type NewSavepoint,
  type NewSavepointOptions,
  newSavepoint,
  type SavepointChanges,
} from "./savepoint-changes.ts";
export type { StateEntry, StoredValue } from "./stored-values.ts";
