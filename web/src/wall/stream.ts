/** Keeps one EventSource alive: reconnects with jitter, and opens anew when the line has gone quiet. */
import { parts } from '../api';
import { understand, type News } from './state';

const NAMES = ['snapshot', 'activity', 'observed', ...Object.keys(parts)];

/**
 * The server's heartbeat is a comment, which EventSource does not show us; so a quiet line is opened again, which costs
 * one snapshot and finds the half-open connections that no error ever reports.
 */
const QUIET_MS = 60_000;
/** A server that is asked anew answers with a snapshot; one that does not within this time is gone, whatever the line says. */
const ANSWER_MS = 15_000;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 15_000;

/** Wait before attempt number `attempt` (from 0): doubling, capped, spread over its upper half by `random` in [0, 1). */
export function waitBefore(attempt: number, random: number): number {
  const full = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(attempt, 10));
  return full / 2 + (full / 2) * random;
}

/** Follow the stream at `url` and tell `tell` each piece of news. Returns the function that stops it. */
export function follow(url: string, tell: (news: News) => void, refused: () => void): () => void {
  let stream: EventSource | null = null;
  let attempt = 0;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let quiet: ReturnType<typeof setTimeout> | undefined;
  let heard = Date.now();

  function open(): void {
    stream?.close();
    const opened = new EventSource(url);
    stream = opened;
    const hear = (event: MessageEvent<string>): void => {
      attempt = 0;
      heard = Date.now();
      clearTimeout(quiet);
      quiet = setTimeout(open, QUIET_MS);
      tell(understand(event.type, event.data, Date.now()));
    };
    for (const name of NAMES) opened.addEventListener(name, hear);
    opened.onerror = () => lose(opened, Date.now());
    clearTimeout(quiet);
    // What is shown is from when it was last heard of: the line may have been dead ever since.
    quiet = setTimeout(() => lose(opened, heard), ANSWER_MS);
  }

  /** The browser's own retry has a fixed wait and gives up on an HTTP error: ours does neither. */
  function lose(broken: EventSource, at: number): void {
    tell({ kind: 'lost', at });
    refused();
    broken.close();
    clearTimeout(quiet);
    clearTimeout(retry);
    retry = setTimeout(open, waitBefore(attempt, Math.random()));
    attempt += 1;
  }

  open();
  return () => {
    clearTimeout(retry);
    clearTimeout(quiet);
    stream?.close();
  };
}
