import { describe, expect, test } from 'vitest';
import type { Gateway, Line, Milestone, Order } from '../src/api';
import { clockOrDay, percent, quantity, unit } from '../src/format';
import { againstLimit, byUrgency, knownUntil, linesForWall, share, troubledFirst } from '../src/wall/reading';
import { waitBefore } from '../src/wall/stream';
import { carryOn, underlay } from '../src/wall/trend';

const AT = '2026-03-02T06:00:00Z';
const gateway = (id: string, state: Gateway['state'], data_until: string | null): Gateway => ({
  id, state, data_until, online: state !== 'offline', since: AT, last_seen: AT, missing: null, backlog: null,
});

describe('what is known', () => {
  test('reaches as far as the gateway that is furthest behind', () => {
    const later = '2026-03-02T06:05:00Z';
    expect(knownUntil([gateway('a', 'online', later), gateway('b', 'offline', AT)])).toBe(Date.parse(AT));
  });

  test('is unknown while one gateway has told nothing, and where there is none', () => {
    expect(knownUntil([gateway('a', 'online', AT), gateway('b', 'online', null)])).toBeNull();
    expect(knownUntil([])).toBeNull();
  });

  test('shows gateways in trouble first', () => {
    const all = [gateway('c', 'online', AT), gateway('b', 'catching_up', AT), gateway('a', 'offline', AT)];
    expect(troubledFirst(all).map(({ id }) => id)).toEqual(['a', 'b', 'c']);
  });
});

test('milestones that need eyes come first and the done last', () => {
  const mark = (id: string, rag: Milestone['rag'], state: Milestone['state'], due: string | null): Milestone => ({
    id, rag, state, due, title: { en: id, zh: id }, percent: 0, reason: { en: '', zh: '' }, evidence: 0,
    start: null, planned: null, done_at: null, policy: null, rule: null, why: null, roles: null, role_titles: null,
  });
  const order = {
    id: 'o', number: 'PO', site: null, title: { en: '', zh: '' }, customer: '', percent: 0, rag: 'green', lines: [],
    milestones: [
      mark('done', 'red', 'done', AT), mark('green', 'green', 'open', null), mark('unknown', 'unknown', 'unknown', AT),
      mark('later', 'red', 'open', '2026-03-03T06:00:00Z'), mark('now', 'red', 'open', AT), mark('yellow', 'yellow', 'open', null),
    ],
  } satisfies Order;
  expect(byUrgency([order]).map(({ milestone }) => milestone.id)).toEqual(['now', 'later', 'yellow', 'unknown', 'green', 'done']);
});

test.each([
  [10, null, 'none'], [10, 20, 'within'], [16, 20, 'near'], [20, 20, 'near'], [20.1, 20, 'above'],
] as const)('%d against a limit of %s is %s', (value, limit, standing) => {
  expect(againstLimit(value, limit)).toBe(standing);
});

test.each([[0, 10, 0], [5, 10, 0.5], [12, 10, 1], [-1, 10, 0], [0, 0, 1]])('%d of %d fills %d of the bar', (here, all, part) => {
  expect(share(here, all)).toBe(part);
});

describe('figures', () => {
  test('never round up to done nor down to nothing', () => {
    expect([0, 0.2, 99.7, 100].map(percent)).toEqual(['0', '1', '99', '100']);
  });

  test('are short', () => {
    expect([24, 99.54, 1240, 12.34].map((value) => quantity(value, 'en'))).toEqual(['24', '99.5', '1,240', '12.3']);
  });

  test('carry the unit as people write it', () => {
    expect(['Cel', 'ug/m3', 'pcs', 'toString'].map(unit)).toEqual(['°C', 'µg/m³', 'pcs', 'toString']);
  });

  test('name the day only when it is not the site’s today', () => {
    const zone = 'Asia/Shanghai';
    expect(clockOrDay(AT, Date.parse('2026-03-02T15:59:00Z'), zone, 'en')).toBe('14:00');
    expect(clockOrDay(AT, Date.parse('2026-03-02T16:01:00Z'), zone, 'en')).toBe('2 Mar 14:00');
    expect(clockOrDay(AT, Date.parse('2026-03-02T16:01:00Z'), zone, 'zh')).toBe('3月2日 14:00');
  });
});

describe('a trend', () => {
  test('carries on with newer values only and forgets what is too old', () => {
    let series = carryOn([], 10, 1, 0);
    series = carryOn(series, 10, 2, 0);
    series = carryOn(series, 20, 3, 15);
    expect(series).toEqual([[20, 3]]);
  });

  test('joins the history with what came live after it', () => {
    expect(underlay([[1, 1], [2, 2]], [[2, 9], [3, 3]])).toEqual([[1, 1], [2, 2], [3, 3]]);
    expect(underlay([], [[3, 3]])).toEqual([[3, 3]]);
  });
});

test('waiting before another try doubles, has a ceiling and never is nothing', () => {
  expect([0, 1, 2, 10, 1000].map((attempt) => waitBefore(attempt, 1))).toEqual([1000, 2000, 4000, 15000, 15000]);
  expect(waitBefore(0, 0)).toBe(500);
});

describe('the lines of an order on the wall', () => {
  const line = (id: string, state: Line['state'], needed_by: string | null = null): Line => ({
    id, state, needed_by, title: { en: id, zh: id }, unit: 'pcs', expected: 2, arrived: 1, promised: null, supplier: null, supplier_title: null,
  });

  test('stand as ordered where there are few', () => {
    const all = [line('a', 'arrived'), line('b', 'short')];
    expect(linesForWall(all, 2)).toBe(all);
  });

  test('are those that need eyes where there are thousands, by the date they are needed', () => {
    const all = [
      ...Array.from({ length: 5000 }, (_, at) => line(`done-${String(at)}`, 'arrived')),
      line('some day', 'waiting'),
      line('later', 'waiting', '2026-03-09T06:00:00Z'),
      line('sooner', 'partial', '2026-03-03T06:00:00Z'),
      line('too many', 'over'),
      line('short', 'short'),
    ];
    expect(linesForWall(all, 5).map(({ id }) => id)).toEqual(['short', 'too many', 'sooner', 'later', 'some day']);
    expect(linesForWall(all)).toHaveLength(24);
  });
});
