/** The wall's contract with the tracking service: what each endpoint and each stream event carries. */
import { flag, list, maybe, number, pair, record, text, time, word, type Read, type Shape } from './shape';

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
const plan = record({ url: text, corners: list(pair) });

const site = record({
  id: text,
  title: bilingual,
  timezone: text,
  lat: number,
  lon: number,
  cell_m: number,
  plan: maybe(plan),
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
  state: word(['waiting', 'partial', 'arrived', 'over', 'short'], 'waiting'),
});

const milestone = record({
  id: text,
  title: bilingual,
  percent: number,
  state: word(['open', 'done', 'unknown'], 'unknown'),
  rag,
  due: maybe(time),
  reason: bilingual,
  evidence: number,
});

const order = record({
  id: text,
  number: text,
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
  }),
);

export const unlinkedScans = list(record({ event_id: text, at: time, device: text, text, reason: bilingual }));

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

/**
 * Read one endpoint. Throws `ApiError` on an HTTP error, `ContractError` on an answer of another shape, and what
 * `fetch` throws where the server cannot be reached.
 */
export async function get<T>(path: string, shape: Shape<T>, signal?: AbortSignal): Promise<T> {
  const answer = await fetch(path, { headers: { accept: 'application/json' }, ...(signal ? { signal } : {}) });
  if (!answer.ok) throw new ApiError(answer.status, `${path}: HTTP ${String(answer.status)}`);
  return shape(await answer.json(), path);
}

/** `/api/…` with its query; empty values are left out. */
export function address(path: string, query: Record<string, string | number | null>): string {
  const given = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== null) given.set(key, String(value));
  const asked = given.toString();
  return asked ? `${path}?${asked}` : path;
}
