/** The samples of docs/connectors.md are true; its program on Kafka runs in test/integration/kafka/first-program.test.ts. */

import { testSamples } from "./samples.ts";

testSamples("connectors.md", { fragments: 6, programs: 0 });
