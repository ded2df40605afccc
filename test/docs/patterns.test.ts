/** The samples of docs/patterns.md are true. */

import { testSamples } from "./samples.ts";

testSamples("patterns.md", { fragments: 1, programs: 1 });
