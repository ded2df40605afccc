/**
 * Windows of any kind, with any trigger, evictor and function: what panes cannot do. Of each key it keeps the open windows
 * with what is in them and what their triggers remember.
 *
 *           record                      trigger: fire            its time and the lateness have passed
 *   (none) ───────► open: takes records ─────────────► emits ──┐ ──────────────────────────────────────► (none)
 *                     ▲       │ trigger: purge                 │
 *                     └───────┴────────► holds no records ◄────┘
 *
 * A record that belongs to no window which is still open is late: it is counted and goes to the late output. Results of a
 * window have the time of its last millisecond, of one without bounds that of its latest record. A window over processing
 * time that is open when all input has come gives its result then.
 *
 * State: table "windows", by key; the states of the window function; one timer a key and kind of time, for the earliest
 * thing to do. It stays where that moves later, and is set anew when it comes, so that a session's timer costs nothing
 * a record. Cost: O(windows of a record) a record, and for each firing what is kept: an accumulator, or all records where
 * a function or an evictor wants them.
 */

import { MillraceError } from "../../../core/errors.ts";
import type { GeneralWindowSpec } from "../../../core/general-window.ts";
import { isOfEventTime, merges } from "../../../core/general-window.ts";
import type { Key } from "../../../core/key.ts";
import type { Operator, OperatorContext, Timer, TimerDomain } from "../../../core/operator.ts";
import type { Counter } from "../../../core/telemetry.ts";
import { isEventTime } from "../../../core/time.ts";
import type { Trigger, TriggerResult } from "../../../core/trigger.ts";
import { promiseReturned } from "../../../core/user-function.ts";
import type { Window } from "../../../core/window.ts";
import { type Assign, assigner, noTime } from "./assign.ts";
import { type Contents, contents } from "./contents.ts";
import { evictorOf, triggerOf } from "./default-trigger.ts";
import { Emission } from "./emission.ts";
import { KeyTable } from "./key-table.ts";
import { earliest, earliestOf, type KeyWindows, newWindow, type OpenWindow } from "./open-window.ts";
import { samePlain } from "./same-plain.ts";
import { WindowTriggerContext } from "./trigger-context.ts";

const results: readonly TriggerResult[] = ["continue", "fire", "purge", "fireAndPurge"];

/** Empties an array that keeps its memory: in old objects, a new array a record costs the garbage collector most. */
function clear(times: number[]): void {
  while (times.length > 0) times.pop();
}

export class GeneralWindowOperator implements Operator {
  readonly #spec: GeneralWindowSpec;
  readonly #context: OperatorContext;
  readonly #assign: Assign;
  readonly #trigger: Trigger<unknown, unknown>;
  readonly #contents: Contents;
  readonly #table: KeyTable<KeyWindows>;
  readonly #emission: Emission;
  readonly #asked: WindowTriggerContext;
  readonly #lateRecords: Counter;
  readonly #merges: boolean;
  /** Which time windows come and go by; undefined: they stay. */
  readonly #time: TimerDomain | undefined;
  readonly #new: unknown;

  constructor(spec: GeneralWindowSpec, context: OperatorContext) {
    this.#spec = spec;
    this.#context = context;
    this.#assign = assigner(spec.window, context.operator);
    this.#trigger = triggerOf(spec);
    this.#contents = contents(spec.aggregate, evictorOf(spec), context);
    this.#table = new KeyTable(context.state.table("windows", { numbers: 0, values: true }));
    this.#emission = new Emission(spec.fn, context);
    this.#asked = new WindowTriggerContext(context);
    this.#lateRecords = context.metrics.counter("lateRecords");
    this.#merges = merges(spec.window);
    this.#time = "time" in spec.window ? spec.window.time : undefined;
    this.#new = this.#trigger.create();
  }

  open(): void | Promise<void> {
    return this.#spec.fn?.open?.(this.#context);
  }

  close(): void | Promise<void> {
    return this.#spec.fn?.close?.();
  }

  process(value: unknown, timestamp: number): void {
    let isLate: boolean;
    try {
      const key = this.#spec.key.select(value);
      this.#context.state.setCurrentKey(key, timestamp);
      isLate = !this.#take(key, value, timestamp);
    } catch (error) {
      throw this.#context.failure(error, value);
    }
    if (isLate) {
      this.#lateRecords.add();
      if (this.#spec.late !== undefined) this.#context.side(this.#spec.late, value, timestamp);
    }
    this.#emission.flush();
  }

  onTimer({ key, timestamp, domain }: Timer): void {
    const slot = this.#table.open(key);
    const held = this.#table.at(slot);
    if (held === undefined) return;
    if (domain === "event" && held.eventAt === timestamp) held.eventAt = null;
    if (domain === "processing" && held.processingAt === timestamp) held.processingAt = null;
    try {
      for (const window of [...held.windows]) this.#advance(key, held, window, domain, timestamp);
    } catch (error) {
      throw this.#context.failure(error, undefined);
    }
    this.#asked.changed = true;
    this.#settle(slot, held, held);
    this.#emission.flush();
  }

  finish(): void {
    if (this.#time === "processing" && this.#spec.trigger === undefined) this.#finish([...this.#table.keys()], 0);
  }

  /** False when it belongs to no window that is open. */
  #take(key: Key, value: unknown, timestamp: number): boolean {
    const time = this.#timeOf(timestamp);
    const windows = this.#assign(time, value);
    if (!this.#merges && windows.every(({ end }) => this.#isOver(end))) return false;
    const slot = this.#table.open(key);
    const held = this.#table.at(slot);
    const entry = held ?? { windows: [], eventAt: null, processingAt: null };
    let isTaken = false;
    for (const span of windows) {
      const window = this.#merges ? this.#session(key, entry, span) : this.#window(entry, span);
      if (window === undefined) continue;
      isTaken = true;
      this.#contents.add(window, value, time);
      if (timestamp > window.latest) window.latest = timestamp;
      const asked = this.#asked.about(key, window);
      this.#act(key, entry, window, this.#trigger.onRecord(window.trigger, value, timestamp, asked));
    }
    this.#settle(slot, held, entry);
    return isTaken;
  }

  #timeOf(timestamp: number): number {
    if (this.#time === undefined) return timestamp;
    if (this.#time === "processing") return this.#context.clock.now();
    if (!isEventTime(timestamp)) throw noTime(this.#context.operator, timestamp);
    return timestamp;
  }

  #isOver(end: number): boolean {
    return this.#time === "event" && end - 1 + this.#spec.allowedLatenessMs <= this.#context.currentWatermark;
  }

  /** The window of a span, which its end names; undefined when that is over. */
  #window(entry: KeyWindows, { start, end }: Window): OpenWindow | undefined {
    if (this.#isOver(end)) return undefined;
    const { windows } = entry;
    let at = windows.length;
    for (; at > 0; at--) {
      const other = windows[at - 1] as OpenWindow;
      if (other.end === end) return other;
      if (other.end < end) break;
    }
    const window = newWindow(start, end, this.#trigger.create());
    windows.splice(at, 0, window);
    this.#asked.changed = true;
    return window;
  }

  /** The session of a record's span and all that it touches, which become one; undefined when that is over. */
  #session(key: Key, entry: KeyWindows, span: Window): OpenWindow | undefined {
    const { start, end } = span;
    const { windows } = entry;
    let session: OpenWindow | undefined;
    for (let at = 0; at < windows.length; at++) {
      const other = windows[at] as OpenWindow;
      if (other.start > end || other.end < start) continue;
      if (session !== undefined) return this.#grown(key, this.#united(entry, session, span), span);
      session = other;
    }
    if (session === undefined) return this.#window(entry, span);
    return session.start <= start && session.end >= end ? session : this.#grown(key, session, span);
  }

  /** A session with all others that a span touches. */
  #united(entry: KeyWindows, session: OpenWindow, { start, end }: Window): OpenWindow {
    for (const other of entry.windows.filter((each) => each !== session && each.start <= end && each.end >= start)) {
      this.#unite(entry, session, other);
      session.start = Math.min(session.start, other.start);
      session.end = Math.max(session.end, other.end);
    }
    return session;
  }

  /** The session with a span that reaches beyond it. */
  #grown(key: Key, session: OpenWindow, { start, end }: Window): OpenWindow {
    session.start = Math.min(session.start, start);
    session.end = Math.max(session.end, end);
    clear(session.eventTimers);
    clear(session.processingTimers);
    this.#asked.changed = true;
    this.#trigger.onMerge?.(session.trigger, this.#asked.about(key, session));
    return session;
  }

  #unite(entry: KeyWindows, session: OpenWindow, other: OpenWindow): void {
    this.#contents.merge(session, other);
    if (other.latest > session.latest) session.latest = other.latest;
    session.trigger = this.#trigger.merge?.(session.trigger, other.trigger);
    entry.windows.splice(entry.windows.indexOf(other), 1);
  }

  /** A time has come: the trigger is told of those for which it has asked, and a window that is over goes. */
  #advance(key: Key, entry: KeyWindows, window: OpenWindow, domain: TimerDomain, now: number): void {
    const times = domain === "event" ? window.eventTimers : window.processingTimers;
    for (let time = earliestOf(times); time !== null && time <= now; time = earliestOf(times)) {
      times.splice(times.indexOf(time), 1);
      const asked = this.#asked.about(key, window);
      const { trigger } = window;
      const told = domain === "event" ? "onEventTime" : "onProcessingTime";
      if (this.#trigger[told] !== undefined) this.#act(key, entry, window, this.#trigger[told](trigger, time, asked));
    }
    const end = domain === this.#time ? this.#goesAt(window) : null;
    if (end !== null && end <= now) this.#drop(key, entry, window);
  }

  #act(key: Key, entry: KeyWindows, window: OpenWindow, result: TriggerResult): void {
    if (result === "continue") return;
    if (!results.includes(result)) throw this.#noResult(result);
    if ((result === "fire" || result === "fireAndPurge") && window.count > 0) this.#fire(key, window);
    if (result === "fire") return;
    this.#contents.clear(window);
    if (this.#isAsNew(window)) this.#drop(key, entry, window);
  }

  #noResult(came: unknown): MillraceError {
    const { operator } = this.#context;
    const { name } = this.#trigger;
    if (came instanceof Promise) return promiseReturned(operator, `trigger "${name}"`);
    const message = `the trigger "${name}" of "${operator}" returned ${String(came)}; it must be one of ${results.join(", ")}`;
    return new MillraceError("WRONG_SHAPE", message, { operator });
  }

  #fire(key: Key, window: OpenWindow): void {
    const timestamp = window.end === Number.POSITIVE_INFINITY ? window.latest : window.end - 1;
    this.#emission.fire(key, window, this.#contents.fire(window), timestamp);
  }

  /** Whether an empty window without bounds is what a new one would be, so that nothing is lost with it. */
  #isAsNew({ end, trigger, eventTimers, processingTimers }: OpenWindow): boolean {
    return (
      end === Number.POSITIVE_INFINITY &&
      eventTimers.length + processingTimers.length === 0 &&
      this.#spec.fn?.windowState === undefined &&
      samePlain(trigger, this.#new)
    );
  }

  #drop(key: Key, entry: KeyWindows, window: OpenWindow): void {
    const at = entry.windows.indexOf(window);
    if (at < 0) return;
    entry.windows.splice(at, 1);
    this.#asked.changed = true;
    this.#emission.gone(key, window);
  }

  /**
   * The time at which a window goes; null: it stays. A watermark says that nothing as early will come, but the clock stands at
   * a window's last millisecond while records of it come.
   */
  #goesAt({ end }: OpenWindow): number | null {
    if (this.#time === undefined) return null;
    return isOfEventTime(this.#spec.window) ? end - 1 + this.#spec.allowedLatenessMs : end;
  }

  /** Keeps what a key has, and sees to its timers. REQUIRES: the key is current. */
  #settle(slot: number, held: KeyWindows | undefined, entry: KeyWindows): void {
    if (entry.windows.length === 0) {
      if (held !== undefined) this.#table.remove(slot);
      return;
    }
    if (this.#asked.changed) this.#setTimers(entry);
    if (held === undefined) this.#table.put(slot, entry);
  }

  #setTimers(entry: KeyWindows): void {
    this.#asked.changed = false;
    const next = { event: null as number | null, processing: null as number | null };
    for (const window of entry.windows) {
      next.event = earliest(next.event, earliestOf(window.eventTimers));
      next.processing = earliest(next.processing, earliestOf(window.processingTimers));
      if (this.#time !== undefined) next[this.#time] = earliest(next[this.#time], this.#goesAt(window));
    }
    const { event, processing } = next;
    if (event !== null && (entry.eventAt === null || event < entry.eventAt)) {
      this.#context.timers.register("event", event);
      entry.eventAt = event;
    }
    if (processing !== null && (entry.processingAt === null || processing < entry.processingAt)) {
      this.#context.timers.register("processing", processing);
      entry.processingAt = processing;
    }
  }

  /** Fires what is open, key by key from one on; suspends itself when consumers have no room. True when all is done. */
  #finish(keys: readonly Key[], from: number): boolean {
    for (let i = from; i < keys.length; i++) {
      if (this.#context.gate.blocked) {
        this.#context.suspend(() => this.#finish(keys, i));
        return true;
      }
      this.#finishKey(keys[i] as Key);
    }
    return true;
  }

  #finishKey(key: Key): void {
    this.#context.state.setCurrentKey(key);
    const slot = this.#table.open(key);
    const entry = this.#table.at(slot);
    if (entry === undefined) return;
    for (const window of entry.windows.splice(0)) {
      if (window.count > 0) this.#fire(key, window);
      this.#emission.gone(key, window);
    }
    this.#settle(slot, entry, entry);
    this.#emission.flush();
  }
}
