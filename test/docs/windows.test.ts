/** The samples of docs/windows.md are true. */

import { testSamples } from "./samples.ts";

testSamples("windows.md", { fragments: 9, programs: 1 });
