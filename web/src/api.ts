/** The wall's contract with the tracking service: what each endpoint and each stream event carries. */
import { anything, flag, list, maybe, number, pair, record, text, time, word, type Read, type Shape } from './shape';

/** A text in both languages. */
export const bilingual = record({ en: text, zh: text });

export const rag = word(['green', 'yellow', 'red', 'unknown'], 'unknown');
export const source = word(['people', 'machines', 'scans', 'noise', 'dust'], 'scans');

const zone = record({
  id: text,
  title: bilingual,
  kind: word(['gate', 'storage', 'work', 'office', 'traffic'], 'work'),
  polygon: list(pair),
});

/** The picture's corners are top left, top right, bottom right, bottom left, each longitude then latitude. */
const picture = record({ url: text, corners: list(pair) });

const site = record({
  id: text,
  title: bilingual,
  timezone: text,
  lat: number,
  lon: number,
  cell_m: number,
  plan: maybe(picture),
  zones: list(zone),
});

const heat = record({
  window_minutes: number,
  cells: list(record({ cell: text, source, lat: number, lon: number, weight: number })),
});

const line = record({
  id: text,
  title: bilingual,
  unit: text,
  expected: number,
  arrived: number,
  needed_by: maybe(time),
  promised: maybe(time),
  supplier: maybe(text),
  supplier_title: maybe(bilingual),
  state: word(['waiting', 'partial', 'arrived', 'over', 'short'], 'waiting'),
});

const milestone = record({
  id: text,
  title: bilingual,
  percent: number,
  state: word(['open', 'done', 'unknown'], 'unknown'),
  rag,
  start: maybe(time),
  due: maybe(time),
  /** Percent that its plan asks for by now; null: it has no plan. */
  planned: maybe(number),
  done_at: maybe(time),
  reason: bilingual,
  evidence: number,
  policy: maybe(bilingual),
  rule: maybe(bilingual),
  why: maybe(bilingual),
  /** Whose signature its policy asks for. */
  roles: maybe(list(text)),
  /** What people call them, in the same order. */
  role_titles: maybe(list(bilingual)),
});

export const order = record({
  id: text,
  number: text,
  site: maybe(text),
  title: bilingual,
  customer: text,
  percent: number,
  rag,
  lines: list(line),
  milestones: list(milestone),
});

const gateway = record({
  id: text,
  online: flag,
  since: time,
  last_seen: time,
  data_until: maybe(time),
  missing: maybe(number),
  backlog: maybe(number),
  state: word(['online', 'offline', 'catching_up'], 'offline'),
});

const equipment = record({
  device: text,
  title: bilingual,
  state: word(['off', 'idle', 'working', 'fault', 'unknown'], 'unknown'),
  since: maybe(time),
  lat: maybe(number),
  lon: maybe(number),
  zone: maybe(text),
});

const people = record({ on_site: number, by_place: list(record({ place: text, title: bilingual, count: number })) });

const environment = record({
  device: text,
  title: bilingual,
  metric: text,
  metric_title: bilingual,
  unit: text,
  value: number,
  at: time,
  limit: maybe(number),
});

export const activity = record({
  id: text,
  at: time,
  kind: word(['scan', 'check_in', 'state', 'milestone', 'gateway', 'unlinked', 'inspection'], 'scan'),
  text: bilingual,
  level: word(['info', 'good', 'warn', 'bad'], 'info'),
});

/** The parts of a snapshot that the stream replaces whole, by their event's name. */
export const parts = {
  heat,
  orders: list(order),
  gateways: list(gateway),
  equipment: list(equipment),
  people,
  environment: list(environment),
  unlinked: number,
};

export const snapshot = record({ site, now: time, ...parts, activity: list(activity) });

export const sites = list(record({ id: text, title: bilingual, timezone: text }));

export const evidence = list(
  record({
    event_id: text,
    at: time,
    device: text,
    line: maybe(bilingual),
    quantity: maybe(number),
    sentence: bilingual,
    raw: maybe(text),
    kind: word(['event', 'act', 'series'], 'event'),
    person: maybe(text),
  }),
);

export const unlinkedScans = list(
  record({
    event_id: text, at: time, device: text, device_title: bilingual, text, reason: bilingual,
    kind: word(['scan', 'inspection'], 'scan'),
  }),
);

/** The moves of a milestone, newest first; `causes` are ids of events and acts. */
export const transitions = list(
  record({
    at: time,
    recorded_at: time,
    before: number,
    after: number,
    done_before: maybe(time),
    done_after: maybe(time),
    why: bilingual,
    cause: text,
    causes: list(text),
  }),
);

/** A task against the plan: `start` and `finish` as planned, the others as it looks now. */
const task = record({
  key: text,
  title: bilingual,
  wbs: text,
  parent: maybe(text),
  owner: maybe(text),
  owner_name: maybe(text),
  after: list(text),
  start: maybe(time),
  finish: maybe(time),
  percent: number,
  done_at: maybe(time),
  early_start: time,
  early_finish: time,
  late_finish: time,
  float_days: number,
  critical: flag,
  rag,
  reason: bilingual,
});

const shortage = record({
  line: text,
  kind: word(['missing', 'soon', 'promised_late', 'likely_late'], 'soon'),
  missing: number,
  needed_by: time,
  expected_at: maybe(time),
  reason: bilingual,
});

const expectedFinish = record({ p50: time, p80: time, paces: number, delays: number });

const health = record({
  points: number,
  parts: list(record({ name: text, points: number, of: number, reason: bilingual })),
});

/** An order against its plan. */
export const plan = record({
  order: text,
  due: maybe(time),
  finish: maybe(time),
  critical: list(text),
  behind: maybe(number),
  rule: bilingual,
  tasks: list(task),
  shortages: list(shortage),
  expected: maybe(expectedFinish),
  health: maybe(health),
});

const side = record({
  event_id: text,
  at: time,
  device: text,
  title: bilingual,
  lat: maybe(number),
  lon: maybe(number),
  accuracy_m: maybe(number),
  zone: maybe(text),
  zone_title: maybe(bilingual),
});

/** Two sources that cannot both be right. */
export const contradictions = list(
  record({ id: text, title: bilingual, sentence: bilingual, seen: side, fix: side, distance_m: number, text }),
);

/** What became of an act. */
export const recorded = record({ id: text, status: word(['recorded', 'known'], 'recorded') });

export const acts = list(
  record({ id: text, kind: text, at: time, person: maybe(text), about: maybe(text), void: flag, body: maybe(anything) }),
);

export const history = list(record({ device: text, title: bilingual, points: list(pair) }));

export type Text = Read<typeof bilingual>;
export type Snapshot = Read<typeof snapshot>;
export type Site = Snapshot['site'];
export type Zone = Read<typeof zone>;
export type Heat = Read<typeof heat>;
export type Source = Read<typeof source>;
export type Order = Read<typeof order>;
export type Line = Read<typeof line>;
export type Milestone = Read<typeof milestone>;
export type Gateway = Read<typeof gateway>;
export type Equipment = Read<typeof equipment>;
export type People = Read<typeof people>;
export type Environment = Read<typeof environment>;
export type Activity = Read<typeof activity>;
export type Evidence = Read<typeof evidence>[number];
export type UnlinkedScan = Read<typeof unlinkedScans>[number];
export type History = Read<typeof history>;
export type Rag = Read<typeof rag>;
export type Transition = Read<typeof transitions>[number];
export type Plan = Read<typeof plan>;
export type Task = Read<typeof task>;
export type Shortage = Read<typeof shortage>;
export type Health = Read<typeof health>;
export type Contradiction = Read<typeof contradictions>[number];
export type Act = Read<typeof acts>[number];
export type PartName = keyof typeof parts;

/** The server answered, but not with what was asked for. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** No answer came: the server cannot be reached, or it has been silent for too long. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
  constructor(
    readonly why: 'unreachable' | 'silent',
    options?: ErrorOptions,
  ) {
    super(why === 'silent' ? `no answer within ${String(PATIENCE_MS / 1000)} s` : 'the server cannot be reached', options);
  }
}

/** How long an answer may take: where the line is half open neither an answer nor an error ever comes. */
const PATIENCE_MS = 30_000;

/**
 * Read one endpoint. Throws `ApiError` on an HTTP error, `ContractError` on an answer of another shape, `NoAnswerError`
 * where none comes, and what `signal` was aborted with.
 */
export function get<T>(path: string, shape: Shape<T>, signal?: AbortSignal): Promise<T> {
  return ask(path, { headers: { accept: 'application/json' } }, shape, signal);
}

/** Send one act; throws as `get` does. The same body sent again is the same act. */
export function post<T>(path: string, body: object, shape: Shape<T>): Promise<T> {
  const headers = { accept: 'application/json', 'content-type': 'application/json' };
  return ask(path, { method: 'POST', headers, body: JSON.stringify(body) }, shape);
}

async function ask<T>(path: string, request: RequestInit, shape: Shape<T>, signal?: AbortSignal): Promise<T> {
  const stop = new AbortController();
  const forget = (): void => stop.abort(signal?.reason);
  signal?.addEventListener('abort', forget, { once: true });
  const timer = setTimeout(() => stop.abort(new NoAnswerError('silent')), PATIENCE_MS);
  try {
    const answer = await fetch(path, { ...request, signal: stop.signal });
    if (!answer.ok) throw new ApiError(answer.status, await problemOf(answer, path));
    return shape(await answer.json(), path);
  } catch (error) {
    if (stop.signal.aborted) throw stop.signal.reason;
    // What `fetch` throws where there is no line is a TypeError, in words of the browser's own.
    throw error instanceof TypeError ? new NoAnswerError('unreachable', { cause: error }) : error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', forget);
  }
}

/** What the server says is wrong (RFC 9457), or the status where it says nothing. */
async function problemOf(answer: Response, path: string): Promise<string> {
  const fallback = `${path}: HTTP ${String(answer.status)}`;
  try {
    const found = (await answer.json()) as { detail?: unknown } | null;
    return typeof found?.detail === 'string' && found.detail ? found.detail : fallback;
  } catch {
    return fallback;
  }
}

/** `/api/…` with its query; empty values are left out. */
export function address(path: string, query: Record<string, string | number | null>): string {
  const given = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== null) given.set(key, String(value));
  const asked = given.toString();
  return asked ? `${path}?${asked}` : path;
}
