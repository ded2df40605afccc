/** The samples of docs/testing.md are true. */

import { testSamples } from "./samples.ts";

testSamples("testing.md", { fragments: 3, programs: 3 });
