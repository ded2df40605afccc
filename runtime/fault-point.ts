/**
 * The steps of the protocols at which tests kill a process: `faultPoint("slot.cut")` says that the step has been reached.
 *
 *   MILLRACE_FAULT_POINT=<name>[:<nth>]   the process kills itself by SIGKILL when one of its threads comes there for the nth
 *                                         time, 1 by default
 *
 * Without that variable it does nothing. All names stand in docs/fault-points.md; none is on the way of a record.
 */

interface Armed {
  readonly name: string;
  readonly nth: number;
}

const armed = armedBy(process.env["MILLRACE_FAULT_POINT"]);
let times = 0;

export function faultPoint(name: string): void {
  // SIGKILL, as nothing may be written, closed or told any more.
  if (armed?.name === name && ++times === armed.nth) process.kill(process.pid, "SIGKILL");
}

function armedBy(text: string | undefined): Armed | undefined {
  const [name = "", nth = "1"] = text?.split(":") ?? [];
  return name === "" ? undefined : { name, nth: Number(nth) };
}
