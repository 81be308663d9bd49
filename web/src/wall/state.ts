/** What the wall knows, as a pure function of what it was told: `(state, news) -> state`. */
import { activity, parts, snapshot, type Activity, type PartName, type Snapshot } from '../api';
import { ContractError } from '../shape';

/** Entries of activity that are kept; the server sends as many in a snapshot. */
export const ACTIVITY_KEPT = 30;

export interface WallState {
  readonly snapshot: Snapshot | null;
  /** `connecting` until the first snapshot; `lost` when the stream broke and what is shown grows old. */
  readonly link: 'connecting' | 'live' | 'lost';
  /** When the link broke, milliseconds of the browser's clock. */
  readonly lostAt: number | null;
  /** When the stream last said anything, milliseconds of the browser's clock. */
  readonly heardAt: number | null;
  /** Server clock minus browser clock, milliseconds: a kiosk's clock is often wrong. */
  readonly clockOffset: number;
  /** The last event that did not follow the contract, in words for whoever mends it. */
  readonly misunderstood: string | null;
}

export type News =
  | { readonly kind: 'snapshot'; readonly value: Snapshot; readonly at: number }
  | { readonly kind: 'part'; readonly part: PartName; readonly value: Snapshot[PartName]; readonly at: number }
  | { readonly kind: 'activity'; readonly value: Activity; readonly at: number }
  | { readonly kind: 'heard'; readonly at: number }
  | { readonly kind: 'lost'; readonly at: number }
  | { readonly kind: 'misunderstood'; readonly problem: string; readonly at: number };

export const start: WallState = {
  snapshot: null,
  link: 'connecting',
  lostAt: null,
  heardAt: null,
  clockOffset: 0,
  misunderstood: null,
};

export function reduce(state: WallState, news: News): WallState {
  switch (news.kind) {
    case 'snapshot':
      return {
        snapshot: { ...news.value, activity: news.value.activity.slice(0, ACTIVITY_KEPT) },
        link: 'live',
        lostAt: null,
        heardAt: news.at,
        clockOffset: Date.parse(news.value.now) - news.at,
        misunderstood: null,
      };
    case 'part':
      // Before the first snapshot a part has no site to belong to; the snapshot that follows holds it anyway.
      if (!state.snapshot) return state;
      return { ...state, heardAt: news.at, snapshot: { ...state.snapshot, [news.part]: news.value } };
    case 'activity': {
      if (!state.snapshot) return state;
      const others = state.snapshot.activity.filter((entry) => entry.id !== news.value.id);
      const entries = [news.value, ...others].slice(0, ACTIVITY_KEPT);
      return { ...state, heardAt: news.at, snapshot: { ...state.snapshot, activity: entries } };
    }
    case 'heard':
      return { ...state, heardAt: news.at };
    case 'lost':
      // Never seen anything: still connecting. Already lost: keep the moment it began.
      if (!state.snapshot || state.link === 'lost') return state;
      return { ...state, link: 'lost', lostAt: news.at };
    case 'misunderstood':
      return { ...state, heardAt: news.at, misunderstood: news.problem };
  }
}

/** Turn one stream event into news; an event that breaks the contract becomes `misunderstood`, never an exception. */
export function understand(name: string, data: string, at: number): News {
  try {
    const value: unknown = JSON.parse(data);
    if (name === 'snapshot') return { kind: 'snapshot', value: snapshot(value, 'snapshot'), at };
    if (name === 'activity') return { kind: 'activity', value: activity(value, 'activity'), at };
    if (isPart(name)) return { kind: 'part', part: name, value: parts[name](value, name), at };
    return { kind: 'heard', at };
  } catch (error) {
    if (error instanceof ContractError || error instanceof SyntaxError) {
      return { kind: 'misunderstood', problem: `${name}: ${error.message}`, at };
    }
    throw error;
  }
}

function isPart(name: string): name is PartName {
  return Object.hasOwn(parts, name);
}
