import { expect, test } from 'vitest';
import { fill } from '../src/text/catalogue';
import { en } from '../src/text/en';
import { zh } from '../src/text/zh';

const places = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map(([place]) => place).sort();

test('both languages have the same texts', () => {
  expect(Object.keys(zh).sort()).toEqual(Object.keys(en).sort());
});

test.each(Object.keys(en) as (keyof typeof en)[])('%s leaves the same places to fill in both languages', (key) => {
  expect(places(zh[key])).toEqual(places(en[key]));
  expect(zh[key].trim()).not.toBe('');
});

test('a place nobody filled stays visible', () => {
  expect(fill('since {time}, {what}', { time: '14:02' })).toBe('since 14:02, {what}');
});
