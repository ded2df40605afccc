/**
 * What users buy in one go: purchases of a user belong to one session as long as no 30 minutes pass between them.
 *
 * Two subtasks read different parts of the file at the same time, so a user's purchases arrive out of order. Each one
 * therefore opens a session of its own, or extends and joins those that it touches, and a session ends by a timer: when
 * the watermark is 30 minutes past its last purchase, nothing can extend it any more.
 */

import { defineJob, parquet, print, run, valueState } from "millrace";

interface Sale {
  readonly user_id: number | null;
  readonly quantity: number;
  readonly timestamp: number;
}

type UserSale = Sale & { readonly user_id: number };

interface Session {
  readonly start: number;
  readonly end: number;
  readonly purchases: number;
  readonly pieces: number;
}

const gapMs = 30 * 60_000;

const job = defineJob(
  import.meta,
  "user-sessions",
  (env, { input, minutes }) => {
    env
      .from(parquet<Sale>(input, { columns: ["user_id", "quantity", "timestamp"] }))
      .filter((sale): sale is UserSale => sale.user_id !== null)
      .withTimestamps((sale) => sale.timestamp)
      .keyBy("user_id")
      .process("sessions", {
        state: { open: valueState<readonly Session[]>([]) },
        process({ quantity }, { state, timers, timestamp }) {
          const sale: Session = { start: timestamp, end: timestamp, purchases: 1, pieces: quantity };
          state.open.update((open) => joined(open, sale));
          timers.register("event", timestamp + gapMs);
        },
        onTimer(timer, { key, state }) {
          const open = state.open.get();
          const still = open.filter((session) => session.end + gapMs > timer.timestamp);
          if (still.length > 0) state.open.set(still);
          else state.open.clear();
          return open.filter((session) => !still.includes(session)).map((session) => ({ user: key, ...session }));
        },
      })
      .filter(({ start, end }) => end - start >= minutes * 60_000)
      .map(({ start, end, ...session }) => ({ ...session, start: new Date(start), end: new Date(end) }))
      .to(print(), { parallelism: 1 });
  },
  { params: { input: "examples/data/online-retail.parquet", minutes: 30 }, parallelism: 2 },
);

/** The sessions with one more, which takes in all that it is near to. */
function joined(sessions: readonly Session[], added: Session): readonly Session[] {
  const near = ({ start, end }: Session): boolean => start <= added.end + gapMs && end >= added.start - gapMs;
  const whole = sessions.filter(near).reduce(union, added);
  return [...sessions.filter((session) => !near(session)), whole];
}

function union(a: Session, b: Session): Session {
  return {
    start: Math.min(a.start, b.start),
    end: Math.max(a.end, b.end),
    purchases: a.purchases + b.purchases,
    pieces: a.pieces + b.pieces,
  };
}

export default job;
if (import.meta.main) await (await run(job)).result;
