/**
 * A job that does not begin at zero: customers' points are those of the system before, and what they buy adds to them.
 *
 * A program makes a savepoint of the former points, state and timers, and the job goes on from it as if they were its own.
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineJob, parquet, print, run, types, valueState } from "millrace";
import { newSavepoint } from "millrace/state";

interface Sale {
  readonly user_id: number | null;
  readonly quantity: number;
}

type UserSale = Sale & { readonly user_id: number };

/** With a schema, a later version of this program may add fields to it. */
const balance = valueState(types.object({ points: types.integer, purchases: types.withDefault(types.integer, 0) }));

/** A timer at this time is due when all input has come. */
const endOfInput = Number.POSITIVE_INFINITY;

const job = defineJob(
  import.meta,
  "loyalty",
  (env, { input, minimum }) => {
    env
      .from(parquet<Sale>(input, { columns: ["user_id", "quantity"] }), { name: "sales" })
      .filter((sale): sale is UserSale => sale.user_id !== null)
      .keyBy("user_id", { type: types.int32 })
      .process("balances", {
        state: { balance },
        process({ quantity }, { state, timers }) {
          timers.register("event", endOfInput);
          const { points, purchases } = state.balance.get() ?? { points: 0, purchases: 0 };
          state.balance.set({ points: points + quantity, purchases: purchases + 1 });
        },
        onTimer(_timer, { key, state }) {
          return [{ user: key, ...(state.balance.get() ?? { points: 0, purchases: 0 }) }];
        },
      })
      .filter(({ points }) => points >= minimum)
      .to(print(), { parallelism: 1 });
  },
  { params: { input: "examples/data/online-retail.parquet", minimum: 20_000 }, parallelism: 2 },
);

/** What a table of the former system may have said. */
export const former = [
  { user: 17_850, points: 30_000 },
  { user: 99_999, points: 25_000 },
  { user: 99_998, points: 10 },
];

export default job;
if (import.meta.main) {
  const folder = await mkdtemp(join(tmpdir(), "loyalty-"));
  await newSavepoint({ job: "loyalty" })
    .fill(
      "balances",
      "balance",
      balance,
      former.map(({ user, points }) => ({ key: user, value: { points, purchases: 0 } })),
    )
    .fillTimers(
      "balances",
      former.map(({ user }) => ({ key: user, domain: "event", timestamp: endOfInput })),
    )
    .write(folder);
  await (await run(job, { from: folder })).result;
  await rm(folder, { recursive: true });
}
