/**
 * The steps of the protocols at which tests kill a process: `faultPoint("slot.cut")` says that the step has been reached.
 *
 *   MILLRACE_FAULT_POINT=<name>[:<nth>]   the process kills itself by SIGKILL when one of its threads comes there for the nth
 *                                         time, 1 by default
 *
 * Without that variable it does nothing, unless a simulation, in which many processes are one, watches the steps. All names stand in docs/fault-points.md; none is on the way of a record.
 */

interface Armed {
  readonly name: string;
  readonly nth: number;
}

const armed = armedBy(process.env["MILLRACE_FAULT_POINT"]);
let times = 0;
let watcher: ((name: string) => void) | undefined;

export function faultPoint(name: string): void {
  watcher?.(name);
  // SIGKILL, as nothing may be written, closed or told any more.
  if (armed?.name === name && ++times === armed.nth) process.kill(process.pid, "SIGKILL");
}

/** Whoever is told of every step of this thread from now on; undefined: nobody. */
export function watchFaultPoints(told: ((name: string) => void) | undefined): void {
  watcher = told;
}

function armedBy(text: string | undefined): Armed | undefined {
  const [name = "", nth = "1"] = text?.split(":") ?? [];
  return name === "" ? undefined : { name, nth: Number(nth) };
}
