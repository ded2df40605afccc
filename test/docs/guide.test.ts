/** The samples of docs/guide.md are true. */

import { testSamples } from "./samples.ts";

testSamples("guide.md", { fragments: 11, programs: 4 });
