/** The samples of docs/batch.md are true. */

import { testSamples } from "./samples.ts";

testSamples("batch.md", { fragments: 1, programs: 1 });
