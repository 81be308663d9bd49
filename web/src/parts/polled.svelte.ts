/** Something read from the server again and again: when it may have changed, and after a while in any case. */
import { untrack } from 'svelte';
import { ApiError, get } from '../api';
import { told } from './problem';
import type { Shape } from '../shape';

interface Wish<T> {
  /** What to read; null: nothing now. A change of it forgets what was there. */
  readonly path: () => string | null;
  readonly shape: Shape<T>;
  /** Read again soon when what this returns changes. */
  readonly again?: () => unknown;
  readonly everyMs?: number;
}

/** A burst of changes is one reading. */
const SOON_MS = 400;
/** Two readings lie at least so far apart. */
const APART_MS = 2_000;

export class Polled<T> {
  value: T | null = $state.raw(null);
  /** Why the last reading failed; what was read before stays. */
  problem: string | null = $state(null);
  /** There is no such thing (HTTP 404). */
  missing: boolean = $state(false);
  #now: () => Promise<void> = () => Promise.resolve();

  /** Call while a component is being made. */
  constructor({ path, shape, again, everyMs = 30_000 }: Wish<T>) {
    let soon: () => void = () => undefined;
    $effect(() => {
      const wanted = path();
      this.value = null;
      this.problem = null;
      this.missing = false;
      if (wanted === null) return;
      const stop = new AbortController();
      let timer: ReturnType<typeof setTimeout> | undefined;
      let last = 0;
      let reading: Promise<void> | null = null;
      const plan = (ms: number): void => {
        clearTimeout(timer);
        timer = setTimeout(() => void read(), ms);
      };
      const read = async (): Promise<void> => {
        if (reading) return plan(SOON_MS);
        if (document.hidden && this.value !== null) return plan(everyMs);
        last = performance.now();
        reading = ask();
        await reading;
        reading = null;
        if (!stop.signal.aborted) plan(everyMs);
      };
      const ask = async (): Promise<void> => {
        try {
          const value = await get(wanted, shape, stop.signal);
          if (stop.signal.aborted) return;
          this.value = value;
          this.problem = null;
          this.missing = false;
        } catch (error) {
          if (stop.signal.aborted) return;
          this.problem = told(error);
          this.missing = error instanceof ApiError && error.status === 404;
          console.warn('plumbline:', error);
        }
      };
      soon = () => plan(Math.max(SOON_MS, APART_MS - (performance.now() - last)));
      // What is on its way may be from before the reason to read again.
      this.#now = async () => {
        await reading;
        await read();
      };
      untrack(() => void read());
      return () => {
        stop.abort();
        clearTimeout(timer);
      };
    });
    let first = true;
    $effect(() => {
      again?.();
      if (!first) soon();
      first = false;
    });
    $effect(() => {
      const seen = (): void => {
        if (!document.hidden) soon();
      };
      document.addEventListener('visibilitychange', seen);
      return () => document.removeEventListener('visibilitychange', seen);
    });
  }

  /** Read at once; resolves when that is done, well or not. */
  refresh(): Promise<void> {
    return this.#now();
  }
}
