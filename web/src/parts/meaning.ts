/** How each state looks: always a colour, an icon and a word together, so that no one has to tell colours apart. */
import type { Activity, Equipment, Gateway, Line, Milestone, Shortage } from '../api';
import type { UnitState } from '../linking';
import type { Key } from '../text/catalogue';
import type { IconName } from './icons';

export type Tone = 'good' | 'warn' | 'bad' | 'info' | 'mute';

export interface Meaning {
  readonly tone: Tone;
  readonly icon: IconName;
  readonly word: Key;
}

export const RAG: Record<Milestone['rag'], Meaning> = {
  green: { tone: 'good', icon: 'check', word: 'rag.green' },
  yellow: { tone: 'warn', icon: 'warning', word: 'rag.yellow' },
  red: { tone: 'bad', icon: 'cross', word: 'rag.red' },
  unknown: { tone: 'mute', icon: 'question', word: 'rag.unknown' },
};

export const DONE: Meaning = { tone: 'good', icon: 'check', word: 'milestones.done' };

export function meaningOf(milestone: Milestone): Meaning {
  if (milestone.state === 'done') return DONE;
  return milestone.state === 'unknown' ? RAG.unknown : RAG[milestone.rag];
}

export const LINE: Record<Line['state'], Meaning> = {
  waiting: { tone: 'mute', icon: 'clock', word: 'line.waiting' },
  partial: { tone: 'info', icon: 'part', word: 'line.partial' },
  arrived: { tone: 'good', icon: 'check', word: 'line.arrived' },
  over: { tone: 'warn', icon: 'plus', word: 'line.over' },
  short: { tone: 'bad', icon: 'warning', word: 'line.short' },
};

export const GATEWAY: Record<Gateway['state'], Meaning> = {
  online: { tone: 'good', icon: 'check', word: 'gateways.online' },
  catching_up: { tone: 'info', icon: 'refresh', word: 'gateways.catching_up' },
  offline: { tone: 'warn', icon: 'cloud_off', word: 'gateways.offline' },
};

export const EQUIPMENT: Record<Equipment['state'], Meaning> = {
  working: { tone: 'good', icon: 'play', word: 'equipment.working' },
  idle: { tone: 'warn', icon: 'pause', word: 'equipment.idle' },
  off: { tone: 'mute', icon: 'power', word: 'equipment.off' },
  fault: { tone: 'bad', icon: 'warning', word: 'equipment.fault' },
  unknown: { tone: 'mute', icon: 'question', word: 'equipment.unknown' },
};

export const LIMIT: Record<'none' | 'within' | 'near' | 'above', Meaning> = {
  none: { tone: 'mute', icon: 'minus', word: 'environment.none' },
  within: { tone: 'good', icon: 'check', word: 'environment.within' },
  near: { tone: 'warn', icon: 'warning', word: 'environment.near' },
  above: { tone: 'bad', icon: 'up', word: 'environment.above' },
};

export const LEVEL: Record<Activity['level'], { readonly tone: Tone; readonly word: Key }> = {
  info: { tone: 'mute', word: 'level.info' },
  good: { tone: 'good', word: 'level.good' },
  warn: { tone: 'warn', word: 'level.warn' },
  bad: { tone: 'bad', word: 'level.bad' },
};

export const ACTIVITY: Record<Activity['kind'], IconName> = {
  scan: 'scan',
  check_in: 'badge',
  state: 'machine',
  milestone: 'flag',
  gateway: 'gateway',
  unlinked: 'unlinked',
  inspection: 'clipboard',
};

export const SHORTAGE: Record<Shortage['kind'], Meaning> = {
  missing: { tone: 'bad', icon: 'warning', word: 'shortage.missing' },
  soon: { tone: 'warn', icon: 'clock', word: 'shortage.soon' },
  promised_late: { tone: 'bad', icon: 'truck', word: 'shortage.promised_late' },
  likely_late: { tone: 'warn', icon: 'truck', word: 'shortage.likely_late' },
};

export const UNIT: Record<UnitState, Meaning> = {
  expected: { tone: 'mute', icon: 'clock', word: 'unit.expected' },
  waiting: { tone: 'info', icon: 'clock', word: 'unit.waiting' },
  unknown: { tone: 'mute', icon: 'question', word: 'rag.unknown' },
  missing: { tone: 'bad', icon: 'warning', word: 'unit.missing' },
  arrived: { tone: 'good', icon: 'check', word: 'unit.arrived' },
  short: { tone: 'bad', icon: 'minus', word: 'unit.short' },
  over: { tone: 'warn', icon: 'plus', word: 'unit.over' },
  returned: { tone: 'warn', icon: 'undo', word: 'unit.returned' },
};

/** The parts of a health score. */
export const PARTS = {
  schedule: 'health.schedule',
  material: 'health.material',
  quality: 'health.quality',
  data: 'health.data',
  open_questions: 'health.open_questions',
} as const satisfies Record<string, Key>;

/** What moved a milestone. */
export const CAUSES = {
  seen: 'cause.seen',
  corrected: 'cause.corrected',
  order: 'cause.order',
  time: 'cause.time',
  rebuild: 'cause.rebuild',
} as const satisfies Record<string, Key>;

/** How good so many points of so many are: from four fifths good, from half worth an eye, else bad. */
export function toneOf(points: number, of: number): Tone {
  if (of <= 0) return 'mute';
  const part = points / of;
  return part >= 0.8 ? 'good' : part >= 0.5 ? 'warn' : 'bad';
}
