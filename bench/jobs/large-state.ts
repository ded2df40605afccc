/** A job with so many keys of state, of which, when all of them are there, a fifth changes again and again. */

import { defineJob, type Environment, generate, type Sink, valueState } from "millrace";

/** One in so many keys changes once all of them are there. */
const CHANGING = 5;

/** What somebody wants to know of it who runs in its slot. */
export interface Watch {
  record(): void;
  close(): void;
}

export const options = {
  parallelism: 1,
  checkpoints: { interval: "1s" },
  restart: { kind: "fixedDelay", attempts: 100, delay: "0s" },
} as const;

function nothing(): Sink<unknown> {
  return { name: "nothing", writer: () => ({ write() {} }) };
}

/** xorshift: keys have to come in no order. */
function spread(index: number): number {
  let mixed = (index + 1) | 0;
  mixed ^= mixed << 13;
  mixed ^= mixed >>> 17;
  mixed ^= mixed << 5;
  return mixed >>> 0;
}

export function largeState(env: Environment, keys: number, watch?: Watch): void {
  const changing = Math.ceil(keys / CHANGING);
  const keyOf = (index: number): number => (index < keys ? index : (spread(index) % changing) * CHANGING);
  env
    .from(generate({ record: (index) => ({ key: keyOf(index) * 7 + 1, amount: index % 10 }) }), { name: "changes" })
    .keyBy("key")
    .process("state", {
      state: { totals: valueState<{ count: number; sum: number; name: string }>() },
      process({ key, amount }, { state }): void {
        const was = state.totals.get();
        const name = was?.name ?? `name ${key % 100}`;
        state.totals.set({ count: (was?.count ?? 0) + 1, sum: (was?.sum ?? 0) + amount, name });
        watch?.record();
      },
      close: () => watch?.close(),
    })
    .to(nothing());
}

const job = defineJob(import.meta, "large-state", (env, { keys }) => largeState(env, keys), {
  ...options,
  params: { keys: 1_000_000 },
});

export default job;
