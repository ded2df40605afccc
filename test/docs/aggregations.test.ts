/** The samples of docs/aggregations.md are true. */

import { testSamples } from "./samples.ts";

testSamples("aggregations.md", { fragments: 3, programs: 3 });
