import { describe, expect, test } from 'vitest';
import type { Line, Order } from '../src/api';
import { choicesOf, likely, quantityOf, search, teachable, type Choice } from '../src/inbox/choices';
import type { Suggestion } from '../src/linking';

const t = (text: string) => ({ en: text, zh: text });
const line = (id: string, title: string, expected: number, arrived: number): Line => ({
  id, title: t(title), unit: 'pcs', expected, arrived, needed_by: null, promised: null, supplier: null, supplier_title: null, state: 'waiting',
});
const order = (number: string, lines: Line[]): Order => ({
  id: number, number, site: 's', title: t('Tower A'), customer: 'Harbour', percent: 0, rag: 'green', lines, milestones: [],
});
const orders = [
  order('PO-1', [line('PO-1~10', 'Steel columns', 4, 4), line('PO-1~20', 'Bolts M24', 40, 0)]),
  order('PO-2', [line('PO-2~10', 'Steel beams', 6, 1)]),
];
const choice: Choice = {
  line: 'PO-1~20', order: 'PO-1', title: t('Bolts'), unit: 'pcs', batch: null, expected: 40, open: 40, quantity: 1, score: 60,
  exact: false, reason: null,
};

describe('a clerk who searches', () => {
  test('finds lines by every word, whatever its case, what is still open first', () => {
    expect(search(orders, 'STEEL').map((one) => one.line)).toEqual(['PO-2~10', 'PO-1~10']);
    expect(search(orders, 'po-1 bolts').map((one) => one.line)).toEqual(['PO-1~20']);
    expect(search(orders, 'steel po-3')).toEqual([]);
  });

  test('who typed nothing finds nothing, and never more than fit', () => {
    expect(search(orders, '  ')).toEqual([]);
    expect(search(orders, 'harbour', 2)).toHaveLength(2);
  });
});

test('a line of another site is not offered: the office refuses it', () => {
  const suggestion: Suggestion = {
    line: 'PO-1~20', order: 'PO-1', title: t('Bolts'), unit: 'pcs', batch: null, quantity: 1, expected: 40, open: 40, needed_by: null,
    score: 60, exact: false, linkable: true, reason: t('why'), parts: [],
  };
  expect(choicesOf([suggestion, { ...suggestion, line: 'PO-9~1', linkable: false }]).map((one) => one.line)).toEqual(['PO-1~20']);
});

test.each([
  ['SUP-4711-B', true],
  ['09501101530003', true],
  ['(01)09501101530003(10)A7', true],
  ['00395011015300000017', false],
  ['(00)395011015300000017', false],
  [']C100395011015300000017', false],
  ['PL1:PO-2041/30/17', false],
])('%s may come again for its line: %s', (text, sensible) => {
  expect(teachable(text, choice)).toBe(sensible);
});

test('what the line knows already need not be learnt, and without a line there is nothing to learn', () => {
  expect(teachable('SUP-1', { ...choice, exact: true })).toBe(false);
  expect(teachable('SUP-1', null)).toBe(false);
});

test('only what is likely stands under Enter, and a mere guess is neither chosen nor learnt by itself', () => {
  const guess = { ...choice, score: 27 };
  expect(likely([guess])).toBeNull();
  expect(likely([])).toBeNull();
  expect(likely([choice, guess])).toBe(choice);
  expect(likely([{ ...choice, score: null }])?.line).toBe(choice.line);
  expect(teachable('SUP-1', guess)).toBe(false);
});

test.each([
  ['12', 12], [' 1.5 ', 1.5], ['1,5', 1.5], ['0.000001', 0.000001],
  ['', null], ['0', null], ['-1', null], ['1e3', null], ['1.2.3', null], ['1.1234567', null], ['9999999999', null], ['NaN', null],
])('the quantity %j is read as %s', (typed, value) => {
  expect(quantityOf(typed)).toBe(value);
});
