/** What slots whose graph has a window need: its operator, and what aggregates records before they are sent to it. */

export { keyOfPartial, takesPartials, takingPartials } from "./partials.ts";
export { PreAggregator } from "./pre-aggregator.ts";
export { WindowOperator } from "./window-operator.ts";
