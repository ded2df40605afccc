/** The samples of docs/joins.md are true. */

import { testSamples } from "./samples.ts";

testSamples("joins.md", { fragments: 8, programs: 1 });
