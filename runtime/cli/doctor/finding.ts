/** What one check of `millrace doctor` found. */
export interface Finding {
  readonly check: string;
  /** `warning`: it works, and may not for long or for all; `bad`: it has to be mended. */
  readonly status: "ok" | "warning" | "bad";
  readonly detail: string;
}

export function ok(check: string, detail: string): Finding {
  return { check, status: "ok", detail };
}

export function warning(check: string, detail: string): Finding {
  return { check, status: "warning", detail };
}

export function bad(check: string, detail: string): Finding {
  return { check, status: "bad", detail };
}

/** A check that fails by itself has found something too. */
export async function findingOf(check: string, look: () => Finding | Promise<Finding>): Promise<Finding> {
  try {
    return await look();
  } catch (error) {
    return bad(check, error instanceof Error ? error.message : String(error));
  }
}
