/** Has every operator loaded before a test begins: none waits for a file in the midst of its schedule. */

import { loadOperators } from "../../operators/create-operator.ts";

await loadOperators();
