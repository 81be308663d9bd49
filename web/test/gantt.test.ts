import { describe, expect, test } from 'vitest';
import type { Milestone, Plan, Task } from '../src/api';
import { DAY_MS, domainOf, foldedAtFirst, offsetAt, rowsOf, ticks } from '../src/order/gantt';

const t = (text: string) => ({ en: text, zh: text });
const D = (day: number): string => new Date(Date.UTC(2026, 10, day)).toISOString();
const task = (key: string, parent: string | null = null, more: Partial<Task> = {}): Task => ({
  key, parent, title: t(key), wbs: '', owner: null, owner_name: null, after: [], start: D(1), finish: D(5), percent: 0, done_at: null, early_start: D(2),
  early_finish: D(7), late_finish: D(9), float_days: 1, critical: false, rag: 'green', reason: t(''), ...more,
});
const plan = (tasks: Task[]): Plan => ({
  order: 'PO', due: null, finish: null, critical: [], behind: null, rule: t(''), tasks, shortages: [], expected: null, health: null,
});
const milestone = (key: string, due: string | null = D(6)): Milestone => ({
  id: `PO~${key}`, title: t(key), percent: 0, state: 'open', rag: 'green', start: null, due, planned: null, done_at: null, reason: t(''),
  evidence: 0, policy: null, rule: null, why: null, roles: null, role_titles: null,
});
const keys = (rows: { key: string; depth: number }[]): string[] => rows.map((row) => `${'.'.repeat(row.depth)}${row.key}`);

describe('the rows of a plan', () => {
  test('follow the breakdown, each summary before its parts, milestones that are no task first', () => {
    const given = plan([task('a'), task('c'), task('b', 'a'), task('d', 'b')]);
    expect(keys(rowsOf(given, [milestone('m'), milestone('c')], new Set()))).toEqual(['~m', 'a', '.b', '..d', 'c']);
  });

  test('leave out what is folded away', () => {
    const given = plan([task('a'), task('b', 'a'), task('d', 'b'), task('c')]);
    expect(keys(rowsOf(given, [], new Set(['a'])))).toEqual(['a', 'c']);
  });

  test('show every task even where parents are missing or go round in a ring', () => {
    const given = plan([task('a', 'b'), task('b', 'a'), task('self', 'self'), task('lost', 'nobody')]);
    expect(rowsOf(given, [], new Set()).map((row) => row.key).sort()).toEqual(['a', 'b', 'lost', 'self']);
  });

  test('give a task of no length a diamond, and a milestone that is a task its date', () => {
    const [moment, both] = rowsOf(plan([task('m', null, { finish: D(1), early_finish: D(2) }), task('c')]), [milestone('c')], new Set());
    expect([moment?.kind, moment?.due, moment?.planned, moment?.looks]).toEqual(['milestone', Date.parse(D(1)), null, null]);
    expect([both?.kind, both?.due]).toEqual(['task', Date.parse(D(6))]);
  });

  test('mark as critical only what is still to be done', () => {
    const given = { ...plan([task('a'), task('b', null, { done_at: D(4) }), task('c')]), critical: ['a', 'b'] };
    expect(rowsOf(given, [], new Set()).map((row) => row.critical)).toEqual([true, false, false]);
  });

  test('tell of a summary what its parts are, folded or not', () => {
    const bare = { start: null, finish: null };
    const given = {
      ...plan([
        task('a', null, bare), task('b', 'a', bare), task('c', 'b', { start: D(3), finish: D(4) }), task('d', 'a', { start: D(2), finish: D(3) }),
        task('e', null, { start: D(1), finish: D(9) }),
      ]),
      critical: ['c'],
    };
    for (const folded of [new Set<string>(), new Set(['a'])]) {
      const [a] = rowsOf(given, [], folded);
      expect([a?.critical, a?.planned]).toEqual([true, [Date.parse(D(2)), Date.parse(D(4))]]);
    }
    const e = rowsOf(given, [], new Set()).at(-1);
    expect([e?.critical, e?.planned]).toEqual([false, [Date.parse(D(1)), Date.parse(D(9))]]);
  });

  test('survive a nesting deeper than a stack', () => {
    const deep = Array.from({ length: 5000 }, (_, n) => task(String(n), n ? String(n - 1) : null));
    expect(rowsOf(plan(deep), [], new Set()).at(-1)?.depth).toBe(4999);
  });

  test('are folded from the deepest level up until they fit', () => {
    const many = [task('a'), ...Array.from({ length: 30 }, (_, n) => task(`b${String(n)}`, 'a')), task('x'), task('y', 'x')];
    const folded = foldedAtFirst(plan(many), 10);
    expect(rowsOf(plan(many), [], folded).map((row) => row.key)).toEqual(['a', 'x']);
    expect(foldedAtFirst(plan(many), 100).size).toBe(0);
  });
});

test('a chart reaches over everything that stands in it, and has a day even where nothing does', () => {
  const [from, to] = domainOf(rowsOf(plan([task('a')]), [], new Set()), [null, Date.parse(D(20))]);
  expect(from).toBeLessThan(Date.parse(D(1)));
  expect(to).toBeGreaterThan(Date.parse(D(20)));
  const [least, most] = domainOf([], []);
  expect(most - least).toBeGreaterThanOrEqual(DAY_MS);
});

describe('ticks', () => {
  const span = (days: number): readonly [number, number] => [Date.parse(D(1)), Date.parse(D(1)) + days * DAY_MS];

  test.each([
    [10, 'day'], [60, 'week'], [300, 'month'], [900, 'quarter'], [5000, 'year'],
  ] as const)('over %d days on 1000 px stand at each %s', (days, step) => {
    const made = ticks(span(days), 1000, 60, 'Asia/Shanghai');
    expect(made[0]?.step).toBe(step);
    expect(made.length).toBeGreaterThan(2);
    expect(made.length).toBeLessThan(20);
  });

  test('stand at midnight by the site’s clock, over the change of the hour too', () => {
    const zone = 'Europe/Berlin';
    const around = [Date.UTC(2026, 9, 22), Date.UTC(2026, 9, 29)] as const;
    for (const { at } of ticks(around, 2000, 60, zone)) expect((at + offsetAt(at, zone)) % DAY_MS).toBe(0);
  });

  test('weeks begin on Monday', () => {
    for (const { at } of ticks(span(60), 1000, 60, 'UTC')) expect(new Date(at).getUTCDay()).toBe(1);
  });

  test('stay few over thousands of years', () => {
    expect(ticks([Date.UTC(1, 0), Date.UTC(9000, 0)], 1000, 60, 'UTC').length).toBeLessThan(20);
  });
});
