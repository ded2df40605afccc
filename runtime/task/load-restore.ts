/** What slots need that go on from a checkpoint, loaded by them alone: loading is most of a start. */

type RestoreModule = typeof import("./restore-slot.ts");

let loaded: RestoreModule | undefined;

/** At once where it has been called before. */
export async function loadRestore(): Promise<RestoreModule> {
  loaded ??= await import("./restore-slot.ts");
  return loaded;
}
