import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { get, NoAnswerError } from '../src/api';
import type { News } from '../src/wall/state';
import { follow } from '../src/wall/stream';

/** A line to a server that says only what a test has it say. */
class Line {
  static readonly CLOSED = 2;
  static readonly all: Line[] = [];
  readonly hearers = new Map<string, (event: MessageEvent<string>) => void>();
  onerror: (() => void) | null = null;
  readyState = 0;
  constructor(readonly url: string) {
    Line.all.push(this);
  }
  addEventListener(name: string, hear: (event: MessageEvent<string>) => void): void {
    this.hearers.set(name, hear);
  }
  say(name: string): void {
    this.hearers.get(name)?.({ type: name, data: '{}' } as MessageEvent<string>);
  }
  close(): void {
    this.readyState = Line.CLOSED;
  }
}

const START = Date.UTC(2026, 2, 2, 6);
let news: News[] = [];
let refusals = 0;
let stop: () => void = () => undefined;

beforeEach(() => {
  vi.useFakeTimers({ now: START });
  vi.stubGlobal('EventSource', Line);
  Line.all.length = 0;
  news = [];
  refusals = 0;
});
afterEach(() => {
  stop();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

function begin(): void {
  stop = follow('/api/stream', (one) => news.push(one), () => (refusals += 1));
}
const losses = (): number[] => news.filter(({ kind }) => kind === 'lost').map(({ at }) => at - START);

test('a server that stands still is told as lost since it was last heard, not as live for ever', () => {
  begin();
  Line.all[0]?.say('observed');
  vi.advanceTimersByTime(60_000);
  expect(Line.all).toHaveLength(2);
  expect(losses()).toEqual([]);
  vi.advanceTimersByTime(15_000);
  expect(losses()).toEqual([0]);
  vi.advanceTimersByTime(60_000);
  expect(Line.all.length).toBeGreaterThan(3);
});

test('a quiet site whose server answers when it is asked anew is never lost', () => {
  begin();
  for (let minute = 0; minute < 30; minute += 1) {
    Line.all.at(-1)?.say('observed');
    vi.advanceTimersByTime(60_000);
  }
  expect(losses()).toEqual([]);
  expect(Line.all).toHaveLength(31);
});

test('a server that never answers is asked why, and asked again', () => {
  begin();
  vi.advanceTimersByTime(15_000);
  expect(refusals).toBe(1);
  vi.advanceTimersByTime(1_000);
  expect(Line.all).toHaveLength(2);
  Line.all[1]?.onerror?.();
  expect(refusals).toBe(2);
  vi.advanceTimersByTime(2_000);
  expect(Line.all).toHaveLength(3);
});

test('what is not answered within half a minute says so, and so does a server that is not there', async () => {
  vi.stubGlobal('fetch', (_path: string, { signal }: RequestInit) =>
    new Promise((_, fail) => signal?.addEventListener('abort', () => fail(signal.reason as Error))),
  );
  const asked = get('/api/sites', () => 0).catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(await asked).toMatchObject({ name: 'NoAnswerError', why: 'silent' });
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('Failed to fetch')));
  expect(await get('/api/sites', () => 0).catch((error: unknown) => error)).toMatchObject({ why: 'unreachable' });
  expect(new NoAnswerError('silent').message).toContain('30 s');
});

test('who leaves the page is told nothing', async () => {
  vi.stubGlobal('fetch', (_path: string, { signal }: RequestInit) =>
    new Promise((_, fail) => signal?.addEventListener('abort', () => fail(signal.reason as Error))),
  );
  const leaving = new AbortController();
  const asked = get('/api/sites', () => 0, leaving.signal).catch((error: unknown) => error);
  leaving.abort();
  expect(await asked).toBe(leaving.signal.reason);
});
