/**
 * What a program has under way outside of memory: reads of files, connections, timers. Told from what others in the same
 * thread have under way by the asynchronous context in which it was begun.
 */

import { AsyncLocalStorage, createHook } from "node:async_hooks";

/**
 * The kinds of Node's resources that call back by themselves. Open handles of files, for instance, do not, nor does the
 * making of random bytes, which is done at once where somebody waits for it.
 */
const callsBack = /^(?!RANDOMBYTES).*REQ|CONNECT|TCPWRAP|TLSWRAP|UDPWRAP|PROCESSWRAP|ZLIB|^Timeout$/;

/** Those that stand, and may bring something as long as they do. */
const connects = /^(TCP|TLS|PIPE)WRAP$/;

const contexts = new AsyncLocalStorage<OutsideWorld>();

export class OutsideWorld {
  readonly #underWay = new Set<number>();
  readonly #connections = new Set<number>();
  readonly #hook = createHook({
    init: (id, kind) => {
      if (!callsBack.test(kind) || contexts.getStore() !== this) return;
      this.#underWay.add(id);
      if (connects.test(kind)) this.#connections.add(id);
    },
    after: (id) => void this.#underWay.delete(id),
    destroy: (id) => {
      this.#underWay.delete(id);
      this.#connections.delete(id);
    },
    // They say nothing of the outside, and each would be told of.
    trackPromises: false,
  });

  /** Runs the program; everything that it begins counts. */
  enter<T>(program: () => Promise<T>): Promise<T> {
    this.#hook.enable();
    return contexts.run(this, program);
  }

  get busy(): boolean {
    return this.#underWay.size > 0;
  }

  /** Whether an answer may come by a connection: that one is awaited cannot be seen once the connection has been used. */
  get connected(): boolean {
    return this.#connections.size > 0;
  }

  /** Gives it a moment to go on. */
  aMoment(): Promise<void> {
    return contexts.exit(() => new Promise((resolve) => setTimeout(resolve, 1)));
  }

  [Symbol.dispose](): void {
    this.#hook.disable();
  }
}
