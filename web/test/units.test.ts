import { expect, test } from 'vitest';
import server from '../../plumbline/counted.py?raw';
import wall from '../src/units.ts?raw';
import { unitOf } from '../src/units';

test('a unit is said in the number and the language that are asked for', () => {
  expect(unitOf(1, 'boxes', 'en')).toBe('box');
  expect(unitOf(0.5, 'box', 'en')).toBe('boxes');
  expect(unitOf(1, 'Pcs', 'en')).toBe('pc');
  expect(unitOf(12, 'boxes', 'zh')).toBe('箱');
  expect(unitOf(3, '箱', 'en')).toBe('boxes');
});

test('what is measured, and what nobody knows, stays as written', () => {
  expect(unitOf(1, 'm2', 'en')).toBe('m²');
  expect(unitOf(1, 't', 'zh')).toBe('t');
  expect(unitOf(2, 'formwork tie', 'en')).toBe('formwork tie');
});

test('the server says the same words', () => {
  const rows = (text: string, quote: string): string[] => {
    const row = new RegExp(`[([]${quote}(\\w+)${quote}, ${quote}(\\w+)${quote}, ${quote}([^${quote}]+)${quote}[)\\]],`, 'g');
    return [...text.matchAll(row)].map((found) => found.slice(1).join(' '));
  };
  const here = rows(wall, "'");
  expect(here.length).toBeGreaterThan(20);
  expect(rows(server, '"')).toEqual(here);
});
