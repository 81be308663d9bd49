import { expect, test } from 'vitest';
import type { Act } from '../src/api';
import { standing } from '../src/order/signatures';
import { newId } from '../src/record';

const act = (id: string, at: string, person: string | null, role: string, more: Partial<Act> = {}, withdrawn = false): Act => ({
  id, kind: 'sign_off', at, person, about: 'PO~m', void: false, body: { role, withdrawn }, ...more,
});

test('a signature stands until its giver takes it back or the office voids it', () => {
  const acts = [
    act('3', '2026-03-02T08:00:00Z', 'Wu', 'supervisor', {}, true),
    act('1', '2026-03-02T06:00:00Z', 'Wu', 'supervisor'),
    act('2', '2026-03-02T07:00:00Z', 'Li', 'supervisor'),
    act('4', '2026-03-02T09:00:00Z', 'Ada', 'engineer', { void: true }),
    act('5', '2026-03-02T09:00:00Z', 'Ada', 'engineer', { kind: 'inspection' }),
  ];
  expect(standing(acts).map((one) => one.person)).toEqual(['Li']);
});

test('who signs again after taking it back has signed', () => {
  const acts = [
    act('1', '2026-03-02T06:00:00Z', 'Wu', 'a'), act('2', '2026-03-02T07:00:00Z', 'Wu', 'a', {}, true), act('3', '2026-03-02T08:00:00Z', 'Wu', 'a'),
  ];
  expect(standing(acts).map((one) => one.id)).toEqual(['3']);
});

test('an act whose body is not what one expects breaks nothing', () => {
  expect(standing([act('1', '2026-03-02T06:00:00Z', 'Wu', 'a', { body: null }), act('2', '2026-03-02T06:00:00Z', null, 'a')])).toHaveLength(1);
});

test('ids are UUIDs of version 7 that sort by time', () => {
  const ids = [1_700_000_000_000, 1_700_000_000_001, 2 ** 47].map(newId);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect([...ids].sort()).toEqual(ids);
  expect(newId(1)).not.toBe(newId(1));
});
