/** What slots with windows need, loaded by them alone: loading is most of a start. */

import { assert } from "../../core/assert.ts";

type WindowsModule = typeof import("./windows.ts");

let loaded: WindowsModule | undefined;

export function areWindowsLoaded(): boolean {
  return loaded !== undefined;
}

/** ENSURES: windows can be created in this thread, and records aggregated before they are sent to them. */
export async function loadWindows(): Promise<void> {
  loaded ??= await import("./windows.ts");
}

/** REQUIRES: `loadWindows` has come first. */
export function windowsModule(): WindowsModule {
  assert(loaded !== undefined, "the operators of windows are not loaded");
  return loaded;
}
