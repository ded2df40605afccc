/** The samples of docs/async.md are true. */

import { testSamples } from "./samples.ts";

testSamples("async.md", { fragments: 3, programs: 1 });
